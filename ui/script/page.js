// Fetches pages of the shop and inserts parts of them into the current page. The server renders
// every part, so that texts, prices and plurals have one source.
import { reportReachable, reportUnreachable } from "./connection.js";

const parser = new DOMParser();

/** There was no response; the caller may try again. */
export class Unreachable extends Error {}

/** Fetches a page: its document, its final URL, and whether it is the requested page. */
export async function fetchPage(address, options) {
  let response;
  let text;
  try {
    response = await fetch(address, options);
    text = await response.text();
  } catch (error) {
    if (options?.signal?.aborted) throw error;
    reportUnreachable();
    throw new Unreachable("the shop cannot be reached", { cause: error });
  }
  reportReachable();
  return { address: response.url, ok: response.ok, document: parser.parseFromString(text, "text/html") };
}

/** The options of a request that submits a form's fields and survives navigation. */
export function submitOptions(fields) {
  return { method: "POST", body: fields, keepalive: true };
}

/**
 * Replaces the content of `part` with that of `fresh`. The focus keeps its position among the
 * elements, and unsubmitted values are kept. Returns false when the focused element has no
 * counterpart.
 */
export function replaceContent(part, fresh) {
  const path = part.contains(document.activeElement) ? pathTo(part, document.activeElement) : undefined;
  const typed = [...part.querySelectorAll("input[id]")].filter((input) => input.value !== input.defaultValue);
  for (const name of part.getAttributeNames()) {
    if (name.startsWith("data-") && fresh.hasAttribute(name)) part.setAttribute(name, fresh.getAttribute(name));
  }
  part.replaceChildren(...fresh.childNodes);
  for (const input of typed) {
    const same = input.type !== "checkbox" && part.querySelector(`#${CSS.escape(input.id)}`);
    if (same && !same.disabled) {
      same.value = input.value;
      same.dispatchEvent(new Event("input", { bubbles: true }));
    }
  }
  if (!path) return true;
  const target = follow(part, path);
  target?.focus({ preventScroll: true });
  return document.activeElement === target;
}

function pathTo(root, element) {
  const path = [];
  for (let at = element; at !== root; at = at.parentElement) {
    path.unshift([...at.parentElement.children].indexOf(at));
  }
  return path;
}

function follow(root, path) {
  return path.reduce((at, index) => at?.children[index], root);
}

/** Updates the title and the links to other languages. */
export function updateHead(fresh) {
  document.title = fresh.title;
  const links = fresh.querySelectorAll("a.language");
  document.querySelectorAll("a.language").forEach((link, index) => {
    if (links[index]) link.setAttribute("href", links[index].getAttribute("href"));
  });
}

/** Whether a click navigates in this tab. */
export function opensHere(event) {
  const elsewhere = event.metaKey || event.ctrlKey || event.shiftKey || event.altKey;
  return event.button === 0 && !elsewhere && !event.defaultPrevented;
}
