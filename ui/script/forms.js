// Checks fields while somebody fills them in, in the page's own words; the server's word is the last,
// so a form can always be sent, and all that is wrong comes back at once. A form is sent once.
import { lost } from "./connection.js";
import { mark, unmark } from "./faults.js";

const FIELD = "[data-fault]";
/** After so long nothing came of it, and it may be sent again. */
const AGAIN_MS = 8000;

const touched = new WeakSet();

document.addEventListener("input", (event) => {
  const field = event.target;
  if (!field.matches(FIELD)) return;
  touched.add(field);
  if (field.getAttribute("aria-invalid") === "true" && field.validity.valid) unmark(field);
});

// A button that moves down under the pointer, because a field above it is marked, is not pressed.
let pressed;

document.addEventListener("pointerdown", (event) => (pressed = event.target.closest("button")?.form), true);
for (const end of ["pointerup", "pointercancel"]) document.addEventListener(end, () => (pressed = undefined), true);

document.addEventListener("focusout", (event) => {
  const field = event.target;
  // Who only passes through is not told off.
  if (!field.matches(FIELD) || !touched.has(field) || field.validity.valid) return;
  if (!pressed || field.form !== pressed) mark(field);
});

const sent = new Set();

document.addEventListener("submit", (event) => {
  const form = event.target;
  if (event.defaultPrevented || form.method !== "post") return;
  if (sent.has(form)) {
    event.preventDefault();
    return;
  }
  if (!navigator.onLine) {
    // The browser's own page about that would cost what was typed.
    event.preventDefault();
    lost();
    return;
  }
  sent.add(form);
  event.submitter?.setAttribute("aria-disabled", "true");
  setTimeout(() => open(form), AGAIN_MS);
});

function open(form) {
  sent.delete(form);
  for (const button of form.querySelectorAll("[aria-disabled]")) button.removeAttribute("aria-disabled");
}

// A page that comes back as it was left can be sent again.
addEventListener("pageshow", (event) => event.persisted && [...sent].forEach(open));

// What the server found wrong is read first.
document.querySelector("main .alert[tabindex]")?.focus();
