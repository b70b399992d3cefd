// The lenses by hand: single keys, a filter form that never contradicts itself, cells that filter.
(() => {
  const find = (selector, root = document) => root.querySelector(selector);
  const all = (selector) => [...document.querySelectorAll(selector)];
  const typing = (element) =>
    element.closest("input:not([type=checkbox]), textarea, select, [contenteditable]");
  const on = () => localStorage.getItem("single-keys") !== "off";

  // A range excludes a start and an end, and groups belong to one way of grouping. Heard before htmx reads
  // the form.
  document.addEventListener("change", ({ target }) => {
    const form = target.closest("#filters");
    if (!form) return;
    const { range, start, end } = form.elements;
    if (target === range && range.value) start.value = end.value = "";
    if ((target === start || target === end) && target.value && range) range.value = "";
    if (target.name === "group_by") form.querySelectorAll("[name=group]").forEach((input) => input.remove());
    if (target === range && !range.value) {
      find("#pick-dates", form).open = true;
      start.focus();
    }
  }, true);

  // "Custom" alone is no answer yet: the dates come next.
  document.addEventListener("htmx:configRequest", (event) => {
    const { elt, triggeringEvent, parameters } = event.detail;
    if (elt.id !== "filters") return;
    const half = triggeringEvent?.target?.name === "range" && !parameters.range && !parameters.start;
    if (half) event.preventDefault();
    for (const [name, value] of Object.entries({ ...parameters })) if (value === "") delete parameters[name];
  });

  const rows = () => all("table.rows tbody tr:not(.detail) td:first-child a");
  const step = (by) => {
    const links = rows();
    const at = links.indexOf(document.activeElement);
    links[Math.min(links.length - 1, Math.max(0, at + by))]?.focus();
  };
  const keys = {
    "/": () => find("#f-customer_id")?.select(),
    f: () => {
      const fold = find("#fold");
      if (fold) fold.checked = true;
      find("#filters select, #filters input:not([type=hidden])")?.focus();
    },
    j: () => step(1),
    k: () => step(-1),
    n: () => find("[data-key=n]")?.click(),
    l: () => find("#live")?.click(),
    "[": () => find("[data-key='[']")?.click(),
    "]": () => find("[data-key=']']")?.click(),
    "?": () => find("#keys")?.showModal(),
  };

  // Until htmx has settled what it swapped in, a link there is a plain one: to follow it would load the page
  // anew.
  let settling = false, closing = false;
  const close = () => find("tr.open td:first-child a")?.click();
  document.addEventListener("htmx:afterSwap", ({ detail }) => {
    if (detail.target?.id === "view") settling = true;
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
      if (find("details.menu[open]") || typing(event.target)) return;
      if (settling) closing = true;
      else close();
      return;
    }
    if (!on() || typing(event.target) || find("dialog[open]")) return;
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

  // A download sends the page nothing: its status line is requested, and repeats that while rows
  // are sent.
  document.addEventListener("click", ({ target }) => {
    if (!target.closest("a[data-export]")) return;
    for (const ms of [300, 1200, 4000]) setTimeout(() => find("#export") && htmx.trigger("#export", "begun"),
      ms);
  });

  // A swap takes the focused element away: what stands in its place gets the focus, so that keys go on from
  // there.
  let held = null;
  document.addEventListener("htmx:beforeSwap", ({ detail }) => {
    const active = document.activeElement;
    if (detail.target.id !== "view" || !active || !detail.target.contains(active)) return;
    held = { id: active.id, rel: active.rel, key: active.dataset.key, text: active.textContent.trim(),
      row: active.closest("table.rows") && rows().indexOf(active) };
  });
  const sameAs = ({ id, rel, key, text, row }) =>
    (id && document.getElementById(id)) ||
    (row >= 0 && row !== null && row !== false && rows()[row]) ||
    (key && find(`[data-key="${CSS.escape(key)}"]`)) ||
    (rel && find(`#view a[rel="${CSS.escape(rel)}"]`)) ||
    (text && all("#view a, #view button").find((other) => other.textContent.trim() === text));
  document.addEventListener("htmx:afterSettle", () => {
    if (document.activeElement !== document.body) return;
    const target = find("tr.open td:first-child a") ?? (held && sameAs(held)) ?? (held && find("#view h1"));
    held = null;
    if (!target) return;
    if (target.matches("h1")) target.tabIndex = -1;
    target.focus({ preventScroll: true });
  });
})();
