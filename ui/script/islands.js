// Hydrates the islands: loads their code when the browser is idle, and passes each element to the
// function of its component.
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
  // If the code cannot be loaded, the rendered HTML stays and works.
  const begin = () => start().catch(() => {});
  if ("requestIdleCallback" in window) requestIdleCallback(begin, { timeout: 1000 });
  else setTimeout(begin, 1);
}
