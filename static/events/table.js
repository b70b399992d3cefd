// The table of events on the page: heads that stay in sight, one way to scroll sideways, values by key and
// touch.
(() => {
  const find = (selector, root = document) => root.querySelector(selector);
  const all = (selector, root = document) => [...root.querySelectorAll(selector)];
  const VALUES = "td:not(:first-child, .dash, .kv), .kv i";

  // The page scrolls down and the table sideways. What scrolls sideways has no sticky head of the page, so a
  // copy of the column heads stands above it; a bar at the foot scrolls the table where its own is out of
  // sight.
  const area = () => find(".events .scroll.tall");
  // Sizes are variables of the root, where each change costs the style of all elements: all are read first,
  // and only what differs is written.
  const setSizes = (sizes) => {
    const { style } = document.documentElement;
    for (const [name, px] of Object.entries(sizes)) {
      if (style.getPropertyValue(name) !== `${px}px`) style.setProperty(name, `${px}px`);
    }
  };
  const measure = () => {
    const section = area()?.closest(".events");
    const [head, columns] = section ? [find("header", section), find(".column-heads", section)] : [];
    const isStuck = head && getComputedStyle(head).position === "sticky";
    const height = isStuck ? head.offsetHeight : 0;
    const found = { "--list-head": height, "--list-top": height + (columns?.offsetHeight ?? 0),
      "--foot": find(".foot")?.offsetHeight ?? 0 };
    const bar = section && find(".sideways", section);
    if (bar) {
      found["--list-width"] = find("table", area()).offsetWidth;
      bar.hidden = area().scrollWidth <= area().clientWidth;
    }
    setSizes(found);
  };
  const sizes = new ResizeObserver(measure);
  const build = () => {
    const scroll = area();
    const isEmpty = !scroll || !find("tbody tr", scroll); // a copy of its heads would cover all of it
    if (isEmpty || find(".column-heads", scroll.parentElement)) return measure();
    const table = find("table", scroll);
    const heads = Object.assign(document.createElement("div"), { className: "column-heads" });
    const copy = heads.appendChild(table.cloneNode(false));
    copy.classList.replace("rows", "heads");
    for (const name of ["hx-boost", "data-base", "data-columns"]) copy.removeAttribute(name);
    copy.append(find("colgroup", table).cloneNode(true), table.tHead.cloneNode(true));
    const bar = Object.assign(document.createElement("div"), { className: "sideways", tabIndex: -1 });
    bar.append(document.createElement("div"));
    for (const each of [heads, bar]) each.setAttribute("aria-hidden", "true");
    scroll.before(heads);
    scroll.after(bar);
    for (const from of [scroll, bar]) {
      from.addEventListener("scroll", () => {
        for (const to of [scroll, heads, bar]) {
          if (to.scrollLeft !== from.scrollLeft) to.scrollLeft = from.scrollLeft;
        }
        scroll.parentElement.toggleAttribute("data-sideways", from.scrollLeft > 0);
      }, { passive: true });
    }
    sizes.disconnect();
    for (const each of [table, find("header", scroll.parentElement), find(".foot")]) {
      if (each) sizes.observe(each);
    }
    measure();
  };

  // ── Where the person is in the list, before and after it is drawn anew

  const listOf = () => {
    const url = new URL(find("#view")?.dataset.address ?? "", location.href);
    for (const name of ["event", "columns", "until"]) url.searchParams.delete(name);
    return url.pathname + url.search;
  };
  const rows = () => all("#found > tr:not(.detail)");
  let seen = null;
  const remember = () => {
    const shown = rows(), inside = document.activeElement?.closest("tr.detail")?.previousElementSibling
      ?? document.activeElement?.closest("#found > tr");
    const row = inside ?? shown.find((each) => each.getBoundingClientRect().top >= 0);
    const table = find("table", area() ?? document.createElement("p"));
    seen = { list: listOf(), left: area()?.scrollLeft ?? 0, open: openKey(),
      event: row && window.eventTable.eventOf(row),
      at: row ? shown.indexOf(row) : -1, top: row?.getBoundingClientRect().top,
      columns: table?.dataset.columns,
      widths: table && all("col", table).map((col) => col.className) };
  };
  const openKey = () =>
    new URL(find("#view")?.dataset.address ?? "", location.href).searchParams.get("event");
  const limits = () => {
    const root = getComputedStyle(document.documentElement);
    const [top, foot] = ["--list-top", "--foot"].map((name) => parseFloat(root.getPropertyValue(name)) || 0);
    return [top, innerHeight - foot];
  };
  const reveal = () => {
    const detail = find("tr.detail, .apart");
    if (!detail) return;
    const row = detail.matches("tr") ? detail.previousElementSibling : detail;
    const [top, bottom] = limits();
    const [from, to] = [row.getBoundingClientRect().top, detail.getBoundingClientRect().bottom];
    if (from < top) scrollBy(0, from - top);
    else if (to > bottom) scrollBy(0, Math.min(to - bottom, from - top));
  };
  const restore = () => {
    const before = seen;
    seen = null;
    const table = area() && find("table", area());
    if (!before || !table) return reveal();
    const cols = all("col", table);
    if (before.columns === table.dataset.columns && cols.length === before.widths?.length) {
      cols.forEach((col, at) => (col.className = before.widths[at]));
    }
    area().scrollLeft = before.left;
    build();
    if (before.list === listOf()) {
      const shown = rows(); // events may have come on top meanwhile
      const row = shown.find((each) => window.eventTable.eventOf(each) === before.event) ?? shown[before.at];
      if (row && before.top !== undefined) scrollBy(0, row.getBoundingClientRect().top - before.top);
      if (openKey() !== before.open) reveal();
      return;
    }
    const head = area().closest(".events").getBoundingClientRect().top;
    if (head < 0) scrollBy(0, head); // a new list starts with its first row
    reveal();
  };
  document.addEventListener("htmx:beforeSwap", ({ detail }) => {
    if (detail.target.id === "view") remember();
  });
  // A page that was scrolled through has all of its rows, and keeps them.
  document.addEventListener("htmx:configRequest", ({ detail }) => {
    const hasRows = detail.target.id === "view" && find("#events-in-view:not([data-drilldown]) #found");
    if (hasRows) detail.headers["Rows-Shown"] = rows().length;
  });
  document.addEventListener("htmx:afterSwap", ({ detail }) => {
    if (detail.target?.id === "view") restore();
    build();
  });
  document.addEventListener("htmx:historyRestore", build);

  // ── Values by key and touch

  // What the table cuts off is in the title.
  document.addEventListener("pointerover", ({ target }) => {
    const cell = target.closest?.(".events .rows td");
    if (cell && !cell.title && cell.scrollWidth > cell.clientWidth) cell.title = cell.textContent.trim();
  });

  const menu = () => find("#cell-menu");
  let value = null; // whose menu is open
  const textOf = (target) => (target.dataset.v === undefined ? target.textContent
    : decodeURIComponent(target.dataset.v));
  const open = (target) => {
    const { condition, addressOf } = window.eventTable;
    value = target;
    const { path } = condition(target);
    const table = target.closest("table");
    const shown = table.dataset.columns.split(",").filter(Boolean).map(decodeURIComponent);
    const can = { filter: addressOf(target), exclude: addressOf(target, true), copy: true, open: true,
      add: path && !shown.includes(path) && path.length < 1000,
      remove: path && shown.includes(path) && shown.length > 1 };
    for (const button of all("button", menu())) button.hidden = !can[button.dataset.act];
    const heads = table.tHead.rows[0].cells;
    const head = target.matches("i") ? path : heads[target.cellIndex].textContent;
    find("p", menu()).textContent = `${head}: ${target.textContent}`;
    menu().showPopover();
    const box = target.getBoundingClientRect(), own = menu().getBoundingClientRect();
    const below = box.bottom + 4 + own.height < innerHeight;
    setSizes({ "--cell-left": Math.max(8, Math.min(box.left, innerWidth - own.width - 8)),
      "--cell-top": Math.max(8, below ? box.bottom + 4 : box.top - own.height - 4) });
    items()[0]?.focus();
  };
  const items = () => all("button:not([hidden])", menu());
  const withColumns = (target, change) => {
    const { base, columns } = target.closest("table").dataset;
    const here = new URL(find("#view").dataset.address, location.href), listed = new URL(base, location.href);
    const url = here.pathname === listed.pathname ? here : listed;
    const path = window.eventTable.condition(target).path;
    const shown = columns.split(",").filter(Boolean).map(decodeURIComponent).filter((name) => name !== path);
    url.searchParams.delete("columns");
    for (const name of change === "add" ? [...shown, path] : shown) url.searchParams.append("columns", name);
    return url.pathname + url.search;
  };
  document.addEventListener("click", ({ target }) => {
    const act = target.closest("#cell-menu button")?.dataset.act;
    if (!act || !value) return;
    const chosen = value;
    menu().hidePopover();
    chosen.focus({ preventScroll: true });
    const { addressOf, copy, go } = window.eventTable;
    if (act === "copy") copy(textOf(chosen));
    else if (act === "open") find("td:first-child a", chosen.closest("tr")).click();
    else if (["add", "remove"].includes(act)) go(withColumns(chosen, act));
    else go(addressOf(chosen, act === "exclude"));
  });

  // Arrow keys lead from a row's link to its values, and from value to value.
  const step = (from, key) => {
    const row = from.closest("tr");
    const stops = [find("td:first-child a", row), ...all(VALUES, row)];
    const at = stops.indexOf(from);
    if (key === "ArrowLeft" || key === "ArrowRight") return stops[at + (key === "ArrowRight" ? 1 : -1)];
    const list = rows(), next = list[list.indexOf(row) + (key === "ArrowDown" ? 1 : -1)];
    return next && [find("td:first-child a", next), ...all(VALUES, next)][at];
  };
  document.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey || event.defaultPrevented) return;
    const { key, target } = event;
    if (target.closest("#cell-menu")) {
      const list = items(), at = list.indexOf(target);
      const by = { ArrowDown: 1, ArrowUp: -1 }[key];
      if (!by) return;
      event.preventDefault();
      return list.at((at + by) % list.length).focus();
    }
    if (!target.matches?.("#found > tr:not(.detail) :is(td:first-child a, td, i)")) return;
    if (key.startsWith("Arrow")) {
      const to = step(target, key);
      if (!to) return;
      event.preventDefault();
      if (!to.matches("a")) to.tabIndex = -1;
      to.focus();
    } else if ((key === "Enter" || key === " ") && !target.matches("a")) {
      event.preventDefault();
      open(target);
    }
  });
  // A finger has no Alt key: a tap asks what to do.
  document.addEventListener("click", (event) => {
    if (event.pointerType !== "touch" || event.target.closest("a, button")) return;
    const cell = event.target.closest("table.rows[data-base] > tbody > tr:not(.detail) > td");
    const target = event.target.closest(".kv i") ?? cell;
    if (!cell || !target.matches(VALUES)) return;
    event.preventDefault();
    open(target);
  }, true);

  build();
  reveal();
})();
