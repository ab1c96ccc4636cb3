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

test("no page is wider than its window, from 320 to 2560 px", async ({ page }) => {
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
