// The lenses by hand: single keys, a filter form that never contradicts itself, cells that filter.
(() => {
  const find = (selector, root = document) => root.querySelector(selector);
  const all = (selector) => [...document.querySelectorAll(selector)];
  const typing = (element) =>
    element.closest("input:not([type=checkbox]), textarea, select, [contenteditable]");
  const on = () => localStorage.getItem("single-keys") !== "off";

  // "Custom" leads to the dates.
  document.addEventListener("change", ({ target }) => {
    if (target.id !== "f-range" || target.value) return;
    find("#pick-dates").open = true;
    find("#f-start").focus();
  }, true);

  const rows = () => all("table.rows tbody tr:not(.detail) td:first-child a");
  const step = (by) => {
    const links = rows();
    const at = links.indexOf(document.activeElement);
    links[Math.min(links.length - 1, Math.max(0, at + by))]?.focus();
  };
  const keys = {
    f: () => {
      const fold = find("#fold");
      if (fold) fold.checked = true;
      find("#filters select, #filters input:not([type=hidden])")?.focus();
    },
    j: () => step(1),
    k: () => step(-1),
    e: () => find("[data-key=e]")?.click(),
    u: () => find("[data-key=u]")?.click(),
    c: () => find("#filters [name=compare]")?.click(),
    t: () => find("#view details.figures > summary")?.click(),
    n: () => find("[data-key=n]")?.click(),
    l: () => find("#live")?.click(),
    "[": () => find("[data-key='[']")?.click(),
    "]": () => find("[data-key=']']")?.click(),
    "?": () => find("#keys")?.showModal(),
  };

  // Until htmx has settled what it swapped in, a link there is a plain one: to follow it would load the page
  // anew.
  let settling = false, closing = false;
  const CLOSERS = ["tr.open td:first-child a", "[data-close-events]", "[data-close-explain]"];
  const close = () => CLOSERS.map((each) => find(each)).find(Boolean)?.click();
  document.addEventListener("htmx:afterSwap", ({ detail }) => {
    if (detail.target?.id !== "view") return;
    settling = true;
    find("main > [data-notice=view-saved]")?.remove(); // it was about the view before
  });
  document.addEventListener("htmx:afterSettle", ({ detail }) => {
    if (detail.target?.id !== "view") return;
    settling = false;
    if (closing) close();
    closing = false;
  });

  document.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey || event.defaultPrevented) return;
    if (event.key === "Escape") {
      if (find("details.menu[open], [popover]:popover-open") || typing(event.target)) return;
      if (settling) closing = true;
      else close();
      return;
    }
    if (!on() || typing(event.target) || find("dialog[open], [popover]:popover-open")) return;
    const act = keys[event.key];
    if (act) {
      event.preventDefault();
      act();
    }
  });

  document.addEventListener("click", (event) => {
    if (event.target.closest("[data-keys]")) find("#keys")?.showModal();
  });
  document.addEventListener("change", ({ target }) => {
    if (target.id === "single-keys") localStorage.setItem("single-keys", target.checked ? "on" : "off");
  });

  const ready = () => {
    for (const button of all("[data-keys]")) button.hidden = false;
    const box = find("#single-keys");
    if (box) box.checked = on();
    document.documentElement.classList.add("scripted");
  };
  ready();
  document.addEventListener("htmx:load", ready);

  // The events of a bar are below the fold, or nearly: half of the chart stays in sight above them.
  document.addEventListener("htmx:afterSettle", ({ detail }) => {
    const part = detail.target?.id === "events-in-view" ? find("#events-in-view[data-drilldown]")
      : detail.target?.id === "explain" ? find("section#explain") : null;
    if (part && part.getBoundingClientRect().top > innerHeight / 2) part.scrollIntoView();
  });

  // An explanation comes in steps, each in place of the one before.
  let opener = null, link = null; // what opened it; the link in it that has the focus
  document.addEventListener("click", (event) => {
    opener = event.target.closest("[data-explain]") ?? opener;
    const part = event.target.closest("[data-close-explain]")?.closest("#explain");
    if (!part) return;
    part.replaceWith(Object.assign(document.createElement("div"), { id: "explain" })); // no step follows
    (opener?.isConnected ? opener : find("[data-explain]"))?.focus();
  });
  document.addEventListener("htmx:beforeSwap", ({ detail }) => {
    const inside = detail.target.matches?.(".explained") && document.activeElement?.closest(".explained a");
    link = inside ? inside.getAttribute("href") : null;
  });
  document.addEventListener("htmx:afterSettle", () => {
    if (link && document.activeElement === document.body) {
      find(`.explained a[href="${CSS.escape(link)}"]`)?.focus({ preventScroll: true });
    }
    link = null;
  });
  document.addEventListener("htmx:sendError", ({ detail: { elt } }) => {
    if (!elt.matches?.(".explained, [data-explain]")) return;
    const notice = find("#request-failed-notice").content.firstElementChild.cloneNode(true);
    notice.setAttribute("role", "alert");
    notice.dataset.notice = "request-failed";
    find("button", notice).dataset.retry = "";
    find("button", notice).addEventListener("click", () => {
      notice.remove();
      htmx.trigger(elt, elt.matches("a") ? "click" : "again");
    });
    elt.removeAttribute("aria-busy");
    (elt.matches("a") ? find("#explain-place") : elt).prepend(notice);
  });

  // A download sends the page nothing: its status line is requested, and repeats that while rows
  // are sent.
  document.addEventListener("click", ({ target }) => {
    if (!target.closest("a[data-export]")) return;
    for (const ms of [300, 1200, 4000]) setTimeout(() => find("#export") && htmx.trigger("#export", "begun"),
      ms);
  });

  // htmx dispatches an event at each element that it removes: thousands of cells and marks need none. After
  // all other listeners, which may prevent the swap. Rows in sight stay: without them, the page could be too
  // short for where it is scrolled to. Plotly's node is used again (charts.js).
  addEventListener("htmx:beforeSwap", (event) => {
    const { target, shouldSwap, requestConfig } = event.detail;
    if (target.id !== "view" || !shouldSwap || event.defaultPrevented) return;
    for (const bulk of target.querySelectorAll("tbody, .chart svg")) {
      const takesRoom = bulk.matches("tbody") && !bulk.closest("details:not([open])")
        && bulk.getBoundingClientRect().top < innerHeight;
      if (takesRoom || bulk.closest("[hx-preserve], .live") || bulk.contains(requestConfig.elt)) continue;
      bulk.replaceChildren();
    }
  });

  // Refresh renews the parts beside a list too: others stay as long as they are of the same events.
  document.addEventListener("htmx:beforeSwap", (event) => {
    if (event.defaultPrevented || !event.detail.requestConfig.elt.matches("[data-refresh]")) return;
    for (const part of ["histogram", "facets", "total"]) find(`[id^=${part}-]`)?.removeAttribute("id");
  });

  // What stands in an open menu is no choice yet: it stays there, whatever is shown then.
  let drafts = [];
  const isTyped = (field) => (field.matches("select")
    ? field.selectedIndex !== Math.max(0, [...field.options].findIndex((each) => each.defaultSelected))
    : field.value !== field.defaultValue);
  document.addEventListener("htmx:beforeSwap", ({ detail }) => {
    if (detail.target.id !== "view") return;
    drafts = all("#view details[open]:has(.draft)").map(({ id }) => ({ id,
      typed: all(`#${id} [form]`).filter(isTyped).map((field) => [field.id, field.value]) }));
  });
  document.addEventListener("htmx:afterSettle", ({ detail }) => {
    if (detail.target?.id !== "view") return; // none where a page came from the history
    for (const { id, typed } of drafts) {
      const menu = document.getElementById(id);
      if (menu) menu.open = true;
      for (const [name, value] of typed) {
        const field = document.getElementById(name);
        if (field?.matches("select") && ![...field.options].some((each) => each.value === value)) continue;
        if (field) field.value = value;
        if (field?.matches("select")) field.dispatchEvent(new Event("input", { bubbles: true }));
      }
    }
    drafts = [];
  });

  // A swap takes the focused element away: what stands in its place gets the focus, so that keys go on from
  // there.
  let held = null;
  const pageOf = () => { // what is open in it, and its columns, make no other page of a list
    const url = new URL(find("#view").dataset.address, location.href);
    for (const name of ["event", "columns", "until"]) url.searchParams.delete(name);
    return url.pathname + url.search;
  };
  document.addEventListener("htmx:beforeSwap", ({ detail }) => {
    const active = document.activeElement;
    if (detail.target.id !== "view" || !active || !detail.target.contains(active)) return;
    const typed = typing(active) && active.value !== active.defaultValue && active.type !== "select-one";
    const row = active.closest("table.rows") && rowOf(active), link = row && find("td:first-child a", row);
    held = { id: active.id, typed: typed ? active.value : null,
      rel: active.rel, key: active.dataset.key, text: active.textContent.trim(),
      page: pageOf(), event: link && window.eventTable.eventOf(row), row: rows().indexOf(link) };
  });
  const rowOf = (element) => element.closest("tr:not(.detail)")
    ?? element.closest("tr.detail").previousElementSibling;
  const sameRow = ({ event, row, page }) => { // events may have come on top meanwhile
    const links = rows();
    if (page !== pageOf()) return links[0];
    const isSame = (link) => window.eventTable.eventOf(link.closest("tr")) === event;
    return (event && links.find(isSame)) || links[row];
  };
  const sameAs = ({ id, rel, key, text, ...place }) =>
    (id && document.getElementById(id)) ||
    (place.row >= 0 && sameRow(place)) ||
    (key && find(`[data-key="${CSS.escape(key)}"]`)) ||
    (rel && find(`#view a[rel="${CSS.escape(rel)}"]`)) ||
    (text && all("#view a, #view button").find((other) => other.textContent.trim() === text));
  document.addEventListener("htmx:afterSettle", () => {
    const field = held?.typed && document.getElementById(held.id);
    if (field) field.value = held.typed; // typing goes on
    if (held) held.typed = null;
    if (document.activeElement !== document.body) return;
    const target = find("tr.open td:first-child a") ?? (held && sameAs(held)) ?? (held && find("#view h1"));
    held = null;
    if (!target) return;
    if (target.matches("h1")) target.tabIndex = -1;
    target.focus({ preventScroll: true });
  });
})();
