// "Copy table": as a table for documents, and as tab-separated lines with plain numbers for spreadsheets.
(() => {
  const FIGURE = /^(≈ )?−?[\d,]+(\.\d+)?(e[+−]?\d+)?$/;
  const FORMULA = /^\s*[=+\-@＝＋－＠]/; // a spreadsheet would run it, also from the clipboard

  // A heading may stand for two columns: the second has what is small beside each figure, such as its share.
  const columns = (heading) => [heading.querySelector("[title]")?.title ?? heading.textContent.trim(),
    ...(heading.dataset.beside ? [heading.dataset.beside] : [])];

  const parts = (cell, heading) => {
    const main = cell.cloneNode(true), beside = main.querySelector("small");
    beside?.remove();
    const text = (cell.dataset.exact ?? main.textContent).trim();
    return heading.dataset.beside ? [text, beside?.textContent.trim() ?? ""] : [text];
  };

  const linesOf = (table) => {
    const headings = [...table.tHead.rows[0].cells];
    const rows = [...table.tBodies[0].rows, ...(table.tFoot?.rows ?? [])];
    const lines = [headings.flatMap(columns), ...rows.map((row) => [...row.cells].flatMap((cell, at) => parts(
      cell, headings[at])))];
    return lines.map((line) => line.map((text) => (FORMULA.test(text) ? `'${text}` : text)));
  };

  // Names stay as they are, in the first line and in the first column.
  const asTsv = (lines) => lines.map((line, row) => line.map((text, column) => (row && column
    && FIGURE.test(text) ? text.replaceAll(",", "").replaceAll("−", "-") : text.replace(/[\t\r\n]+/g, " ")))
    .join("\t")).join("\n");

  const asHtml = (lines) => {
    const table = document.createElement("table");
    lines.forEach((line, at) => {
      const row = table.insertRow();
      for (const text of line) row.appendChild(document.createElement(at ? "td" : "th")).textContent = text;
    });
    return table.outerHTML;
  };

  const copy = async (flavors) => {
    if (window.ClipboardItem && navigator.clipboard?.write) {
      return navigator.clipboard.write([new ClipboardItem(flavors)]);
    }
    // Without TLS there is no such interface; the event of the old command takes both kinds.
    let isTaken = false;
    const take = (event) => {
      for (const kind in flavors) event.clipboardData.setData(kind, flavors[kind]);
      event.preventDefault();
      isTaken = true;
    };
    document.addEventListener("copy", take);
    document.execCommand("copy");
    document.removeEventListener("copy", take); // a later copy is of something else
    if (!isTaken) throw new Error("the browser did not copy");
  };

  document.addEventListener("click", async ({ target }) => {
    const button = target.closest?.("[data-copy-table]");
    if (!button) return;
    const lines = linesOf(button.parentElement.parentElement.querySelector("table"));
    const outcome = button.parentElement.querySelector("[role=status]");
    outcome.textContent = "";
    try {
      await copy({ "text/html": asHtml(lines), "text/plain": asTsv(lines) });
      outcome.textContent = "Copied";
    } catch {
      outcome.textContent = button.dataset.failed;
    }
  });
})();
