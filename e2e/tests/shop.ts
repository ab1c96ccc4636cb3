import { test as base, expect, type Page } from "@playwright/test";

export { expect };

/** A test that fails when the page says anything on its console, or when something is missing. */
export const test = base.extend<{ quiet: void }>({
  quiet: [
    async ({ page }, use) => {
      const said: string[] = [];
      page.on("console", (message) => {
        // What could not be loaded is said below, with its address; a page that is a 404 is meant.
        if (message.text().startsWith("Failed to load resource")) return;
        if (["error", "warning"].includes(message.type())) said.push(message.text());
      });
      page.on("pageerror", (error) => said.push(String(error)));
      page.on("response", (response) => {
        const own = new URL(response.url()).origin === new URL(page.url()).origin;
        // A form that a script sends is refused as one that the browser sends is, and the page says why.
        const refused = response.status() === 400 && response.request().method() === "POST";
        if (own && response.status() >= 400 && !refused && !response.request().isNavigationRequest()) {
          said.push(`${response.status()} ${response.url()}`);
        }
      });
      await use();
      expect(said, "the console stays quiet").toEqual([]);
    },
    { auto: true },
  ],
});

/** Shows the form that narrows a list; on a phone it is folded away. */
export async function openFilter(page: Page): Promise<void> {
  const details = page.locator("details.filter");
  if (!(await details.locator("form").isVisible())) await details.locator("summary").click();
}

/** How the edge answered the last visit of this address. */
export async function cacheStatus(page: Page, path: string): Promise<string> {
  const response = await page.request.get(path);
  return response.headers()["cache-status"] ?? "";
}
