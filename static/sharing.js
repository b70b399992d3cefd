// Copies what is shown once.
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
