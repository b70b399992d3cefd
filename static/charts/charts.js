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

  const dressedTrace = (state, themeColor, trace, [slot, line]) => {
    const own = themeColor(slot);
    const whole = line < 0 && state.hidden.size > 0; // what is said of all lines is not true of some
    const shown = { ...trace, visible: !whole && !state.hidden.has(line) };
    if (trace.type !== "bar") return { ...shown, line: { ...trace.line, color: own }, marker: {
      ...trace.marker, color: own } };
    const shape = state.spec.labels.map((_, bin) => (bin === state.spec.running ? "/" : ""));
    const pattern = { shape, fillmode: "overlay", size: 5, solidity: 0.35, fgcolor: themeColor("surface") };
    return { ...shown, marker: { color: own, line: { width: 0 }, pattern } };
  };

  // Under lines, the running bin is shaded: stripes need bars.
  const shade = ({ spec }, themeColor) => {
    if (spec.running === null || spec.layout.barmode) return [];
    const [x0, x1] = [spec.running - 0.5, spec.running + 0.5];
    return [{ type: "rect", x0, x1, y0: 0, y1: 1, yref: "paper", layer: "below", line: { width: 0 },
      fillcolor: themeColor("line"), opacity: 0.45 }];
  };

  const dressed = (state) => {
    const { spec, box, hidden } = state;
    const themeColor = palette(box);
    const font = { family: getComputedStyle(box).fontFamily, size: 11.5, color: themeColor("muted") };
    const clear = "rgba(0,0,0,0)";
    const data = spec.data.map((trace, at) => dressedTrace(state, themeColor, trace, spec.origins[at]));
    const hoverlabel = { ...spec.layout.hoverlabel, bgcolor: themeColor("surface"),
      bordercolor: themeColor("line-strong"), font: { color: themeColor("ink"), size: 12 } };
    const layout = { ...spec.layout, font, hoverlabel, paper_bgcolor: clear, plot_bgcolor: clear,
      shapes: shade(state, themeColor) };
    layout.yaxis = { ...layout.yaxis, gridcolor: themeColor("line"),
      zerolinecolor: themeColor("line-strong") };
    if (hidden.size) layout.yaxis = { ...layout.yaxis, autorange: true, rangemode: "tozero", tickmode: "auto",
      nticks: 6, tickformat: "~s", showgrid: true, zeroline: true };
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
    layout.yaxis = { ...layout.yaxis, showticklabels: state.hidden.size > 0 };
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
    state.box.classList.toggle("rescaled", state.hidden.size > 0);
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
    steps += 1;
    going = true;
    if (!window.htmx || !document.querySelector(target)) return location.assign(url);
    await window.htmx.ajax("GET", url, { source: box, target, swap: "outerHTML", push: url });
    going = false;
  };

  const address = (path, query, start, end) => {
    const params = new URLSearchParams(query);
    params.set("start", start);
    params.set("end", end);
    params.sort();
    return `${path}?${params}`;
  };

  const open = ({ box, spec }, bin, line = -1) => {
    const rows = spec.lines[line]?.rows ?? spec.all;
    return go(box, address(spec.events, rows, spec.edges[bin], spec.edges[bin + 1]), box.dataset.opens);
  };

  const range = (box, spec, first, last) => {
    const [from, to] = first < last ? [first, last] : [last, first];
    return go(box, address(spec.base, spec.range, spec.edges[from], spec.edges[to + 1]), box.dataset.ranges);
  };

  // Which bar lies under the pointer is read off its place, in the SVG and in Plotly's drawing alike.
  const clicked = (state, event) => {
    const { spec, box, hidden } = state;
    const area = box.querySelector(".plot").getBoundingClientRect();
    const count = spec.labels.length;
    const bin = Math.min(Math.max(Math.floor(((event.clientX - area.left) / area.width) * count), 0),
      count - 1);
    const [low, high] = spec.layout.yaxis.range;
    const value = high - ((event.clientY - area.top) / area.height) * (high - low);
    open(state, bin, hidden.size || !spec.layout.barmode ? -1 : lineAt(spec, bin, value));
  };

  const lineAt = (spec, bin, value) => {
    const ends = { true: 0, false: 0 };
    const trace = spec.data.findIndex(({ type, y }) => {
      if (type !== "bar" || !y[bin]) return false;
      const up = y[bin] > 0;
      ends[up] += y[bin];
      return up === value > 0 && Math.abs(value) <= Math.abs(ends[up]);
    });
    return spec.origins[trace]?.[1] ?? -1;
  };

  // ── Keys: arrows walk the bins, with Shift they select, Enter opens, Escape goes back

  const say = (state) => {
    const { spec, at, from, box } = state;
    const [first, last] = from === null ? [at, at] : [Math.min(at, from), Math.max(at, from)];
    const cursor = box.querySelector(".cursor");
    const share = 100 / spec.labels.length;
    cursor.hidden = false;
    Object.assign(cursor.style, { left: `${first * share}%`, width: `${(last - first + 1) * share}%` });
    box.querySelector("[role=status]").textContent = first === last ? figures(spec, at)
      : `${spec.labels[first]} to ${spec.labels[last]}. Press Enter to show this range.`;
    if (state.node && first === last) window.Plotly.Fx.hover(state.node, { xval: at });
  };

  const figures = (spec, bin) => {
    const text = new Intl.NumberFormat("en", { maximumSignificantDigits: 15 });
    const parts = spec.lines
      .map(({ label, folded, values }) => [label, values[bin] ?? 0, folded.includes(bin) ? "about " : ""])
      .filter(([, value]) => value)
      .map(([label, value, about]) => `${label} ${about}${text.format(value)}`);
    const total = spec.lines.reduce((sum, { values }) => sum + (values[bin] ?? 0), 0);
    const partial = bin === spec.running ? " (partial)" : "";
    return `${spec.labels[bin]}${partial}: ${text.format(total)}. ${parts.join("; ")}`;
  };

  const leave = (state) => {
    const had = state.at !== null;
    Object.assign(state, { at: null, from: null });
    state.box.querySelector(".cursor").hidden = true;
    if (state.node) window.Plotly.Fx.unhover(state.node);
    return had;
  };

  const pressed = (state, event) => {
    const last = state.spec.labels.length - 1;
    const step = { ArrowLeft: -1, ArrowRight: 1, Home: -Infinity, End: Infinity }[event.key];
    if (event.altKey || event.ctrlKey || event.metaKey) return;
    if (step !== undefined) {
      const start = state.at ?? (step > 0 ? -1 : last + 1);
      state.from = event.shiftKey && state.spec.range !== null ? state.from ?? state.at : null;
      state.at = Math.min(Math.max(start + step, 0), last);
      say(state);
    } else if (event.key === "Enter" && state.at !== null) {
      if (state.from === null) open(state, state.at);
      else range(state.box, state.spec, state.from, state.at);
    } else if (event.key === "Escape") {
      if (state.from !== null || steps === 0) leave(state);
      else {
        steps = 0; // at once: a second Escape may come before the page has gone back
        history.back();
      }
    } else return;
    event.preventDefault();
    event.stopPropagation();
  };

  // ── Hiding lines, taking pictures away

  const toggle = (row) => {
    const state = states.get(document.getElementById(row.closest("[data-legend]").dataset.legend));
    const line = Number(row.dataset.line);
    if (!state.hidden.delete(line)) state.hidden.add(line);
    row.classList.toggle("gone", state.hidden.has(line));
    draw(state);
  };

  const download = async (state, format) => {
    const Plotly = await plotly();
    const { data, layout, themeColor } = dressed(state);
    const title = { text: state.spec.title, x: 0.02, xanchor: "left", font: { size: 15,
      color: themeColor("ink") }, subtitle: { text: state.spec.notes, font: { size: 11 } } };
    const legend = { orientation: "h", y: -0.12, yanchor: "top" };
    const frame = { title, legend, showlegend: true, paper_bgcolor: themeColor("surface"),
      margin: { l: 60, r: 24, t: 56, b: 96 }, width: 1200, height: 560 };
    layout.yaxis = { ...layout.yaxis, showgrid: true, zeroline: true };
    const href = await Plotly.toImage({ data, layout: { ...layout, ...frame }, config }, { format,
      width: 1200, height: 560, scale: 2 });
    Object.assign(document.createElement("a"), { href, download: `usage.${format}` }).click();
  };

  // ── Coming and going

  const start = (box) => {
    if (states.has(box)) return;
    const spec = JSON.parse(box.querySelector("script.figure").textContent);
    spec.origins.forEach(([, line], trace) => { if (line >= 0) spec.lines[line].values = spec.data[trace].y;
      });
    const state = { box, spec, node: null, hidden: new Set(), at: null, from: null };
    states.set(box, state);
    Object.assign(box, { tabIndex: 0, role: "application", ariaRoleDescription: "chart" });
    box.addEventListener("keydown", (event) => pressed(state, event));
    box.addEventListener("blur", () => leave(state));
    box.querySelector(".hits").addEventListener("click", (event) => {
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
    const node = states.get(target)?.node;
    if (!node) return;
    node.remove();
    spare = node;
    setTimeout(() => { if (spare === node) { spare = null; window.Plotly.purge(node); } }, 2000);
  });
  document.addEventListener("click", (event) => {
    const row = event.shiftKey && event.target.closest?.("[data-legend] [data-line]");
    if (row) { event.preventDefault(); event.stopPropagation(); toggle(row); }
    const button = event.target.closest?.("[data-download]");
    if (button) download(states.get(document.getElementById(button.dataset.of)), button.dataset.download);
  }, true);
  const redraw = () => document.querySelectorAll(".chart.drawn").forEach((box) => draw(states.get(box)));
  document.addEventListener("theme", redraw);
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", redraw);
  startAll(document);
})();
