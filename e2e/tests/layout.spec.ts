import type { Page } from "@playwright/test";

import { openProduct, putInCart } from "./buyer";
import { expect, test } from "./shop";

const PAGES = ["/", "/zh", "/c/kitchen", "/search?q=mug", "/cart", "/account/login", "/account/register", "/orders", "/shipping", "/contact", "/nothing-here"];

/** What sticks out of the page to the right. */
function sticksOut(): string[] {
  const width = document.documentElement.clientWidth;
  if (document.documentElement.scrollWidth <= width) return [];
  const all = [...document.querySelectorAll("body *")];
  return all.filter((it) => it.getBoundingClientRect().right > width + 1).map((it) => it.outerHTML.slice(0, 120));
}

async function fits(page: Page): Promise<void> {
  for (const width of [320, 2560]) {
    await page.setViewportSize({ width, height: 800 });
    expect(await page.evaluate(sticksOut), `${page.url()} at ${String(width)} px`).toEqual([]);
  }
}

test("no page is wider than its window, from 320 to 2560 px", async ({ page }, { project }) => {
  test.skip(project.name === "phone", "the sizes are this test's own");
  test.slow();
  for (const path of PAGES) {
    await page.goto(path);
    await fits(page);
  }
  await openProduct(page);
  await fits(page);
  await putInCart(page);
  await fits(page);
  for (const path of ["/checkout", "/checkout/shipping", "/checkout/payment"]) {
    await page.goto(path);
    await fits(page);
  }
});

/** Adds up how much moved without being asked, as the browser measures it (Layout Instability). */
function watchShifts(): void {
  const shifts = { sum: 0 };
  Object.assign(window, { shifts });
  new PerformanceObserver((list) => {
    for (const entry of list.getEntries() as (PerformanceEntry & { value: number; hadRecentInput: boolean })[]) {
      if (!entry.hadRecentInput) shifts.sum += entry.value;
    }
  }).observe({ type: "layout-shift", buffered: true });
}

test("nothing moves while a page comes in", async ({ page }, { project }) => {
  test.skip(project.name === "no-javascript", "what measures it is a script");
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
