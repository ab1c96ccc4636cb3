import AxeBuilder from "@axe-core/playwright";
import type { Page } from "@playwright/test";

import { expect, test } from "./shop";
import { ADDRESS, fillAddress, openProduct, putInCart } from "./buyer";
import { comeIn, somebody } from "./customer";

/** The rules of axe whose result depends on colours. */
const COLOUR_RULES = ["color-contrast", "link-in-text-block"];

/** What axe finds wrong with the page as it stands: all of it in light colours, and its colours in dark ones. */
async function violations(page: Page): Promise<string[]> {
  await page.emulateMedia({ colorScheme: "light" });
  const light = await new AxeBuilder({ page }).analyze();
  await page.emulateMedia({ colorScheme: "dark" });
  const dark = await new AxeBuilder({ page }).withRules(COLOUR_RULES).analyze();
  return [...light.violations, ...dark.violations].map(
    ({ id, nodes }) => `${id}: ${nodes.map((node) => node.html).join("\n")}`,
  );
}

const PAGES = [
  "/",
  "/c/kitchen",
  "/c/kitchen?brand=none",
  "/zh",
  "/zh/c/kitchen",
  "/nothing-here",
  "/search?q=mug",
  "/search?q=teapto",
  "/search?q=qzxv",
  "/zh/search",
  "/cart",
  "/orders",
  "/account/login",
  "/account/register",
  "/account/forgot?done=1",
  "/zh/account/reset?token=x",
  "/shipping",
  "/zh/privacy",
];

/** The pages of somebody who has signed in. */
const OWN_PAGES = ["", "/orders", "/addresses", "/addresses/new", "/profile", "/sessions", "/data"];

/** An edge that has nobody behind it. */
const LOST = process.env.MALLARD_E2E_LOST ?? "";

for (const path of PAGES) {
  test(`axe finds nothing on ${path}`, async ({ page }) => {
    await page.goto(path);
    expect(await violations(page)).toEqual([]);
  });
}

test("axe finds nothing on a product", async ({ page }) => {
  await openProduct(page);
  expect(await violations(page)).toEqual([]);
});

test("axe finds nothing on the pages of an account", async ({ page }) => {
  test.slow();
  await comeIn(page, "", somebody());
  for (const path of OWN_PAGES) {
    await page.goto(`/account${path}`);
    expect(await violations(page), path).toEqual([]);
  }
});

test("axe finds nothing on what is said when the shop is away", async ({ page }) => {
  for (const path of ["/", "/zh/c/kitchen"]) {
    await page.goto(`${LOST}${path}`);
    expect(await violations(page), path).toEqual([]);
  }
});

test("axe finds nothing on the way from the cart to the order", async ({ page }) => {
  test.slow();
  await putInCart(page);
  const seen = async (where: string) => expect(await violations(page), where).toEqual([]);
  await seen("the cart");
  await page.goto("/checkout");
  await fillAddress(page, { ...ADDRESS, postcode: "1" });
  const next = page.locator("main form.stack button");
  await next.click();
  await expect(page.getByRole("alert").first()).toBeVisible();
  await seen("a wrong address");
  await fillAddress(page, ADDRESS);
  await next.click();
  await expect(page).toHaveURL(/shipping$/);
  await seen("the shipping");
  await next.click();
  await expect(page).toHaveURL(/payment$/);
  await page.locator('[name="payment"][value="test"]').check();
  await page.locator("#card").selectOption("declined");
  await seen("the payment");
  await next.click();
  await expect(page).toHaveURL(/review/);
  await seen("the review");
  await next.click();
  await expect(page).toHaveURL(/\/orders\//);
  await seen("the order");
});
