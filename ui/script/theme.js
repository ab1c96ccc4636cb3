// The switch between light and dark. The button is made here, because without scripts it would do nothing;
// the page brings its sign and its name. Which theme was chosen before is applied in the page's head.
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
    // A browser that stores nothing shows the theme until the page is left.
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
