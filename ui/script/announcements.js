// Announces changes to screen readers. Only the content of an open dialog is accessible, so dialogs
// have live regions of their own.
const everywhere = document.getElementById("said");

/** The announcement that the page contains. */
export const messages = everywhere.dataset;

export function announce(text) {
  const place = document.querySelector("dialog[open] [role=status]") ?? everywhere;
  // An unchanged text would not be announced again.
  place.textContent = "";
  setTimeout(() => (place.textContent = text), 50);
}
