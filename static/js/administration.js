// What Django's own pages of the administration do not tell who does not see them: the names of
// fields in tables, of choosers and of hints; and what scrolls can be scrolled with the keyboard.

const named = (element) =>
  element.labels?.length || element.hasAttribute("aria-label") || element.type === "hidden";

const name = () => {
  for (const field of document.querySelectorAll("td :is(input, select, textarea)")) {
    const cell = field.closest("td");
    const column = cell.closest("table").tHead?.rows[0].cells[cell.cellIndex];
    const words = column?.innerText.trim();
    if (words && !named(field)) field.setAttribute("aria-label", words);
  }
  for (const chooser of document.querySelectorAll("select.admin-autocomplete")) {
    const words = chooser.labels?.[0]?.innerText.trim() ?? chooser.getAttribute("aria-label");
    const shown = chooser.parentElement.querySelectorAll(
      ".select2-selection, .select2-selection__rendered");
    for (const part of words ? shown : []) {
      part.removeAttribute("aria-labelledby");
      part.setAttribute("aria-label", words);
    }
  }
  for (const hint of document.querySelectorAll(".help-tooltip[aria-label]")) {
    hint.setAttribute("role", "img");
  }
  for (const box of document.querySelectorAll(".inline-group, #changelist .results")) {
    if (box.scrollWidth > box.clientWidth) box.tabIndex = 0;
  }
};

if (document.readyState === "complete") name();
else addEventListener("load", name);
// Django makes its choosers when jQuery is ready, which can be after the page was loaded.
globalThis.django?.jQuery?.(name);
addEventListener("resize", name);
document.addEventListener("formset:added", name);
