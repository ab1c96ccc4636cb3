// Suggests products and categories while a query is typed (the combobox pattern of WAI-ARIA 1.2
// with a list popup). Submitting the form searches, as without scripts.
import { announce, messages } from "./announcements.js";

const PAUSE_MS = 150;
/** Fewer letters match too much; a Chinese character is more specific. */
const ENOUGH = /[\u3400-\u9fff]|\S\S/u;

const input = document.querySelector("form[role=search] input[name=q]");
if (input) combobox(input);

function combobox(input) {
  const form = input.form;
  const list = document.createElement("ul");
  list.id = "suggestions";
  list.className = "suggestions";
  list.setAttribute("role", "listbox");
  list.setAttribute("aria-label", form.querySelector("label")?.textContent.trim() ?? "");
  list.hidden = true;
  form.append(list);
  const attributes = { role: "combobox", "aria-autocomplete": "list", "aria-expanded": "false", "aria-controls": list.id };
  for (const [name, value] of Object.entries(attributes)) input.setAttribute(name, value);

  let chosen = -1;
  let timer;
  let turn = 0;
  const known = new Map();

  function close() {
    turn++;
    clearTimeout(timer);
    list.hidden = true;
    input.setAttribute("aria-expanded", "false");
    choose(-1);
  }

  function choose(index) {
    chosen = index;
    [...list.children].forEach((option, at) => option.setAttribute("aria-selected", String(at === index)));
    const option = list.children[index];
    if (option) {
      input.setAttribute("aria-activedescendant", option.id);
      option.scrollIntoView({ block: "nearest" });
    } else {
      input.removeAttribute("aria-activedescendant");
    }
  }

  async function ask() {
    const mine = ++turn;
    const typed = input.value.trim();
    if (!ENOUGH.test(typed)) return close();
    try {
      if (!known.has(typed)) known.set(typed, await suggestionsFor(typed));
    } catch {
      // The search works without suggestions.
      return;
    }
    if (mine === turn && document.activeElement === input) open(known.get(typed));
  }

  function open(found) {
    const options = optionsOf(found, form);
    list.replaceChildren(...options);
    choose(-1);
    list.hidden = options.length === 0;
    input.setAttribute("aria-expanded", String(!list.hidden));
    if (options.length) announce(messages.suggestions.replace("#", options.length));
  }

  // The text that an input method is composing is not a query yet.
  const soon = () => {
    clearTimeout(timer);
    timer = setTimeout(ask, PAUSE_MS);
  };
  input.addEventListener("compositionstart", close);
  input.addEventListener("compositionend", soon);
  input.addEventListener("input", (event) => event.isComposing || soon());
  input.addEventListener("blur", close);
  form.addEventListener("submit", close);
  // The field keeps the focus while an option is clicked.
  list.addEventListener("pointerdown", (event) => event.preventDefault());
  list.addEventListener("click", (event) => go(event.target.closest("[role=option]")));

  input.addEventListener("keydown", (event) => {
    if (event.isComposing) return;
    const count = list.hidden ? 0 : list.children.length;
    const steps = { ArrowDown: 1, ArrowUp: -1 };
    if (event.key in steps) {
      event.preventDefault();
      // The typed query comes before the first option and after the last.
      if (count) choose(((chosen + 1 + steps[event.key] + count + 1) % (count + 1)) - 1);
      else ask();
    } else if (event.key === "Enter" && chosen >= 0) {
      event.preventDefault();
      go(list.children[chosen]);
    } else if (event.key === "Escape" && count) {
      event.preventDefault();
      close();
    }
  });
}

function go(option) {
  if (option) location.assign(option.dataset.href);
}

async function suggestionsFor(typed) {
  const locale = document.documentElement.lang.split("-")[0];
  const response = await fetch(`/api/v1/suggestions?${new URLSearchParams({ q: typed, locale })}`);
  if (!response.ok) throw new Error("no suggestions");
  return response.json();
}

function optionsOf({ products, categories }, form) {
  const prefix = new URL(form.action).pathname.replace(/\/search$/, "");
  const link = (kind, slug) => `${prefix}/${kind}/${encodeURIComponent(slug)}`;
  const all = [
    ...categories.map((it) => [link("c", it.slug), it.name, "", undefined]),
    ...products.map((it) => [link("p", it.slug), it.name, price(it.price), it.image]),
  ];
  return all.map(([href, name, note, image], index) => {
    const option = document.createElement("li");
    option.id = `suggestion-${index}`;
    option.setAttribute("role", "option");
    option.dataset.href = href;
    const picture = document.createElement(image ? "img" : "span");
    picture.className = "picture";
    if (image) Object.assign(picture, { src: image, alt: "", width: 40, height: 40 });
    const quiet = document.createElement("span");
    quiet.className = "quiet";
    quiet.textContent = note;
    option.append(picture, name, quiet);
    return option;
  });
}

function price({ from }) {
  const format = new Intl.NumberFormat(document.documentElement.lang, { style: "currency", currency: from.currency });
  const { maximumFractionDigits: digits } = format.resolvedOptions();
  return format.format(from.minor / 10 ** digits);
}
