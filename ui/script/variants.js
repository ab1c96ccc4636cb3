// Selects a variant without a page load: each choice is a link to the product with that variant,
// and the parts that differ are replaced. A linked page is fetched when the pointer is over its
// link.
import { cancelTask, runWhenReachable } from "./connection.js";
import { Unreachable, fetchPage, opensHere, updateHead, replaceContent } from "./page.js";
import { announce } from "./announcements.js";

const CHOICE = ".option a.choice";

let turn = 0;
const pages = new Map();

function pageOf(address) {
  if (!pages.has(address)) {
    const page = fetchPage(address);
    pages.set(address, page);
    page.catch(() => pages.delete(address));
  }
  return pages.get(address);
}

/** The selected values, by the ids of their options. */
function chosenIn(part) {
  const names = [...part.querySelectorAll(".option")].map((option) => {
    const name = option.querySelector("[aria-current] .choice-name")?.textContent.trim() ?? "";
    return [option.querySelector("h2").id, { name, changed: option.dataset.changed }];
  });
  return new Map(names);
}

/** The announcement of other options that the choice has changed. */
function changedBy(before, after, clicked) {
  const others = [...after].filter(([id, { name }]) => id !== clicked && name !== before.get(id)?.name);
  return others.map(([, { name, changed }]) => changed.replace("#", name));
}

async function choose(address, option) {
  const mine = ++turn;
  const buy = document.querySelector(".buy");
  cancelTask("variant");
  buy.setAttribute("aria-busy", "true");
  try {
    const page = await pageOf(address);
    if (mine !== turn) return;
    show(buy, page, address, option);
  } catch (error) {
    if (mine !== turn) return;
    if (error instanceof Unreachable) runWhenReachable("variant", () => choose(address, option));
    else location.assign(address);
  } finally {
    if (mine === turn) buy.removeAttribute("aria-busy");
  }
}

function show(buy, page, address, option) {
  const fresh = page.document.querySelector(".buy");
  if (!page.ok || !fresh) throw new Error("this is no product's page");
  const before = chosenIn(buy);
  // Inserts a copy, because the page may be needed again.
  replaceContent(buy, fresh.cloneNode(true));
  const changed = changedBy(before, chosenIn(buy), option);
  if (changed.length) {
    const note = document.createElement("p");
    note.className = "note";
    note.textContent = changed.join(" ");
    buy.querySelector("form.add")?.before(note);
  }
  for (const part of [".gallery .frame", ".gallery .thumbnails"]) {
    const [old, other] = [document.querySelector(part), page.document.querySelector(part)];
    if (old && other && old.innerHTML !== other.innerHTML) replaceContent(old, other.cloneNode(true));
  }
  updateHead(page.document);
  history.replaceState(history.state, "", address);
  const said = [...buy.querySelectorAll(".offer .price > span:first-child, .availability")];
  announce([...changed, said.map((it) => it.textContent.trim()).join(", ")].join(" "));
}

document.addEventListener("click", (event) => {
  const link = event.target.closest(CHOICE);
  if (!link || !opensHere(event)) return;
  event.preventDefault();
  if (link.href !== location.href) choose(link.href, link.closest(".option").querySelector("h2").id);
});

for (const soon of ["pointerover", "focusin"]) {
  document.addEventListener(soon, (event) => {
    const link = event.target.closest?.(CHOICE);
    if (link && navigator.onLine) pageOf(link.href).catch(() => {});
  });
}
