// The switch between the light and the dark theme. The button is created here, because it needs
// scripts; the page contains its icon and its label. The saved theme is applied in the head of the
// page.
const slot = document.querySelector(".theme-slot");
const root = document.documentElement;

function isDark() {
  return root.dataset.theme ? root.dataset.theme === "dark" : matchMedia("(prefers-color-scheme: dark)").matches;
}

function change() {
  root.dataset.theme = isDark() ? "light" : "dark";
  try {
    localStorage.setItem("theme", root.dataset.theme);
  } catch {
    // If the browser stores nothing, the theme lasts until the page is left.
  }
}

if (slot) {
  const button = document.createElement("button");
  button.type = "button";
  button.className = "theme-toggle";
  button.setAttribute("aria-label", slot.dataset.label);
  button.append(...slot.childNodes);
  button.addEventListener("click", change);
  slot.append(button);
}
