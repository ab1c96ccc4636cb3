// Adds a minus and a plus button to each quantity of the cart.
const PAUSE_MS = 300;

/** Parses the integer in a field, including full-width digits; NaN if there is none. */
export function numberOf(input) {
  const digits = input.value.normalize("NFKC").trim();
  return /^\d+$/.test(digits) ? Number(digits) : NaN;
}

/** Adds the buttons to each quantity in a part of a page. */
export function steppers(part) {
  for (const box of part.querySelectorAll(".quantity")) {
    const frame = document.createElement("div");
    frame.className = "stepper";
    const input = box.querySelector("input[id]");
    const [least, most] = [1, Number(input.dataset.max)];
    const [less, more] = [button("−", box.dataset.less), button("+", box.dataset.more)];
    box.replaceWith(frame);
    frame.append(less, box, more);
    let timer;
    const by = (step) => {
      input.value = String(Math.min(most, Math.max(least, (numberOf(input) || least) + step)));
      show();
      clearTimeout(timer);
      // Several steps in a row are one change. By then a response may have replaced the form.
      timer = setTimeout(() => document.getElementById(input.id)?.form.requestSubmit(), PAUSE_MS);
    };
    const show = () => {
      less.setAttribute("aria-disabled", String(numberOf(input) <= least));
      more.setAttribute("aria-disabled", String(numberOf(input) >= most));
      // A typed quantity is submitted with a button; a stepped one is submitted automatically.
      box.toggleAttribute("data-changed", input.value !== input.defaultValue);
    };
    less.addEventListener("click", () => by(-1));
    more.addEventListener("click", () => by(1));
    input.addEventListener("input", show);
    show();
  }
}

function button(sign, label) {
  const button = document.createElement("button");
  button.type = "button";
  button.className = "step-by";
  button.textContent = sign;
  button.setAttribute("aria-label", label);
  return button;
}
