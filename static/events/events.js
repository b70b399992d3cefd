// The event browser by hand: cells that filter, a search that can be stopped, rows that arrive, texts to take
// along.
(() => {
  const find = (selector, root = document) => root.querySelector(selector);
  const all = (selector, root = document) => [...root.querySelectorAll(selector)];
  const go = (url) => htmx.ajax("GET", url, { source: "#view", target: "#view",
    swap: "outerHTML show:none" }).catch(() => {}); // choices.js names what failed

  // A click on a value adds a condition to the address that the server made for this table.
  const valueOf = (element) => (element.dataset.v === undefined ? element.textContent
    : decodeURIComponent(element.dataset.v));
  const condition = (cell, pair) => {
    if (pair) {
      const name = pair.previousSibling?.textContent.trim() ?? "";
      return { path: pair.dataset.p === undefined ? name : decodeURIComponent(pair.dataset.p),
        value: valueOf(pair) };
    }
    const { path, name } = cell.closest("table").tHead.rows[0].cells[cell.cellIndex].dataset;
    return { path: path === undefined ? path : decodeURIComponent(path), name, value: valueOf(cell) };
  };
  const narrowed = (base, { path, name, value }, exclude) => {
    const url = new URL(base, location.href);
    if (name === "value") {
      const figure = value.replaceAll(",", "").replace("−", "-"); // a Number would lose digits
      for (const bound of ["value_min", "value_max"]) url.searchParams.set(bound, figure);
    } else if (name) url.searchParams.set(name, value);
    else if (path && !path.includes(":") && path.length + value.length < 1000
      && encodeURIComponent(path + value).length <= 4000) { // proxies refuse longer addresses
      url.searchParams.append(exclude ? "exclude" : "filter", `${path}:${value}`);
    } else return null;
    const href = url.pathname + url.search;
    return (exclude && name) || href.length > 8000 ? null : href;
  };
  const addressOf = (target, exclude) => {
    const pair = target.matches(".kv i") ? target : null;
    const cell = target.closest("td");
    return narrowed(cell.closest("table").dataset.base, condition(cell, pair), exclude);
  };
  document.addEventListener("click", (event) => {
    if (event.defaultPrevented) return; // a tap: table.js
    const cell = event.target.closest("table.rows[data-base] > tbody > tr:not(.detail) > td");
    if (!cell || event.target.closest("a, button") || cell.classList.contains("dash")) return;
    const pair = event.target.closest(".kv i");
    if ((cell.classList.contains("kv") && !pair) || String(getSelection())) return;
    const url = addressOf(pair ?? cell, event.altKey);
    if (url) go(url);
  });

  // A search goes on by itself until it is stopped; the step that is on its way still brings what it found.
  let stopped = false;
  document.addEventListener("click", (event) => {
    const scan = event.target.closest("#scan");
    const on = event.target.closest("[data-go]");
    if (!scan || (on && !scan.hasAttribute("hx-get"))) return;
    if (event.target.closest("[data-stop]")) {
      stopped = true;
      showScan();
      find("[data-go]", scan)?.focus();
    } else if (on) {
      event.preventDefault();
      stopped = false;
      htmx.trigger(scan, "go");
      showScan();
    }
  });
  document.addEventListener("htmx:beforeRequest", (event) => {
    if (event.detail.elt.id === "scan" && stopped) event.preventDefault();
  });
  const showScan = () => {
    const stop = find("#scan [data-stop]");
    if (!stop) return;
    stop.hidden = stopped;
    find("#scan [data-go]").hidden = !stopped;
  };

  // Live: what is new comes on top while nobody reads an open row. The choice is this page's own, not the
  // address's.
  const EVERY_MS = 5000, MOST_ROWS = 1000;
  let live = false, asking = false, heard = 0, behind = 0;
  const button = () => find("#live");
  const idle = () => document.hidden || find("tr.open, .apart") || find("details.menu[open]");
  const places = () => all("#found > tr:not(.detail, .open) > td:first-child a").map((link) =>
    new URL(link.href).searchParams.get("event"));
  const top = () => places()[0] ?? "";
  const missed = () => {
    const { missed: count = "0", more } = find("#missed [data-missed]")?.dataset ?? {};
    return more === undefined ? count : `${count}+`;
  };
  const say = () => {
    const line = find("#behind");
    if (!line || !button()) return;
    if (line.dataset.behind === undefined) {
      line.textContent = live && idle() ? "paused" : "";
      return;
    }
    const seconds = Math.round((behind + performance.now() - heard) / 1000);
    const late = [`${seconds} s behind`, line.dataset.leftOut].filter(Boolean).join(". ");
    line.textContent = idle() ? `paused, ${late}` : late;
  };
  const ask = async () => {
    if (!live || asking || idle() || !button()) return;
    asking = true;
    try {
      await htmx.ajax("GET", button().dataset.live, {
        source: "#live", target: "#behind", swap: "outerHTML", headers: { "Live-After": top(),
          "Live-Missed": missed(), Columns: find("table.rows[data-base]").dataset.columns },
      });
    } catch { // asked again in a moment
    } finally {
      asking = false;
    }
  };
  // An answer has the rows of the last two minutes again: those that the page has are dropped, and one that
  // came late goes to its place.
  // An open row's link closes it: its event is in the address.
  const eventOf = (row) => [find("td:first-child a", row).href, find("#view").dataset.address].map((href) =>
    new URL(href, location.href).searchParams.get("event")).find(Boolean);
  const timeOf = (row) => Number(eventOf(row).split(",")[0]);
  document.addEventListener("htmx:oobBeforeSwap", (event) => {
    if (event.detail.target?.id !== "found") return;
    const shown = all("#found > tr:not(.detail)");
    const known = new Set(shown.map(eventOf));
    const newest = shown.length ? timeOf(shown[0]) : -1;
    for (const row of all("tr:not(.detail)", event.detail.fragment)) {
      if (known.has(eventOf(row))) row.remove();
      else if (timeOf(row) < newest) shown.find((other) => timeOf(other) < timeOf(row))?.before(row);
    }
  });
  const showLive = () => {
    if (!button()) return;
    button().hidden = false;
    button().setAttribute("aria-pressed", live);
    if (!live && find("#behind")) find("#behind").textContent = "";
    const rows = all("#found > tr:not(.detail)");
    if (live) {
      rows.slice(MOST_ROWS).forEach((row) => row.remove()); // what a search found stays
      // An older row's link would pin the list to before the rows that came on top.
      for (const link of all("#found > tr > td:first-child a[href*='until=']")) {
        const address = new URL(link.href);
        address.searchParams.delete("until");
        link.href = address.pathname + address.search;
      }
    }
    if (rows.length) find("section.events > .empty")?.remove();
    if (live && rows.length
      && !find("#scan")) find("#shown").textContent = `1–${Math.min(rows.length, MOST_ROWS)}`;
  };
  document.addEventListener("click", (event) => {
    if (!event.target.closest("#live")) return;
    live = !live;
    showLive();
    ask();
  });
  setInterval(ask, EVERY_MS);
  document.addEventListener("visibilitychange", ask); // what arrived meanwhile
  addEventListener("online", ask);
  setInterval(() => live && say(), 1000);
  document.addEventListener("htmx:afterSettle", () => {
    const line = find("#behind");
    if (!line?.dataset.behind || line.dataset.heard) return;
    line.dataset.heard = "1";
    [heard, behind] = [performance.now(), Number(line.dataset.behind)];
    say();
  });

  // Which stretch of the window the rows on display are from.
  const mark = () => {
    const chart = find(".histogram-chart"), shown = places().map(parseFloat);
    if (!chart) return;
    const edges = chart.dataset.edges.split(" ").map(Number), count = edges.length - 1;
    const at = (ms) => {
      const bin = Math.max(0, Math.min(count - 1, edges.findLastIndex((edge) => edge <= ms)));
      return Math.max(0, Math.min(1, (bin + (ms - edges[bin]) / (edges[bin + 1] - edges[bin] || 1)) / count));
    };
    const [from, to] = shown.length ? [at(shown.at(-1)), at(shown[0])] : [0, 0];
    const rect = find(".span", chart);
    rect.setAttribute("x", `${100 * from}%`);
    rect.setAttribute("width", shown.length ? `${Math.max(0.3, 100 * (to - from))}%` : "0");
  };

  // Texts to take along.
  const copy = async (text) => {
    if (navigator.clipboard) return navigator.clipboard.writeText(text);
    const area = document.body.appendChild(document.createElement("textarea"));
    area.value = text;
    area.select();
    document.execCommand("copy");
    area.remove();
  };
  document.addEventListener("click", async (event) => {
    const copier = event.target.closest("[data-copy], [data-copy-text]");
    if (!copier) return;
    event.preventDefault();
    const opened = copier.closest(".opened");
    const texts = { value: () => decodeURIComponent(copier.dataset.v), address: () => copier.href,
      link: () => find(".acts a", opened).href, json: () => find(".json pre", opened).textContent };
    await copy(copier.dataset.copyText ?? (texts[copier.dataset.copy] ?? (() => copier.dataset.copy))());
    const words = copier.textContent;
    copier.textContent = "Copied";
    setTimeout(() => (copier.textContent = words), 1500);
  });

  // A choice must not close the menu that it was made in.
  let menu = "", choice = "";
  document.addEventListener("htmx:beforeSwap", ({ detail }) => {
    if (detail.target.id !== "view") return;
    menu = document.activeElement?.closest("details.menu[open]")?.id ?? "";
    choice = menu ? document.activeElement.value : "";
  });
  const reopen = () => {
    const again = menu && document.getElementById(menu);
    menu = "";
    if (!again) return;
    again.open = true;
    all("input", again).find((input) => input.value === choice)?.focus();
  };
  const show = () => {
    reopen();
    showLive();
    showScan();
    mark();
  };
  document.addEventListener("htmx:afterSwap", show);
  document.addEventListener("htmx:oobAfterSwap", showLive);
  document.addEventListener("htmx:beforeRequest", ({ detail }) => {
    if (detail.target?.id === "view") stopped = false;
  });
  show();

  // For table.js, where keys and fingers do what clicks do here, and view.js.
  window.eventTable = { addressOf, copy, eventOf, go, condition: (target) => (target.matches(".kv i")
    ? condition(null, target) : condition(target)) };
})();
