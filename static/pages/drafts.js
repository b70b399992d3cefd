// Forms that are sent when they are complete: a window of one day needs its date once, and a property brings
// the commonest of its values.
(() => {
  const field = (id) => document.getElementById(id);

  document.addEventListener("input", ({ target }) => {
    const [start, end, endTime] = ["f-start", "f-end", "f-end_time"].map(field);
    if (target.id === "f-start" || target.id === "f-start_time") {
      // A time of day is mostly of one day; an end before the start never is meant.
      const isUntouched = end?.value === end?.defaultValue && !endTime?.value && field("f-start_time")?.value;
      if (end?.type === "date" && start.value > "1970" && (isUntouched || end.value < start.value)) {
        end.value = start.value;
      }
    }
    if (target.id === "f-filter_property") {
      const list = target.selectedOptions[0]?.dataset.list;
      if (list) field("f-filter_value").setAttribute("list", list);
      else field("f-filter_value").removeAttribute("list");
    }
  });

  // A menu at the right edge opens to the left.
  document.addEventListener("toggle", ({ target }) => {
    if (!target.matches("details.pick")) return;
    target.classList.remove("flip");
    const { right } = target.querySelector(".list").getBoundingClientRect();
    target.classList.toggle("flip", target.open && right > document.documentElement.clientWidth);
  }, true);

  // Proxies refuse long addresses, and a character of another script is up to twelve in one.
  document.addEventListener("input", ({ target }) => {
    if (target.form?.id !== "add-filter" || !target.matches("input")) return;
    const isLong = encodeURIComponent(target.value.toWellFormed()).length > 4000;
    target.setCustomValidity(isLong ? target.closest("[data-too-long]").dataset.tooLong : "");
  });
})();
