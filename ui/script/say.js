// Says to those who do not see it what has changed. A dialog that is open is all that they can reach,
// so it has a place of its own for that.
const everywhere = document.getElementById("said");

/** The words that come with the page. */
export const words = everywhere.dataset;

export function say(text) {
  const place = document.querySelector("dialog[open] [role=status]") ?? everywhere;
  // What stands there already would not be said once more.
  place.textContent = "";
  setTimeout(() => (place.textContent = text), 50);
}
