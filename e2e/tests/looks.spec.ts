import type { Page } from "@playwright/test";

import { ADDRESS, chooseTheRest, fillAddress, openProduct, putInCart } from "./buyer";
import { expect, test } from "./shop";

/** What is another one each time: numbers of orders and requests, days, addresses. */
const VARYING = ["time", ".order-number", ".request-id", ".email"];

async function looksAsBefore(page: Page, name: string): Promise<void> {
  await page.evaluate(() => document.fonts.ready);
  await page.waitForLoadState("networkidle");
  await expect(page).toHaveScreenshot(`${name}.png`, { mask: VARYING.map((it) => page.locator(it)) });
}

const PAGES = {
  home: "/",
  "home-zh": "/zh",
  category: "/c/kitchen",
  search: "/search?q=mug",
  login: "/account/login",
  shipping: "/shipping",
  missing: "/nothing-here",
};

for (const scheme of ["light", "dark"] as const) {
  test.describe(scheme, () => {
    test.use({ colorScheme: scheme, deviceScaleFactor: 1 });

    for (const [name, path] of Object.entries(PAGES)) {
      test(`${name} looks as it did, ${scheme}`, async ({ page }) => {
        await page.goto(path);
        await looksAsBefore(page, `${name}-${scheme}`);
      });
    }

    test(`a product, the cart and the checkout look as they did, ${scheme}`, async ({ page }) => {
      test.slow();
      await openProduct(page);
      await looksAsBefore(page, `product-${scheme}`);
      await putInCart(page);
      await looksAsBefore(page, `cart-${scheme}`);
      await page.goto("/checkout");
      await looksAsBefore(page, `checkout-${scheme}`);
      await fillAddress(page, { ...ADDRESS, email: "ada@example.org" });
      await chooseTheRest(page, "", "succeeds");
      await looksAsBefore(page, `review-${scheme}`);
    });
  });
}
