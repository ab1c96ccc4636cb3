// A button for one less and one for one more beside each quantity of the cart.
const PAUSE_MS = 300;

/** Adds them to each quantity in a part of a page. */
export function steppers(part) {
  for (const form of part.querySelectorAll("form.quantity")) {
    const frame = document.createElement("div");
    frame.className = "stepper";
    const input = form.querySelector("[name=quantity][type=number]");
    const [less, more] = [button("−", form.dataset.less), button("+", form.dataset.more)];
    form.replaceWith(frame);
    frame.append(less, form, more);
    let timer;
    const by = (step) => {
      const [least, most] = [1, Number(input.max)];
      input.value = String(Math.min(most, Math.max(least, (Number(input.value) || least) + step)));
      show();
      clearTimeout(timer);
      // Several steps in a row are one change. By then an answer may have put another form in its place.
      timer = setTimeout(() => document.getElementById(input.id)?.form.requestSubmit(), PAUSE_MS);
    };
    const show = () => {
      less.setAttribute("aria-disabled", String(Number(input.value) <= 1));
      more.setAttribute("aria-disabled", String(Number(input.value) >= Number(input.max)));
      // What was typed is sent with a button; what was stepped to goes by itself.
      form.toggleAttribute("data-changed", input.value !== input.defaultValue);
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
