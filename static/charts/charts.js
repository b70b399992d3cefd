// Plotly takes over from the drawn SVG, unseen. Bars open their events; dragging or arrow keys choose a
// range.
(() => {
  const bundle = document.currentScript.dataset.plotly;
  const config = { displayModeBar: false, displaylogo: false, showSendToCloud: false, responsive: true,
    doubleClick: false };
  const states = new WeakMap(); // a chart's box → its state
  const owners = new WeakMap(); // Plotly's node → the state that it shows now
  let spare = null; // the node of a chart that was swapped away: redrawing in it is cheaper than a new one
  let steps = 0; // how many pages Escape may go back: only those that a chart opened
  let loading;

  const plotly = () => (loading ??= new Promise((done, fail) => {
    const script = document.createElement("script");
    script.src = bundle;
    script.onload = () => done(window.Plotly);
    script.onerror = () => { loading = undefined; fail(new Error("plotly.js did not load")); };
    document.head.append(script);
  }));

  // ── Drawing

  const palette = (box) => {
    const style = getComputedStyle(box);
    return (name) => style.getPropertyValue(`--${name.replace(/^s-/, "")}`).trim();
  };

  const dressedTrace = (state, themeColor, trace, [slot]) => {
    const own = themeColor(slot);
    if (trace.type !== "bar") return { ...trace, line: { ...trace.line, color: own }, marker: {
      ...trace.marker, color: own } };
    const shape = state.spec.labels.map((_, bin) => (bin === state.spec.running ? "/" : ""));
    const pattern = { shape, fillmode: "overlay", size: 5, solidity: 0.35, fgcolor: themeColor("surface") };
    return { ...trace, marker: { color: own, line: { width: 0 }, pattern } };
  };

  // Under lines, the running bin is shaded: stripes need bars.
  const shade = ({ spec }, themeColor) => {
    if (spec.running === null || spec.layout.barmode) return [];
    const [x0, x1] = [spec.running - 0.5, spec.running + 0.5];
    return [{ type: "rect", x0, x1, y0: 0, y1: 1, yref: "paper", layer: "below", line: { width: 0 },
      fillcolor: themeColor("line"), opacity: 0.45 }];
  };

  const eachValueAxis = (layout, own) => {
    for (const name in layout) if (name.startsWith("yaxis")) layout[name] = { ...layout[name], ...own };
  };

  const dressed = (state, themed = state.box) => {
    const { spec, box } = state;
    const themeColor = palette(themed);
    const font = { family: getComputedStyle(box).fontFamily, size: 11.5, color: themeColor("muted") };
    const clear = "rgba(0,0,0,0)";
    const data = spec.data.map((trace, at) => dressedTrace(state, themeColor, trace, spec.origins[at]));
    const hoverlabel = { ...spec.layout.hoverlabel, bgcolor: themeColor("surface"),
      bordercolor: themeColor("line-strong"), font: { color: themeColor("ink"), size: 12 } };
    const layout = { ...spec.layout, font, hoverlabel, paper_bgcolor: clear, plot_bgcolor: clear,
      shapes: shade(state, themeColor) };
    eachValueAxis(layout, { gridcolor: themeColor("line"), zerolinecolor: themeColor("line-strong") });
    return { data, layout, themeColor };
  };

  // On the page, labels and grid are those of the SVG. Plotly's own, unseen ones name every bin for the hover
  // box.
  const onPage = (state) => {
    const { data, layout } = dressed(state);
    const coarse = matchMedia("(pointer: coarse)").matches;
    const { labels } = state.spec;
    layout.dragmode = coarse || state.spec.range === null ? false : "select"; // a finger scrolls the page
    layout.selectdirection = "h";
    layout.xaxis = { ...layout.xaxis, fixedrange: true, showticklabels: false, showspikes: false,
      tickvals: labels.map((_, bin) => bin), ticktext: labels };
    eachValueAxis(layout, { showticklabels: false });
    layout.annotations = [];
    layout.height = state.box.clientHeight; // a node that is reused may have shown fewer panels
    return { data, layout };
  };

  const draw = async (state) => {
    const Plotly = await plotly();
    if (!state.box.isConnected) return;
    if (!state.node) {
      state.node = spare ?? Object.assign(document.createElement("div"), { className: "live" });
      spare = null;
      state.box.append(state.node);
      owners.set(state.node, state);
    }
    const { data, layout } = onPage(state);
    const isNew = !state.node.on;
    await Plotly.react(state.node, data, layout, config);
    if (isNew) listen(state.node);
    state.box.classList.add("drawn");
    state.box.dataset.chart = "plotly";
  };

  const listen = (node) => {
    node.on("plotly_click", ({ event }) => clicked(owners.get(node), event));
    node.on("plotly_selected", (chosen) => {
      const { spec, box } = owners.get(node);
      if (!chosen?.range?.x) return;
      const [first, last] = chosen.range.x.map((x) => Math.min(Math.max(Math.round(x), 0),
        spec.labels.length - 1));
      range(box, spec, first, last);
    });
  };

  // The page's first picture comes first: Plotly waits for a quiet moment, or for a hand that nears the
  // chart.
  const whenQuiet = (state) => {
    const start = () => draw(state).catch(() => {}); // without Plotly, the SVG stays
    const quiet = () => (window.requestIdleCallback ?? setTimeout)(start, { timeout: 3000 });
    for (const sign of ["pointerenter", "focus", "touchstart"]) state.box.addEventListener(sign, start, {
      once: true, passive: true });
    if (document.readyState === "complete") requestAnimationFrame(quiet);
    else addEventListener("load", quiet, { once: true });
  };

  // ── Going somewhere

  // After any other navigation, Escape has no step of the chart to go back.
  let going = false;
  addEventListener("popstate", () => { steps = 0; });
  document.addEventListener("htmx:pushedIntoHistory", () => { if (!going) steps = 0; });

  const go = async (box, url, target) => {
    // The events of another bar take the place of those that are open: one step leads back to the chart.
    const isNext = Boolean(steps && document.querySelector(target)?.matches("[data-drilldown]"));
    steps += isNext ? 0 : 1;
    going = true;
    if (!window.htmx || !document.querySelector(target)) return location.assign(url);
    await window.htmx.ajax("GET", url, { source: box, target, swap: "outerHTML",
      [isNext ? "replace" : "push"]: url }).catch(() => {});
    going = false;
  };

  let left = null; // the chart that was gone back from, and where its page was scrolled to
  const back = () => {
    steps = 0; // at once: a second Escape may come before the page has gone back
    left = { chart: document.querySelector(".chart")?.id, top: scrollY };
    history.back();
  };
  document.addEventListener("htmx:historyRestore", () => {
    if (!left) return;
    const { chart, top } = left;
    left = null;
    requestAnimationFrame(() => {
      scrollTo(0, top);
      document.getElementById(chart)?.focus({ preventScroll: true, focusVisible: false });
    });
  });

  const address = (path, query, start, end) => {
    const params = new URLSearchParams(query);
    params.set("start", start);
    params.set("end", end);
    params.sort();
    return `${path}?${params}`;
  };

  const open = (state, bin, line) => {
    const { box, spec } = state;
    const rows = spec.lines[line]?.rows ?? spec.all;
    state.opened = { at: bin, from: null, line };
    return go(box, address(spec.events, rows, spec.edges[bin], spec.edges[bin + 1]), box.dataset.opens);
  };

  const range = (box, spec, first, last) => {
    const [from, to] = first < last ? [first, last] : [last, first];
    return go(box, address(spec.base, spec.range, spec.edges[from], spec.edges[to + 1]), box.dataset.ranges);
  };

  // Which bar lies under the pointer is read off its place, in the SVG and in Plotly's drawing alike.
  const clicked = (state, event) => {
    const { spec, box } = state;
    const area = box.querySelector(".plot").getBoundingClientRect();
    const count = spec.labels.length;
    const bin = Math.min(Math.max(Math.floor(((event.clientX - area.left) / area.width) * count), 0),
      count - 1);
    const down = (event.clientY - area.top) / area.height;
    const { rows } = spec; // panels: the line of each
    const [low, high] = spec.layout.yaxis.range;
    const value = high - down * (high - low);
    const line = rows.length ? rows[Math.min(Math.floor(down * rows.length), rows.length - 1)]
      : stack(spec, bin).find(({ from, to }) => (value > 0) === (to > from) && Math.abs(value) <= Math.abs(
        to))?.line ?? null;
    Object.assign(state, { at: bin, from: null, line });
    box.focus({ preventScroll: true, focusVisible: false }); // Escape closes what it opened
    say(state);
    open(state, bin, line);
  };

  // The parts of a stacked bar, from the axis outward.
  const stack = (spec, bin) => {
    const ends = { true: 0, false: 0 };
    return !spec.layout.barmode ? [] : spec.data.flatMap(({ type, y }, trace) => {
      if (type !== "bar" || !y[bin]) return [];
      const up = y[bin] > 0, from = ends[up];
      ends[up] += y[bin];
      return [{ line: spec.origins[trace][1], from, to: ends[up] }];
    });
  };

  // ── Keys: arrows walk the bins, and the panels or the parts of a bar; with Shift they select; Enter opens,
  // Escape goes back

  const linesAt = ({ spec, at }) => {
    const lines = spec.rows.length ? spec.rows : stack(spec, at).map(({ line }) => line);
    return lines.length > 1 ? lines : [];
  };

  // How far the chosen line is from the plot's top and bottom, in percent.
  const insets = ({ spec, at, line }) => {
    const row = spec.rows.indexOf(line), part = stack(spec, at).find((each) => each.line === line);
    if (row >= 0) return [row, spec.rows.length - row - 1].map((count) => (100 * count) / spec.rows.length);
    if (line === null || !part) return [0, 0];
    const [low, high] = spec.layout.yaxis.range;
    const ends = [Math.max(part.from, part.to), Math.min(part.from, part.to)];
    return [high - ends[0], ends[1] - low].map((value) => Math.max(0, (100 * value) / (high - low)));
  };

  const place = (state) => {
    const { spec, at, from, box } = state;
    const cursor = box.querySelector(".cursor");
    const share = 100 / spec.labels.length;
    const [top, bottom] = insets(state);
    cursor.hidden = false;
    Object.assign(cursor.style, { left: `${Math.min(at, from ?? at) * share}%`,
      width: `${(Math.abs(at - (from ?? at)) + 1) * share}%`, top: `${top}%`, bottom: `${bottom}%` });
  };

  const say = (state) => {
    const { spec, at, from, line, box } = state;
    const [first, last] = from === null ? [at, at] : [Math.min(at, from), Math.max(at, from)];
    place(state);
    box.querySelector("[role=status]").textContent = first === last ? figures(spec, at, line)
      : `${spec.labels[first]} to ${spec.labels[last]}. Press Enter to show this range.`;
    const row = spec.rows.indexOf(line);
    if (state.node && first === last) window.Plotly.Fx.hover(state.node, { xval: at },
      row > 0 ? `xy${row + 1}` : "xy");
  };

  const figures = (spec, bin, line) => {
    const text = new Intl.NumberFormat("en", { maximumSignificantDigits: 15 });
    const percent = new Intl.NumberFormat("en", { maximumSignificantDigits: 3 });
    const figure = (value, [one, many]) => text.format(value) + (many && ` ${value === 1 ? one : many}`);
    const lines = spec.lines.filter(({ values }) => values); // a hidden line has none
    const chosen = line === null ? lines.filter(({ values }) => values[bin]) : [spec.lines[line]];
    const parts = chosen.map(({ label, folded, values, shares, unit }) => `${label} ${folded.includes(bin) ?
      "about " : ""}${figure(values[bin] ?? 0, unit ?? ["", ""])}${shares?.[bin] ? ` (${percent.format(
      shares[bin])} %)` : ""}`).join("; ");
    const when = `${spec.labels[bin]}${bin === spec.running ? " (partial)" : ""}`;
    // Neither one part nor what is of several units has a sum.
    if (spec.rows.length || line !== null) return `${when}: ${parts || "no usage"}`;
    const total = lines.reduce((sum, { values }) => sum + (values[bin] ?? 0), 0);
    return `${when}: ${figure(total, spec.unit)}. ${parts}`;
  };

  // A bin that was chosen by keys stays chosen when the view is replaced by one with the same bins.
  let walked = null;
  const sameBins = (one, other) => String(one.edges) === String(other.edges);
  const resume = (state) => {
    if (walked && sameBins(walked.spec, state.spec)) {
      Object.assign(state, { at: walked.at, from: walked.from });
      say(state);
    }
    walked = null;
  };

  const leave = (state) => {
    Object.assign(state, { at: null, from: null, line: null });
    state.box.querySelector(".cursor").hidden = true;
    if (state.opened) place({ ...state, ...state.opened });
    if (state.node) window.Plotly.Fx.unhover(state.node);
  };

  const pressed = (state, event) => {
    const last = state.spec.labels.length - 1, down = state.spec.rows.length ? 1 : -1;
    const lines = state.at === null ? [] : linesAt(state);
    const turn = lines.length ? { ArrowUp: -down, ArrowDown: down }[event.key] : undefined;
    const step = { ArrowLeft: -1, ArrowRight: 1, Home: -Infinity, End: Infinity }[event.key];
    if (event.altKey || event.ctrlKey || event.metaKey) return;
    if (step !== undefined) {
      const start = state.at ?? (step > 0 ? -1 : last + 1);
      state.from = event.shiftKey && state.spec.range !== null ? state.from ?? state.at : null;
      state.at = Math.min(Math.max(start + step, 0), last);
      say(state);
    } else if (turn !== undefined) {
      const next = (lines.includes(state.line) ? lines.indexOf(state.line) : turn > 0 ? -1 : lines.length)
        + turn;
      state.line = lines[Math.min(next, lines.length - 1)] ?? null; // below the first: the whole bar
      say(state);
    } else if (event.key === "Enter" && state.at !== null) {
      if (state.from === null) open(state, state.at, state.line);
      else range(state.box, state.spec, state.from, state.at);
    } else if (event.key === "Escape") {
      if (state.from !== null || steps === 0) leave(state);
      else back();
    } else return;
    event.preventDefault();
    event.stopPropagation();
  };

  // ── Downloading pictures: always light, with all that the page says about the figures

  const WIDTH = 1200, EDGE = 24, LINE = 1.3; // pixels; Plotly's height of a line, in ems
  const escaped = (text) => text.replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll(">", "&gt;");

  // Plotly wraps no text.
  const wrapped = (pen, text, size, room) => {
    pen.font = `${size}px ${pen.family}`;
    const lines = [];
    for (const word of text.split(" ")) {
      const longer = `${lines.at(-1)} ${word}`;
      if (lines.length && pen.measureText(longer).width <= room) lines[lines.length - 1] = longer;
      else lines.push(word);
    }
    return lines;
  };

  const legendOf = ({ spec }, data, pen) => {
    const texts = spec.picture.legend;
    const shown = spec.origins.map(([, line]) => line).filter((line) => line >= 0);
    pen.font = `12px ${pen.family}`;
    const widths = shown.flatMap((line) => texts[line]).map((text) => pen.measureText(text).width);
    data.forEach((trace, at) => {
      const line = spec.origins[at][1];
      if (line >= 0) trace.name = texts[line].map(escaped).join("<br>");
      if (line >= 0 && trace.line?.dash) trace.showlegend = false; // the facts say what is dashed
    });
    return { width: Math.max(0, ...widths) + 64, height: 40 * (new Set(shown).size + 2), legend: { x: 1,
      xanchor: "left", y: 1, yanchor: "top", font: { size: 12 },
      traceorder: shown[0] > shown.at(-1) ? "reversed" : "normal" } };
  };

  const pictureOf = (state, themed) => {
    const { picture, rows } = state.spec;
    const { data, layout, themeColor } = dressed(state, themed);
    const pen = document.createElement("canvas").getContext("2d");
    pen.family = layout.font.family;
    const room = WIDTH - 2 * EDGE;
    const blocks = [[[picture.title], 18, "ink"], [picture.facts, 13, "ink"], [[picture.notes], 12, "muted"]]
      .map(([texts, size, color]) => ({ size, color: themeColor(color), lines: texts.filter(Boolean)
        .flatMap((text) => wrapped(pen, text, size, room)) }));
    const tall = ({ lines, size }) => lines.length * size * LINE;
    const [title, facts, notes] = blocks;
    const legend = rows.length || !data.length ? { width: EDGE, height: 0 } : legendOf(state, data, pen);
    const drawn = rows.length ? 110 * rows.length : Math.max(400, legend.height);
    const margin = { ...layout.margin, l: 64, r: legend.width, t: 50 + tall(title) + tall(facts),
      b: 60 + tall(notes) };
    const text = ({ lines, size, color }, y, yshift) => ({ text: lines.map(escaped).join("<br>"), y, yshift,
      font: { size, color, weight: size > 13 ? 600 : 400 }, align: "left", showarrow: false, xref: "paper",
      x: 0, xanchor: "left",
      xshift: EDGE - margin.l, yref: "paper", yanchor: "top" });
    const annotations = [...layout.annotations ?? [], text(title, 1, margin.t - 16),
      text(facts, 1, margin.t - 24 - tall(title)), text(notes, 0, -40)];
    eachValueAxis(layout, { showgrid: true, zeroline: true });
    Object.assign(layout, { margin, annotations, legend: legend.legend, showlegend: !!legend.legend,
      paper_bgcolor: themeColor("surface"), width: WIDTH, height: margin.t + drawn + margin.b });
    return { data, layout, config };
  };

  const download = async (state, format) => {
    const themed = state.box.appendChild(document.createElement("i"));
    Object.assign(themed, { hidden: true }).dataset.theme = "light";
    const outcome = state.box.closest(".card").querySelector("[data-outcome]");
    outcome.textContent = "";
    try {
      const Plotly = await plotly();
      const figure = pictureOf(state, themed);
      const { width, height } = figure.layout;
      const href = await Plotly.toImage(figure, { format, width, height, scale: 2 });
      Object.assign(document.createElement("a"), { href, download: `${state.spec.picture.file}.${format}` })
        .click();
    } catch {
      outcome.textContent = outcome.dataset.failed;
    }
    themed.remove();
  };

  // ── Coming and going

  const start = (box) => {
    if (states.has(box)) return;
    const spec = JSON.parse(box.querySelector("script.figure").textContent);
    spec.origins.forEach(([, line], trace) => {
      const { y, customdata } = spec.data[trace];
      if (line >= 0) Object.assign(spec.lines[line], spec.shares ? { values: customdata, shares: y } : {
        values: y });
    });
    spec.rows.forEach((line, row) => { spec.lines[line].unit = spec.units[row]; });
    const state = { box, spec, node: null, at: null, from: null, line: null, opened: null };
    states.set(box, state);
    Object.assign(box, { tabIndex: 0, role: "application", ariaRoleDescription: "chart" });
    box.addEventListener("keydown", (event) => pressed(state, event));
    box.addEventListener("focus", () => resume(state));
    box.addEventListener("blur", () => leave(state));
    box.querySelector(".plot").addEventListener("click", (event) => {
      if (!event.target.closest(".hits")) return;
      if (event.ctrlKey || event.metaKey || event.shiftKey) return; // a new tab is the reader's business
      event.preventDefault();
      clicked(state, event);
    });
    for (const button of document.querySelectorAll("[data-download]")) button.hidden = false;
    whenQuiet(state);
  };
  const startAll = (root) => root.querySelectorAll?.(".chart").forEach(start);

  document.addEventListener("htmx:load", ({ target }) => startAll(target.parentNode ?? target));
  document.addEventListener("htmx:beforeCleanupElement", ({ target }) => {
    const state = states.get(target);
    if (state && state.at !== null) walked = { ...state }; // leaving a removed box forgets its own
    const node = state?.node;
    if (!node) return;
    node.remove();
    spare = node;
    setTimeout(() => { if (spare === node) { spare = null; window.Plotly.purge(node); } }, 2000);
  });
  document.addEventListener("click", (event) => {
    if (event.target.closest?.("[data-close-events]")) back();
    const row = event.shiftKey && event.target.closest?.("[data-legend] [data-line]");
    if (row) { event.preventDefault(); event.stopPropagation(); row.querySelector("[data-hides]")?.click(); }
    const button = event.target.closest?.("[data-download]");
    if (button) download(states.get(document.getElementById(button.dataset.of)), button.dataset.download);
  }, true);
  const redraw = () => document.querySelectorAll(".chart.drawn").forEach((box) => draw(states.get(box)));
  document.addEventListener("theme", redraw);
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", redraw);
  startAll(document);
})();
