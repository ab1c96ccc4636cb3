// The cart without loads. Its forms are sent as they would be, and what the cart's page shows of it
// afterwards is put into the page or, elsewhere, into a drawer; so both always say the same.
import { forget, whenBack } from "./connection.js";
import { mark } from "./faults.js";
import { Unreachable, fetchPage, isPlain, rename, sending, swap } from "./page.js";
import { say, words } from "./say.js";
import { numberOf, steppers } from "./steppers.js";

const drawer = document.getElementById("drawer");
const title = drawer.querySelector("h2");
const inDrawer = drawer.querySelector(".inside");
const inPage = document.querySelector("main [data-cart]");

/** Where the cart is shown. */
const place = inPage ?? inDrawer;

// How many things there are: what the islands show, and change when they are told.
const count = () => Number(document.querySelector(".cart-link .count")?.textContent ?? 0);
const tell = (items) => document.dispatchEvent(new CustomEvent("cart", { detail: Math.max(0, items) }));

/** Shows the cart of a page that has one. */
function take(page) {
  const fresh = page.document.querySelector("main [data-cart]");
  if (!fresh) throw new Error("this is not the cart's page");
  steppers(fresh);
  const kept = swap(place, fresh);
  tell(Number(fresh.dataset.items));
  say(fresh.dataset.said);
  if (inPage) rename(page.document);
  const wrong = place.querySelector('[aria-invalid="true"]');
  // What had the focus may be gone with its line.
  if (wrong) wrong.focus();
  else if (!kept) (inPage ? document.querySelector("main h1") : title).focus();
}

/** Says that nothing came of it, above what is still true. */
function failed() {
  place.querySelector(".alert")?.remove();
  const alert = document.createElement("div");
  alert.className = "alert";
  alert.setAttribute("role", "alert");
  const text = document.createElement("p");
  text.textContent = words.failed;
  alert.append(text);
  place.prepend(alert);
}

function openDrawer() {
  if (inPage || drawer.open) return;
  drawer.showModal();
  title.focus();
}

/** The fields of a form, with the button's. */
function fieldsOf(form, button) {
  const fields = new URLSearchParams(new FormData(form));
  if (button?.name) fields.set(button.name, button.value);
  return fields;
}

/** Puts something in: shown at once, and taken back when nothing comes of it. */
async function add(form) {
  if (form.getAttribute("aria-busy")) return;
  const quantity = form.querySelector("[name=quantity]");
  if (!quantity.validity.valid) {
    mark(quantity);
    quantity.focus();
    return;
  }
  form.setAttribute("aria-busy", "true");
  const fields = fieldsOf(form);
  const before = count();
  tell(before + (numberOf(quantity) || 1));
  const note = document.createElement("p");
  note.className = "adding";
  note.textContent = `${inDrawer.dataset.adding} ${form.dataset.name}`;
  inDrawer.prepend(note);
  let refused = false;
  // The badge answers in this frame; the drawer is more to lay out, and comes in the next.
  requestAnimationFrame(() => setTimeout(() => refused || openDrawer()));
  try {
    const page = await fetchPage(form.getAttribute("action"), sending(fields));
    const again = page.document.querySelector("main form.add");
    refused = Boolean(again);
    if (refused) refuse(form, again, before);
    else take(page);
  } catch {
    // Nobody knows whether it arrived, and twice would be one too many: it is not sent again by itself.
    tell(before);
    failed();
  } finally {
    note.remove();
    form.removeAttribute("aria-busy");
  }
}

/** The product's page has come back with what is wrong with the quantity. */
function refuse(form, again, before) {
  tell(before);
  drawer.close();
  // What was typed comes back with what is said of it, and is nothing that was typed since.
  for (const input of form.querySelectorAll("input[id]")) input.defaultValue = input.value;
  swap(form, again);
  const wrong = form.querySelector('[aria-invalid="true"]');
  wrong?.focus();
  say(form.querySelector(".wrong")?.textContent ?? "");
}

// Changes are sent one after another; of several of one thing only the last, and only the last answer
// is shown. A quantity is a state and not a step, so one that nobody answered can be sent again.
const changes = new Map();
let working = false;
/** Whether the checkout waits for them. */
let going = false;

function change(form, button) {
  const fields = fieldsOf(form, button);
  const action = button?.getAttribute("formaction") ?? form.getAttribute("action");
  // All of it is on its way, and nothing is only typed any more.
  for (const input of form.querySelectorAll("input[id]")) input.defaultValue = input.value;
  changes.set(`${action} ${button?.name ?? ""} ${button?.value ?? ""}`, { action, fields });
  work();
}

/** Goes on to the checkout, unless the cart says that something is wrong. */
function goOn() {
  const next = place.querySelector("[name=next]");
  if (next && !place.querySelector('[aria-invalid="true"]')) next.form.requestSubmit(next);
}

async function work() {
  if (working) return;
  working = true;
  forget("cart");
  place.setAttribute("aria-busy", "true");
  try {
    let page;
    while (changes.size) {
      const [name, { action, fields }] = changes.entries().next().value;
      page = await fetchPage(action, sending(fields));
      if (changes.get(name)?.fields === fields) changes.delete(name);
    }
    if (page) take(page);
  } catch (error) {
    if (error instanceof Unreachable) {
      whenBack("cart", work);
    } else {
      changes.clear();
      going = false;
      await look().catch(() => {});
      failed();
    }
  } finally {
    working = false;
    place.removeAttribute("aria-busy");
  }
  if (going && !changes.size) {
    going = false;
    goOn();
  }
}

/** Shows the cart as it is. */
async function look() {
  take(await fetchPage(document.querySelector(".cart-link").href));
}

steppers(place);

document.addEventListener("submit", (event) => {
  const form = event.target;
  if (event.defaultPrevented || form.method !== "post") return;
  if (form.matches("form.add")) {
    event.preventDefault();
    add(form);
  } else if (place.contains(form)) {
    if (event.submitter?.name === "next") {
      // The form takes along what was typed. What is on its way already must not arrive behind it.
      if (working) event.preventDefault();
      going = working;
      return;
    }
    event.preventDefault();
    change(form, event.submitter);
  }
});

document.addEventListener("click", async (event) => {
  // The checkout has the cart beside it; there the link leads to its page.
  const link = event.target.closest("a.cart-link");
  if (!link || !isPlain(event) || inPage || document.querySelector("main .summary")) return;
  event.preventDefault();
  openDrawer();
  inDrawer.setAttribute("aria-busy", "true");
  try {
    await look();
  } catch {
    location.assign(link.href);
  } finally {
    inDrawer.removeAttribute("aria-busy");
  }
});

// Beside it is outside of it.
drawer.addEventListener("click", (event) => event.target === drawer && drawer.close());
