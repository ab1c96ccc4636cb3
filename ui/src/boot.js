// A picture that cannot be had leaves its quiet frame instead of a broken sign. Those that failed
// before this ran are found by having no width.
const fade = (image) => image.closest(".frame") && image.setAttribute("hidden", "");
document.addEventListener("error", (event) => event.target instanceof HTMLImageElement && fade(event.target), true);
for (const image of document.images) if (image.complete && !image.naturalWidth && image.src) fade(image);

// Starts the islands: loads their code when the page has nothing better to do, and hands each
// element to the function that its component was compiled to.
const { script, wasm } = document.querySelector("script[data-wasm]").dataset;

async function start() {
  const code = await import(script);
  await code.default({ module_or_path: wasm });
  code.hydrate();
  for (const island of document.querySelectorAll("leptos-island")) {
    code[island.dataset.component]?.(island);
  }
}

if (document.querySelector("leptos-island")) {
  if ("requestIdleCallback" in window) requestIdleCallback(start, { timeout: 1000 });
  else setTimeout(start, 1);
}
