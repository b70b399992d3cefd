// What a page remembers of its viewer: the theme they chose, and the zone they live in. What it showed, it
// forgets.
(() => {
  const root = document.documentElement;
  const keep = (name, value) => {
    const secure = location.protocol === "https:" ? "; Secure" : "";
    document.cookie = `${name}=${value}; Path=${root.dataset.root}; Max-Age=31536000; SameSite=Lax${secure}`;
  };

  const zone = Intl.DateTimeFormat().resolvedOptions().timeZone;
  const isFirst = !/(^|; )tz=/.test(document.cookie);
  if (zone) keep("tz", zone);
  // Links of a page in the server's zone would keep that zone for good.
  if (isFirst && /(^|; )tz=/.test(document.cookie) && document.querySelector("#view[data-first-visit]")) {
    location.reload();
  }

  const themes = { "": "auto", light: "light", dark: "dark" };
  const order = Object.keys(themes);
  const show = (theme) => {
    if (theme) root.dataset.theme = theme;
    else delete root.dataset.theme;
    const button = document.getElementById("theme");
    if (!button) return;
    button.hidden = false;
    button.title = `Theme: ${themes[theme]}`;
    button.setAttribute("aria-label", button.title);
  };

  // The cookie lets the server draw the right theme at once; the store outlives cleared cookies. It is slow
  // to open, and so is looked at after the first paint.
  show(root.dataset.theme ?? "");
  const whenIdle = window.requestIdleCallback ?? setTimeout;
  whenIdle(() => {
    const stored = localStorage.getItem("theme");
    if (order.includes(stored) && stored !== (root.dataset.theme ?? "")) show(stored);
  });

  document.addEventListener("click", (event) => {
    if (event.target.closest("#theme")) {
      const next = order[(order.indexOf(root.dataset.theme ?? "") + 1) % order.length];
      localStorage.setItem("theme", next);
      keep("theme", next);
      show(next);
      document.dispatchEvent(new CustomEvent("theme", { detail: next }));
    }
    for (const menu of document.querySelectorAll("details.menu[open]")) {
      if (!menu.contains(event.target)) menu.open = false;
    }
  });
  document.addEventListener("keydown", (event) => {
    if (event.key !== "Escape") return;
    for (const menu of document.querySelectorAll("details.menu[open]")) {
      menu.open = false;
      menu.querySelector("summary").focus();
    }
  });
  // Browsers may keep a page whole for the way back, also one that no cache may keep: by then its link or
  // its viewer's session may have ended.
  addEventListener("pagehide", () => (document.body.hidden = true));
  addEventListener("pageshow", ({ persisted }) => persisted && location.reload());

  // htmx notes the address of the page, with its filters, in a store that outlives a link.
  const forget = () => sessionStorage.removeItem("htmx-current-path-for-history");
  whenIdle(forget);
  for (const name of ["pushedIntoHistory", "replacedInHistory", "historyRestore"]) {
    document.addEventListener(`htmx:${name}`, forget);
  }

  document.addEventListener("htmx:historyRestore", () => show(root.dataset.theme ?? ""));
})();
