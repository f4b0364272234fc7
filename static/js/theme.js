// Loaded before the page is painted: applies the stored theme without a flash.
(() => {
  const root = document.documentElement;
  const stored = () => {
    try {
      return localStorage.getItem("theme");
    } catch {
      return null; // storage may be switched off
    }
  };
  const apply = (theme) => {
    if (theme === "light" || theme === "dark") root.dataset.theme = theme;
    else delete root.dataset.theme;
  };
  apply(stored());

  document.addEventListener("DOMContentLoaded", () => {
    const group = document.querySelector("[data-theme-choice]");
    if (!group) return;
    const buttons = [...group.querySelectorAll("button")];
    const show = () => {
      const current = root.dataset.theme ?? "system";
      for (const button of buttons) {
        button.setAttribute("aria-pressed", String(button.value === current));
      }
    };
    group.addEventListener("click", (event) => {
      const button = event.target.closest("button");
      if (!button) return;
      try {
        if (button.value === "system") localStorage.removeItem("theme");
        else localStorage.setItem("theme", button.value);
      } catch {
        // The choice then lasts for this page only.
      }
      apply(button.value);
      show();
      document.dispatchEvent(new CustomEvent("theme:change"));
    });
    show();
  });
})();
