import { openProduct } from "./buyer";
import { expect, test } from "./shop";

/** Sums the layout shifts that the browser reports (Layout Instability API). */
function watchShifts(): void {
  const shifts = { sum: 0 };
  Object.assign(window, { shifts });
  new PerformanceObserver((list) => {
    for (const entry of list.getEntries() as (PerformanceEntry & { value: number; hadRecentInput: boolean })[]) {
      if (!entry.hadRecentInput) shifts.sum += entry.value;
    }
  }).observe({ type: "layout-shift", buffered: true });
}

test("pages load without layout shifts", async ({ page }) => {
  await page.addInitScript(watchShifts);
  await openProduct(page);
  const product = new URL(page.url()).pathname;
  for (const path of ["/", "/c/kitchen", product, "/search?q=mug"]) {
    await page.goto(path, { waitUntil: "networkidle" });
    await page.mouse.wheel(0, 4_000);
    await page.waitForTimeout(300);
    const sum = await page.evaluate(() => (window as unknown as { shifts: { sum: number } }).shifts.sum);
    expect(sum, path).toBeLessThanOrEqual(0.02);
  }
});
