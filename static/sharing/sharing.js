// Links: what is shown once is copied, what is made is made once, what is written is chosen.
for (const button of document.querySelectorAll("[data-takes]")) {
  const field = document.getElementById(button.dataset.takes);
  button.hidden = !navigator.clipboard;
  field.addEventListener("focus", () => field.select());
  button.addEventListener("click", async () => {
    await navigator.clipboard.writeText(field.value);
    button.textContent = "Copied";
    document.getElementById("copied").textContent = "Copied";
  });
}

// A link is made once: a second click on its button would make nobody see the first one's address.
for (const form of document.querySelectorAll("form[data-once]")) {
  let sent = false;
  form.addEventListener("submit", (event) => {
    if (sent) event.preventDefault();
    sent = true;
  });
  addEventListener("pageshow", () => (sent = false));
}

// A field that is filled in or ticked selects the choice that it belongs to.
document.addEventListener("input", ({ target }) => {
  const kind = target.closest("[data-for]")?.dataset.for;
  const choice = kind && target.closest("[data-chooses]");
  if (choice
    && target.value) choice.querySelector(`[name=${choice.dataset.chooses}][value=${kind}]`).checked = true;
  const group = target.closest("[data-all]");
  if (!group || !target.checked) return;
  const isAll = target.name === group.dataset.all;
  for (const box of group.querySelectorAll("input")) {
    if ((box.name === group.dataset.all) !== isAll) box.checked = false;
  }
});
