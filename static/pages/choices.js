// No choice is lost. Each action changes one pending query: for one parameter the later choice holds, choices
// of different parameters all do. A request that fails is named in place, and the picture stays.
(() => {
  const REST_MS = 300; // keys walk through a list: the last one they rest on is requested
  const PLACE = ["until", "before", "page", "event"]; // where the person is in a list
  const SETS = ["filter", "exclude", "hide", "filter_text"]; // of these each value is a choice of its own
  const TOGETHER = { range: ["start", "end"], start: ["range", "end"], end: ["range", "start"],
    group_by: ["group", "hide"], group: ["group_by"] };

  const find = (selector, root = document) => root.querySelector(selector);
  const view = () => find("#view");
  const hasPicture = () => view() && !("failed" in view().dataset);
  const addressOf = (element) => new URL((element.closest("[data-address]") ?? view()).dataset.address,
    location.href);
  const text = (url) => url.pathname + url.search;
  const isView = (target, verb = "get") => target?.id === "view" && verb === "get";

  let shown, pending; // the addresses of what the page shows, and of what was chosen
  let current = null; // the person's request that is on its way
  let timer = 0;
  const snapshots = new WeakMap(); // a form → what it had when it was last heard

  // What a form means: a preset replaces dates, and parts are put together as the server does without script.
  const valuesOf = (form) => {
    const values = new URLSearchParams([...new FormData(form)].filter(([, value]) => value !== ""));
    const take = (name) => {
      const value = values.get(name);
      values.delete(name);
      return value;
    };
    if (values.get("range")) for (const name of ["start", "end"]) values.delete(name);
    for (const name of ["start", "end"]) {
      const time = take(`${name}_time`);
      const day = values.get(name) ?? (name === "end" ? values.get("start")?.slice(0, 10) : "");
      if (time) values.set(name, `${day ?? ""}T${time}`);
    }
    const is = take("filter_is");
    if (values.has("filter_property") && values.has("filter_value")) {
      const condition = `${take("filter_property")}:${take("filter_value")}`;
      values.append(is === "not" ? "exclude" : "filter", condition);
    }
    return values;
  };
  const snapshot = () => { for (const form of view().querySelectorAll("form[hx-get]")) snapshots.set(form,
    valuesOf(form)); };
  const settle = () => {
    if (!view()) return;
    shown = addressOf(view());
    pending = new URL(shown);
    mark();
    snapshot();
  };
  // The search for a customer leaves the page, and takes the pending choices along.
  const mark = () => {
    if (text(pending) === text(shown)) delete document.body.dataset.pending;
    else document.body.dataset.pending = pending.search;
  };

  // ── One pending query

  const set = (query, name, values) => {
    query.delete(name);
    for (const value of values) query.append(name, value);
  };
  const apply = (from, to, query) => {
    const names = [...new Set([...from.keys(), ...to.keys()])];
    const all = (url, name) => url.getAll(name).join("\0");
    const changed = new Set(names.filter((name) => all(from, name) !== all(to, name)));
    for (const name of [...changed]) for (const other of TOGETHER[name] ?? []) changed.add(other);
    for (const name of changed) {
      if (!SETS.includes(name)) { set(query, name, to.getAll(name)); continue; }
      const [before, after] = [from.getAll(name), to.getAll(name)];
      const kept = query.getAll(name).filter((value) => after.includes(value) || !before.includes(value));
      set(query, name, new Set([...kept, ...after.filter((value) => !before.includes(value))]));
    }
    if (!query.get("group_by")) { // groups and their shares go with what they are groups of
      query.delete("group");
      if (query.get("chart") === "percent") query.delete("chart");
    }
    if ([...changed].some((name) => !PLACE.includes(name))) {
      for (const name of PLACE) set(query, name, to.getAll(name));
    }
  };
  const follow = (from, to, url = pending) => {
    if (to.pathname !== from.pathname) url.pathname = to.pathname;
    apply(from.searchParams, to.searchParams, url.searchParams);
    return url;
  };
  // "Custom" alone is no answer yet: the dates come next.
  const hasNoDates = ({ elements: { range, start } }) => range?.value === "" && !start?.value;
  const isHalf = (form, event) => event?.target.name === "range" && hasNoDates(form);
  const hear = (form) => {
    const now = valuesOf(form);
    const range = snapshots.get(form)?.get("range");
    if (range && hasNoDates(form)) now.set("range", range);
    const before = snapshots.get(form) ?? now;
    // Dates are read in the zone beside them; those of a preset follow it by themselves.
    const isMoved = form.id === "dates" && before.get("tz") !== now.get("tz");
    if (isMoved && pending.searchParams.has("start")) before.delete("start");
    apply(before, now, pending.searchParams);
    if (form.matches("[data-draft]")) close(form, now);
    snapshots.set(form, valuesOf(form));
  };
  // A condition that was added leaves its fields free for the next one.
  const close = (form, now) => {
    const fields = [...form.elements].filter((each) => each.type !== "hidden");
    const menu = fields[0].closest("details");
    menu.open = false;
    find("summary", menu).focus();
    if (form.id === "dates" || now.has("filter_property") || now.has("filter_value")) return;
    for (const each of fields) each.value = each.matches("select") ? each.options[0].value : "";
  };
  const send = () => htmx.ajax("GET", text(pending), { source: "#view", target: "#view",
    swap: "outerHTML show:none" }).catch(() => {});

  let waits = null; // a bar that was chosen while the view was on its way
  document.addEventListener("htmx:confirm", (event) => {
    const { elt, path, verb, target } = event.detail;
    if (target?.id === "events-in-view") {
      if (!current?.isView && !timer) return stop();
      event.preventDefault();
      waits = { from: addressOf(elt), to: new URL(path, location.href) };
      return;
    }
    if (!isView(target, verb)) return;
    const isAgain = elt.matches("[data-asks-again]");
    if ((isAgain && current) || (elt.matches("form") && isHalf(elt, event.detail.triggeringEvent))) {
      return event.preventDefault();
    }
    if (elt.matches("form")) hear(elt);
    else if (!isAgain && elt !== view()) follow(addressOf(elt), new URL(path, location.href));
    else if (!isAgain && path !== text(pending)) follow(shown, new URL(path, location.href));
    waits = null;
    mark();
    stop();
  });
  const stop = () => {
    clearTimeout(timer);
    timer = 0;
    const { xhr, info } = current ?? {};
    current = null;
    if (info) info.error = ""; // meant, and nothing for the console
    xhr?.abort();
  };
  document.addEventListener("htmx:configRequest", ({ detail }) => {
    if (!isView(detail.target, detail.verb)) return;
    for (const name of Object.keys(detail.parameters)) delete detail.parameters[name];
    detail.path = text(pending);
  });
  document.addEventListener("htmx:beforeRequest", ({ detail: info }) => {
    const { xhr, target, requestConfig, etc } = info;
    if (!isView(target, requestConfig.verb) && target?.id !== "events-in-view") return;
    stop();
    const own = (current = { xhr, info, isView: target.id === "view" });
    const end = () => { if (current === own) current = null; };
    const path = own.isView ? text(pending) : requestConfig.path;
    const again = own.isView ? () => {
      follow(shown, new URL(path, location.href));
      send();
    } : () => htmx.ajax("GET", path, { source: "#view", target: "#events-in-view", swap: "outerHTML",
      push: etc.push }).catch(() => {});
    own.fail = () => { end(); failed(again); };
    for (const name of ["error", "timeout"]) xhr.addEventListener(name, own.fail);
    xhr.addEventListener("loadend", end);
  });

  // Keys that walk through a list choose at each step: what they rest on counts.
  let byKey = false;
  document.addEventListener("keydown", ({ target }) => (byKey = target.matches("select")), true);
  document.addEventListener("pointerdown", () => (byKey = false), true);
  document.addEventListener("change", (event) => {
    if (event.target.form?.matches("[data-draft]")) return event.stopImmediatePropagation(); // not complete
    const form = event.target.closest("#view form[hx-get]");
    if (!form || !byKey || !event.target.matches("select") || isHalf(form, event)) return;
    event.stopImmediatePropagation();
    hear(form);
    mark();
    stop();
    timer = setTimeout(send, REST_MS);
  }, true);

  // A link that was drawn before a choice carries an old query: what opens is the pending one.
  document.addEventListener("click", ({ target }) => {
    const link = target.closest?.("#view a[href]:not([data-saved-view]), #nav a[href]");
    if (!link || !shown || text(pending) === text(shown) || link.origin !== location.origin) return;
    const href = link.getAttribute("href"), to = new URL(link.href);
    const url = new URL(pending);
    link.href = text(follow(addressOf(link), to, url));
    setTimeout(() => link.setAttribute("href", href));
  }, true);

  // ── What did not come

  const restore = () => {
    pending = new URL(shown);
    mark();
    for (const form of view().querySelectorAll("form[hx-get]")) {
      if (form.matches("[data-draft]") && [...form.elements].some((each) => each.closest(
        "details[open]"))) continue; // no choice yet
      form.reset();
      snapshots.set(form, valuesOf(form));
    }
  };
  const say = (notice) => {
    find("#request-failed")?.remove();
    notice.id = "request-failed";
    view().prepend(notice);
    htmx.process(notice);
  };
  const failed = (again) => {
    if (!view()) return;
    restore();
    const notice = find("#request-failed-notice").content.firstElementChild.cloneNode(true);
    Object.assign(notice, { role: "alert" }).dataset.notice = "request-failed"; // said when it appears
    const button = find("button", notice);
    button.dataset.retry = "";
    button.addEventListener("click", again);
    say(notice);
  };

  // The sentences of what was refused stand beside their fields. The other choices hold.
  const FIELD_OF = { filter: "filter_text", exclude: "filter_text" };
  const PARTS_OF = { ...FIELD_OF, filter_property: "filter_value", filter_value: "filter_property" };
  const fieldOf = (name) => [...document.querySelectorAll(
    `#view [name="${CSS.escape(FIELD_OF[name] ?? name)}"]`)].find((each) => each.type !== "hidden");
  let refusals = [];
  const refuse = (errors) => {
    const names = errors.map((error) => error.dataset.error);
    refusals = errors.map((error, at) => [error, typedIn(names[at])]);
    const before = text(pending);
    for (const name of names) for (const each of [name, PARTS_OF[name] ?? name, ...TOGETHER[name] ?? []]) {
      set(pending.searchParams, each, shown.searchParams.getAll(each));
    }
    const left = text(pending);
    if (left !== before && left !== text(shown)) return setTimeout(send);
    restore();
    showRefusals();
  };
  // What stands in the fields of a refused choice; a typed condition has left its field already.
  const typedIn = (name) => {
    const field = fieldOf(name);
    const value = pending.searchParams.getAll(FIELD_OF[name] ?? name).at(-1);
    const fields = field?.form.matches("[data-draft]") ? [...field.form.elements] : [];
    const typed = fields.map((each) => [each.id, each.value]);
    return value === undefined || field?.form.id === "dates" ? typed : [...typed, [field?.id, value]];
  };
  const showRefusals = () => {
    for (const [error, typed] of refusals) {
      document.getElementById(error.id)?.remove();
      for (const [id, value] of typed) {
        const input = document.getElementById(id);
        if (input?.matches("select, input:not([type=checkbox], [type=hidden])")) input.value = value;
      }
      const field = fieldOf(error.dataset.error);
      if (!field) {
        find("#filters").lastElementChild.before(error);
        continue;
      }
      field.setAttribute("aria-invalid", "true");
      field.setAttribute("aria-describedby", error.id);
      const menu = field.closest("details");
      if (menu) menu.open = true;
      if (menu && field.form.matches("[data-draft]")) field.focus();
      const place = field.closest(".field:not(details)");
      place?.classList.add("bad");
      const group = field.closest(".moment");
      if (group) group.append(error);
      else (place ?? field.closest(".condition") ?? field).after(error);
    }
    refusals = [];
    snapshot();
  };

  document.addEventListener("htmx:beforeSwap", (event) => {
    const { xhr, requestConfig } = event.detail;
    const isOurs = xhr.getResponseHeader("Usage-Dashboard") !== null;
    if (!isOurs) event.preventDefault(); // a proxy's own page
    if (!isView(requestConfig.target, requestConfig.verb)) {
      if (!isOurs && current?.xhr === xhr) current.fail();
      return;
    }
    if (!isOurs || (xhr.status === 500 && hasPicture())) {
      event.preventDefault();
      return current?.fail();
    }
    if (!hasPicture() || (xhr.status < 500 && xhr.status !== 400 && !xhr.responseText.includes(
      "data-asks-again"))) return;
    const answer = new DOMParser().parseFromString(xhr.responseText, "text/html");
    const errors = [...answer.querySelectorAll("form [data-error]")];
    const notice = find("#view > [role=alert]", answer);
    if (xhr.status === 400 ? !errors.length : !notice) return;
    event.preventDefault();
    if (xhr.status === 400) return refuse(errors);
    if (!notice.matches("[data-asks-again]")) restore();
    notice.className = "notice warn";
    say(notice);
  });

  // ── What came

  document.addEventListener("htmx:afterSwap", ({ detail }) => {
    if (detail.target?.id !== "view") return;
    current = null;
    settle();
    if (refusals.length) showRefusals();
    if (!waits) return;
    const { from, to } = waits;
    waits = null;
    if (!find("#events-in-view")) return;
    const url = text(follow(from, to, new URL(shown)));
    htmx.ajax("GET", url, { source: "#view", target: "#events-in-view", swap: "outerHTML", push: url }).catch(
      () => {});
  });
  document.addEventListener("htmx:historyCacheMiss", ({ detail: { xhr } }) => {
    stop();
    const own = (current = { xhr });
    xhr.addEventListener("error", () => { if (current === own) failed(() => location.reload()); });
    xhr.addEventListener("loadend", () => { if (current === own) current = null; });
  });
  document.addEventListener("htmx:historyCacheMissLoadError", () => failed(() => location.reload()));
  document.addEventListener("htmx:historyRestore", settle);

  // What was chosen before this script was there is a choice too.
  const hearEarly = () => {
    for (const form of view()?.querySelectorAll("form[hx-get]:not([data-draft])") ?? []) {
      const chosen = [...form.elements].map((each) => [each, each.value, each.checked]);
      form.reset();
      snapshots.set(form, valuesOf(form));
      for (const [each, value, checked] of chosen) if (each.value !== value || each.checked !== checked) {
        Object.assign(each, each.matches("[type=checkbox]") ? { checked } : { value });
      }
      if (!hasNoDates(form)) hear(form);
    }
    mark();
    if (view() && text(pending) !== text(shown)) send();
  };
  settle();
  document.addEventListener("DOMContentLoaded", hearEarly);
})();
