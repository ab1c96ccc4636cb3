// Validates fields while they are edited, with messages from the page. The server decides, so a
// form can always be submitted and then reports all errors at once. A form is submitted only once.
import { reportUnreachable } from "./connection.js";
import { showError, clearError } from "./field-errors.js";

const FIELD = "[data-fault]";
/** After this time without a response the form can be submitted again. */
const AGAIN_MS = 8000;

const touched = new WeakSet();

document.addEventListener("input", (event) => {
  const field = event.target;
  if (!field.matches(FIELD)) return;
  touched.add(field);
  if (field.getAttribute("aria-invalid") === "true" && field.validity.valid) clearError(field);
});

// A button that moves under the pointer, because an error appears above it, does not get the click.
let pressed;

document.addEventListener("pointerdown", (event) => (pressed = event.target.closest("button")?.form), true);
for (const end of ["pointerup", "pointercancel"]) document.addEventListener(end, () => (pressed = undefined), true);

document.addEventListener("focusout", (event) => {
  const field = event.target;
  // A field that was only passed through is not validated.
  if (!field.matches(FIELD) || !touched.has(field) || field.validity.valid) return;
  if (!pressed || field.form !== pressed) showError(field);
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
    // The browser's own error page would lose the typed values.
    event.preventDefault();
    reportUnreachable();
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

// A page restored from the back/forward cache can be submitted again.
addEventListener("pageshow", (event) => event.persisted && [...sent].forEach(open));

// Moves the focus to the server's errors.
document.querySelector("main .alert[tabindex]")?.focus();
