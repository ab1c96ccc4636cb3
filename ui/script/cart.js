// Updates the cart without page loads. Its forms are submitted as usual, and the cart of the
// resulting page replaces the cart of this page or, elsewhere, the content of a drawer; so both
// always agree.
import { cancelTask, runWhenReachable } from "./connection.js";
import { showError } from "./field-errors.js";
import { Unreachable, fetchPage, opensHere, updateHead, submitOptions, replaceContent } from "./page.js";
import { announce, messages } from "./announcements.js";
import { numberOf, steppers } from "./steppers.js";

const drawer = document.getElementById("drawer");
const title = drawer.querySelector("h2");
const inDrawer = drawer.querySelector(".inside");
const inPage = document.querySelector("main [data-cart]");

/** The container of the cart. */
const place = inPage ?? inDrawer;

// The number of items; the islands show it, and change it on a `cart` event.
const count = () => Number(document.querySelector(".cart-link .count")?.textContent ?? 0);
const tell = (items) => document.dispatchEvent(new CustomEvent("cart", { detail: Math.max(0, items) }));

/** Shows the cart of a fetched page that has one. */
function take(page) {
  const fresh = page.document.querySelector("main [data-cart]");
  if (!fresh) throw new Error("this is not the cart's page");
  steppers(fresh);
  const kept = replaceContent(place, fresh);
  tell(Number(fresh.dataset.items));
  announce(fresh.dataset.said);
  if (inPage) updateHead(page.document);
  const wrong = place.querySelector('[aria-invalid="true"]');
  // The focused element may be gone together with its line.
  if (wrong) wrong.focus();
  else if (!kept) (inPage ? document.querySelector("main h1") : title).focus();
}

/** Shows that the update failed, above the last known cart. */
function failed() {
  place.querySelector(".alert")?.remove();
  const alert = document.createElement("div");
  alert.className = "alert";
  alert.setAttribute("role", "alert");
  const text = document.createElement("p");
  text.textContent = messages.failed;
  alert.append(text);
  place.prepend(alert);
}

function openDrawer() {
  if (inPage || drawer.open) return;
  drawer.showModal();
  title.focus();
}

/** The fields of a form, with those of its submit button. */
function fieldsOf(form, button) {
  const fields = new URLSearchParams(new FormData(form));
  if (button?.name) fields.set(button.name, button.value);
  return fields;
}

/** Adds an item: shown at once, and reverted if the request fails. */
async function add(form) {
  if (form.getAttribute("aria-busy")) return;
  const quantity = form.querySelector("[name=quantity]");
  if (!quantity.validity.valid) {
    showError(quantity);
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
  // Updates the badge in this frame; the drawer needs more layout and follows in the next frame.
  requestAnimationFrame(() => setTimeout(() => refused || openDrawer()));
  try {
    const page = await fetchPage(form.getAttribute("action"), submitOptions(fields));
    const again = page.document.querySelector("main form.add");
    refused = Boolean(again);
    if (refused) refuse(form, again, before);
    else take(page);
  } catch {
    // Without a response it is unknown whether the request arrived, so it is not repeated
    // automatically: the item could be added twice.
    tell(before);
    failed();
  } finally {
    note.remove();
    form.removeAttribute("aria-busy");
  }
}

/** The response is the product page with an error for the quantity. */
function refuse(form, again, before) {
  tell(before);
  drawer.close();
  // Keeps the submitted value with its error, unless the field was edited since.
  for (const input of form.querySelectorAll("input[id]")) input.defaultValue = input.value;
  replaceContent(form, again);
  const wrong = form.querySelector('[aria-invalid="true"]');
  wrong?.focus();
  announce(form.querySelector(".wrong")?.textContent ?? "");
}

// Requests are sent one after another; of several changes of one field only the last is sent, and
// only the last response is shown. A quantity is a state and not a step, so a request without a
// response can be repeated.
const changes = new Map();
let working = false;
/** Whether the link to the checkout waits for pending changes. */
let going = false;

function change(form, button) {
  const fields = fieldsOf(form, button);
  const action = button?.getAttribute("formaction") ?? form.getAttribute("action");
  // All changes have been sent, and no field has an unsent value.
  for (const input of form.querySelectorAll("input[id]")) input.defaultValue = input.value;
  changes.set(`${action} ${button?.name ?? ""} ${button?.value ?? ""}`, { action, fields });
  work();
}

/** Continues to the checkout, unless the cart reports an error. */
function goOn() {
  const next = place.querySelector("[name=next]");
  if (next && !place.querySelector('[aria-invalid="true"]')) next.form.requestSubmit(next);
}

async function work() {
  if (working) return;
  working = true;
  cancelTask("cart");
  place.setAttribute("aria-busy", "true");
  try {
    let page;
    while (changes.size) {
      const [name, { action, fields }] = changes.entries().next().value;
      page = await fetchPage(action, submitOptions(fields));
      if (changes.get(name)?.fields === fields) changes.delete(name);
    }
    if (page) take(page);
  } catch (error) {
    if (error instanceof Unreachable) {
      runWhenReachable("cart", work);
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

/** Shows the current cart. */
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
      // The form submits all fields, so pending requests must not arrive after it.
      if (working) event.preventDefault();
      going = working;
      return;
    }
    event.preventDefault();
    change(form, event.submitter);
  }
});

document.addEventListener("click", async (event) => {
  // The checkout shows the cart itself; there the link leads to the cart page.
  const link = event.target.closest("a.cart-link");
  if (!link || !opensHere(event) || inPage || document.querySelector("main .summary")) return;
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

// A click on the backdrop is outside of the dialog.
drawer.addEventListener("click", (event) => event.target === drawer && drawer.close());
