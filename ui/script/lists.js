// Filters, order and pagination of a list without page loads: fetches the next page and replaces
// the list. If that fails, navigates as usual.
import { cancelTask, runWhenReachable } from "./connection.js";
import { Unreachable, fetchPage, opensHere, updateHead, replaceContent } from "./page.js";
import { announce } from "./announcements.js";

const LIST = ".with-filter";
const part = (name, within = document) => within.querySelector(`${LIST} ${name}`);

let asking;
let shown = location.href;

// Where the form is always visible, it does not collapse.
const filter = part("details.filter");
if (filter && matchMedia("(min-width: 60rem)").matches) filter.open = true;

/** How a list was reached: by its form, by a link, or by the browser's back and forward buttons. */
async function show(address, way, at) {
  asking?.abort();
  const mine = new AbortController();
  asking = mine;
  cancelTask("list");
  const list = document.querySelector(LIST);
  list.setAttribute("aria-busy", "true");
  try {
    const page = await fetchPage(address, { signal: mine.signal });
    if (mine.signal.aborted) return;
    if (!page.ok || !part(".results", page.document)) throw new Error("this is no list");
    put(page, way, at);
  } catch (error) {
    if (mine.signal.aborted) return;
    if (error instanceof Unreachable) runWhenReachable("list", () => show(address, way, at));
    else location.assign(address);
  } finally {
    if (asking === mine) list.removeAttribute("aria-busy");
  }
}

function put(page, way, at) {
  const results = part(".results");
  const fresh = part(".results", page.document);
  if (way !== "back") {
    // Saves the scroll position with the history entry that is left.
    history.replaceState({ ...history.state, y: scrollY }, "", shown);
    if (page.address !== shown) history.pushState({}, "", page.address);
  }
  shown = location.href;
  updateHead(page.document);
  const wrong = [document, page.document].some((it) => part(".filter [aria-invalid]", it));
  // The form may still be in use.
  if (way !== "form" || wrong) fill(page.document);
  const kept = replaceContent(results, fresh);
  // The button shows the number of results, also when the list is out of sight.
  const [button, other] = [document, page.document].map((it) => part(".filter-apply", it));
  if (button && other) button.textContent = other.textContent;
  announce(results.dataset.said);
  const invalid = part('.filter [aria-invalid="true"]');
  if (way === "link" && invalid) invalid.focus();
  else if (way === "back") scrollTo(scrollX, at ?? 0);
  else if (way === "link" || !kept) lead(results);
}

/** Shows the selected filters in the form. */
function fill(fresh) {
  const [form, other] = [part(".filter form"), part(".filter form", fresh)];
  for (const input of form.querySelectorAll("input")) input.defaultValue = input.value;
  replaceContent(form, other);
}

/** Scrolls to the beginning of the list. */
function lead(results) {
  results.querySelector("h2").focus({ preventScroll: true });
  // On a phone the list is below the form.
  const { top } = results.getBoundingClientRect();
  if (top < 0 || top > 0.75 * innerHeight) results.scrollIntoView();
}

/**
 * The URL of the form's filters: empty and default values are omitted, as in the server's links.
 */
function addressOf(form) {
  const usual = form.querySelector("select[name=sort] option")?.value;
  const fields = [...new FormData(form)].filter(([name, value]) => value && !(name === "sort" && value === usual));
  const query = new URLSearchParams(fields.sort(([a], [b]) => (a < b ? -1 : Number(a > b))));
  const address = new URL(form.getAttribute("action"), location.href);
  address.search = query;
  return address.href;
}

document.addEventListener("submit", (event) => {
  if (event.defaultPrevented || !event.target.matches(`${LIST} .filter form`)) return;
  event.preventDefault();
  // The button leaves the form; a checkbox keeps the focus.
  show(addressOf(event.target), event.submitter ? "link" : "form");
});

document.addEventListener("change", (event) => {
  const form = event.target.closest(`${LIST} .filter form`);
  if (form && event.target.matches("select, [type=checkbox]")) show(addressOf(form), "form");
});

document.addEventListener("click", (event) => {
  const link = event.target.closest(`${LIST} .results a`);
  if (!link || !opensHere(event) || link.pathname !== location.pathname) return;
  event.preventDefault();
  show(link.href, "link");
});

addEventListener("popstate", (event) => {
  if (location.href === shown || !document.querySelector(LIST)) return;
  show(location.href, "back", event.state?.y);
});
