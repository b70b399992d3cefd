// Choosing a customer, in the top bar and in forms: options as you type, by the combobox pattern. What is
// stored answers at once; Autumn is asked when the typing rests. The search also has saved views.
(() => {
  const REST_MS = 300;
  const states = new WeakMap(); // a field → what it shows and waits for
  const field = (target) => target.closest?.("[data-customer-search] > input");
  const opens = (input) => "opens" in input.parentElement.dataset;
  const popup = (input) => input.parentElement.querySelector(".suggest");
  const options = (input) => [...popup(input).querySelectorAll("[role=option]")];
  const isCustomer = (option) => "customerId" in option.dataset;
  const counted = (count, noun) => `${count} ${noun}${count === 1 ? "" : "s"}`;
  const state = (input) => {
    if (!states.has(input)) states.set(input, { active: null, moves: 0, enter: false, timer: 0 });
    return states.get(input);
  };

  const activate = (input, option) => {
    state(input).active = option?.dataset.href ?? null;
    for (const each of options(input)) each.setAttribute("aria-selected", String(each === option));
    if (option) input.setAttribute("aria-activedescendant", option.id);
    else input.removeAttribute("aria-activedescendant");
    option?.scrollIntoView({ block: "nearest" });
  };

  // A form may show the name of the ID in its field.
  const call = (input, name) => {
    const shown = input.parentElement.parentElement.querySelector("[data-customer-name]");
    if (shown) shown.textContent = name;
  };

  const close = (input) => {
    const waiting = state(input);
    clearTimeout(waiting.timer);
    waiting.request?.abort();
    Object.assign(waiting, { moves: 0, enter: false });
    popup(input).hidden = true;
    input.setAttribute("aria-expanded", "false");
    activate(input, null);
  };

  const choose = (input, option) => {
    const { customerId, href } = option.dataset;
    close(input);
    if (!opens(input)) {
      input.value = customerId;
      const name = option.querySelector("b").textContent;
      call(input, name === customerId ? "" : name);
      input.dispatchEvent(new Event("change", { bubbles: true }));
      return;
    }
    if (customerId === undefined) return location.assign(href); // a saved view has its own dates
    const address = new URL(href, location.href);
    const here = new URLSearchParams(document.body.dataset.pending ?? location.search);
    for (const name of ["range", "start", "end", "tz"]) {
      if (here.has(name)) address.searchParams.set(name, here.get(name));
    }
    location.assign(address);
  };

  const isOnlyMatch = (input, shown) => shown.length === 1 && input.value.trim()
    && !popup(input).querySelector("[data-notice=similar]");

  const step = (input, by) => {
    const shown = options(input);
    const at = shown.findIndex((each) => each.dataset.href === state(input).active);
    const next = at < 0 ? (by > 0 ? 0 : shown.length - 1) : (at + by + shown.length) % shown.length;
    activate(input, shown[next]);
  };

  const show = (input, text, html, last) => {
    const waiting = state(input);
    waiting.shown = text;
    const box = popup(input);
    box.innerHTML = html;
    const shown = options(input);
    shown.forEach((each, at) => (each.id = `${input.id}-${at}`));
    const list = box.querySelector("[role=listbox]");
    list.id = `${input.id}-list`;
    input.setAttribute("aria-controls", list.id);
    box.hidden = false;
    input.setAttribute("aria-expanded", String(shown.length > 0));
    const customers = shown.filter(isCustomer).length, views = shown.length - customers;
    const count = counted(customers, "customer") + (views ? `, ${counted(views, "saved view")}` : "");
    const note = box.querySelector("[data-notice]")?.textContent ?? "";
    if (last) box.nextElementSibling.textContent = shown.length ? `${count}. ${note}` : note;
    activate(input, shown.find((each) => each.dataset.href === waiting.active));
    // What was pressed before there were options counts as soon as there are.
    if (shown.length && !waiting.active) for (; waiting.moves > 0; waiting.moves -= 1) step(input, 1);
    if (waiting.enter && waiting.active) choose(input, shown.find((each) => each.id ===
      input.getAttribute("aria-activedescendant")));
    else if (last) waiting.enter = false;
  };

  const request = async (input, stored) => {
    const waiting = state(input);
    waiting.request?.abort();
    const own = (waiting.request = new AbortController());
    const text = input.value;
    const query = new URLSearchParams({ q: text.slice(0, 200), ...(stored ? { stored: "1" } : {}),
      ...(opens(input) ? { views: "1" } : {}) });
    try {
      const answer = await fetch(`${input.parentElement.dataset.customerSearch}?${query}`,
        { signal: own.signal, headers: { "HX-Request": "true", "HX-Current-URL": location.href } });
      const elsewhere = answer.headers.get("HX-Redirect"); // the session has ended
      if (elsewhere) return location.assign(elsewhere);
      const html = await answer.text();
      if (!answer.ok || own.signal.aborted || document.activeElement !== input) return;
      show(input, text, html, !stored);
    } catch (error) {
      if (error.name !== "AbortError" && !(error instanceof TypeError)) throw error;
    }
  };

  const search = async (input) => {
    const waiting = state(input);
    clearTimeout(waiting.timer);
    const rested = new Promise((done) => (waiting.timer = setTimeout(done, REST_MS)));
    await request(input, true);
    await rested;
    const isKnown = !input.value.trim() && options(input).some(isCustomer);
    if (document.activeElement === input && !popup(input).hidden && !isKnown) await request(input, false);
  };

  document.addEventListener("input", ({ target }) => {
    const input = field(target);
    if (!input) return;
    Object.assign(state(input), { active: null, moves: 0, enter: false });
    call(input, "");
    search(input);
  });
  document.addEventListener("focusin", ({ target }) => {
    const input = field(target);
    if (input && opens(input)) search(input);
  });
  document.addEventListener("focusout", ({ target }) => {
    const input = field(target);
    if (input) close(input);
  });

  document.addEventListener("keydown", (event) => {
    const input = field(event.target);
    if (!input || event.isComposing || event.ctrlKey || event.metaKey || event.altKey) return;
    const waiting = state(input);
    // Options of another text than the one in the field are not what a key is meant for.
    const shown = popup(input).hidden || waiting.shown !== input.value ? [] : options(input);
    const by = { ArrowDown: 1, ArrowUp: -1 }[event.key];
    if (by) {
      event.preventDefault();
      if (shown.length) step(input, by);
      else if (by > 0) {
        waiting.moves += 1;
        if (popup(input).hidden) search(input);
      }
    } else if (event.key === "Enter" && opens(input) && isOnlyMatch(input, shown)) {
      event.preventDefault();
      choose(input, shown[0]);
    } else if (event.key === "Enter" && (waiting.active || waiting.moves)) {
      event.preventDefault();
      if (waiting.active) choose(input, shown.find((each) => each.dataset.href === waiting.active));
      else waiting.enter = true;
    } else if (event.key === "Escape") {
      event.preventDefault();
      if (!popup(input).hidden) close(input);
      else if (opens(input)) input.value = "";
    }
  }, true);

  // The field keeps the focus while an option is clicked.
  document.addEventListener("pointerdown", (event) => {
    if (event.target.closest(".suggest")) event.preventDefault();
  });
  document.addEventListener("mousedown", (event) => {
    if (event.target.closest(".suggest")) event.preventDefault();
  });
  document.addEventListener("click", ({ target }) => {
    const option = target.closest(".suggest [role=option]");
    if (option) choose(option.closest("[data-customer-search]").querySelector("input"), option);
  });

  document.addEventListener("keydown", (event) => {
    if (event.key !== "/" || event.ctrlKey || event.metaKey || event.altKey || event.defaultPrevented) return;
    const isTyping = event.target.closest("input:not([type=checkbox]), textarea, select, [contenteditable]");
    if (isTyping || document.querySelector("dialog[open]") || localStorage.getItem("single-keys") === "off") {
      return;
    }
    event.preventDefault();
    // The overview has a larger one, beside which the one in the top bar is not shown.
    (document.getElementById("find-first") ?? document.getElementById("find-customer"))?.select();
  });
})();
