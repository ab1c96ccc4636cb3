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
  // Where their code cannot be fetched, what was rendered stays as it is: it works without.
  const begin = () => start().catch(() => {});
  if ("requestIdleCallback" in window) requestIdleCallback(begin, { timeout: 1000 });
  else setTimeout(begin, 1);
}
