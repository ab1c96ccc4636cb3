// Gets pages of the shop and puts parts of them into the one that is open. The server renders every
// part, so that words, prices and plurals are written in one place.
import { answered, lost } from "./connection.js";

const parser = new DOMParser();

/** Nobody answered; whoever asked may ask again. */
export class Unreachable extends Error {}

/** The page at an address: its document, where it was found, and whether it is what was asked for. */
export async function fetchPage(address, options) {
  let response;
  let text;
  try {
    response = await fetch(address, options);
    text = await response.text();
  } catch (error) {
    if (options?.signal?.aborted) throw error;
    lost();
    throw new Unreachable("the shop cannot be reached", { cause: error });
  }
  answered();
  return { address: response.url, ok: response.ok, document: parser.parseFromString(text, "text/html") };
}

/** The options of a request that sends a form's fields, even when the page is left meanwhile. */
export function sending(fields) {
  return { method: "POST", body: fields, keepalive: true };
}

/**
 * Puts what is in `fresh` into `part`. The focus stays at its place among the elements, and what was
 * typed and not sent stays typed. Answers false when the place of the focus is gone.
 */
export function swap(part, fresh) {
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

/** The title, and the links to other languages, of the page that is shown now. */
export function rename(fresh) {
  document.title = fresh.title;
  const links = fresh.querySelectorAll("a.language");
  document.querySelectorAll("a.language").forEach((link, index) => {
    if (links[index]) link.setAttribute("href", links[index].getAttribute("href"));
  });
}

/** Whether a click is meant for this tab. */
export function isPlain(event) {
  const elsewhere = event.metaKey || event.ctrlKey || event.shiftKey || event.altKey;
  return event.button === 0 && !elsewhere && !event.defaultPrevented;
}
