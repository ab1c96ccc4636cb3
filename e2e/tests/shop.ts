import { test as base, expect, type Page } from "@playwright/test";

export { expect };

/** A test that fails if the page logs an error or a warning, or if a request fails. */
export const test = base.extend<{ quiet: void }>({
  quiet: [
    async ({ page }, use) => {
      const problems: string[] = [];
      page.on("console", (message) => {
        // Failed requests are recorded below, with their URL. A 404 page is intended.
        if (message.text().startsWith("Failed to load resource")) return;
        if (["error", "warning"].includes(message.type())) problems.push(message.text());
      });
      page.on("pageerror", (error) => problems.push(String(error)));
      page.on("response", (response) => {
        const own = new URL(response.url()).origin === new URL(page.url()).origin;
        // A form that a script submits may be rejected with 400; the page shows the error.
        const refused = response.status() === 400 && response.request().method() === "POST";
        if (own && response.status() >= 400 && !refused && !response.request().isNavigationRequest()) {
          problems.push(`${response.status()} ${response.url()}`);
        }
      });
      await use();
      expect(problems, "no console messages and no failed requests").toEqual([]);
    },
    { auto: true },
  ],
});

/** Expands the filter form, which is collapsed on phones. */
export async function openFilter(page: Page): Promise<void> {
  const details = page.locator("details.filter");
  if (!(await details.locator("form").isVisible())) await details.locator("summary").click();
}

/** Requests a path and returns the `Cache-Status` of the response. */
export async function cacheStatus(page: Page, path: string): Promise<string> {
  const response = await page.request.get(path);
  return response.headers()["cache-status"] ?? "";
}
