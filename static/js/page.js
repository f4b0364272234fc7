// What every page needs: menus that close, dialogs that ask, errors that are found.

const menus = () => document.querySelectorAll("details.menu[open]");

document.addEventListener("click", (event) => {
  for (const menu of menus()) {
    if (!menu.contains(event.target)) menu.open = false;
  }

  const opener = event.target.closest("[data-dialog]");
  const dialog = opener && document.getElementById(opener.dataset.dialog);
  if (dialog) {
    event.preventDefault();
    dialog.showModal();
  }
  if (event.target.closest("[data-dialog-close]")) event.target.closest("dialog")?.close();
  // The dialog itself is hit only where its backdrop is.
  if (event.target instanceof HTMLDialogElement) event.target.close();
});

document.addEventListener("keydown", (event) => {
  if (event.key !== "Escape") return;
  for (const menu of menus()) {
    const inside = menu.contains(document.activeElement);
    menu.open = false;
    if (inside) menu.querySelector("summary").focus();
  }
});

// What a person unfolded stays so when htmx fetches its part of the page again.
let unfolded = [];
document.addEventListener("htmx:beforeSwap", () => {
  unfolded = Array.from(document.querySelectorAll("details[id][open]"), (details) => details.id);
});
document.addEventListener("htmx:afterSwap", () => {
  for (const id of unfolded) {
    const details = document.getElementById(id);
    if (details instanceof HTMLDetailsElement) details.open = true;
  }
});

// A log shows its newest line, also after it was fetched again.
const followLogs = (root) => {
  for (const log of root.querySelectorAll(".log")) log.scrollTop = log.scrollHeight;
};
followLogs(document);
document.addEventListener("htmx:load", (event) => followLogs(event.detail.elt.parentElement ?? document));

// Those of the design system's page are shown, not told.
document.querySelector("[data-error-summary]:not(.specimen *)")?.focus();
