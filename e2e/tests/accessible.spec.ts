import AxeBuilder from "@axe-core/playwright";
import type { Page } from "@playwright/test";

import { expect, test } from "./shop";
import { ADDRESS, fillAddress, openProduct, putInCart } from "./buyer";
import { registerAndSignIn, newEmail } from "./customer";

/** The rules of axe whose result depends on colours. */
const COLOUR_RULES = ["color-contrast", "link-in-text-block"];

/** The violations that axe finds: of all rules in the light theme, and of colour rules in the dark theme. */
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

/** The pages of an account. */
const OWN_PAGES = ["", "/orders", "/addresses", "/addresses/new", "/profile", "/sessions", "/data"];

/** The URL of an edge without an origin. */
const LOST = process.env.MALLARD_E2E_LOST ?? "";

for (const path of PAGES) {
  test(`axe finds no violations on ${path}`, async ({ page }) => {
    await page.goto(path);
    expect(await violations(page)).toEqual([]);
  });
}

test("axe finds no violations on a product page", async ({ page }) => {
  await openProduct(page);
  expect(await violations(page)).toEqual([]);
});

test("axe finds no violations on the account pages", async ({ page }) => {
  test.slow();
  await registerAndSignIn(page, "", newEmail());
  for (const path of OWN_PAGES) {
    await page.goto(`/account${path}`);
    expect(await violations(page), path).toEqual([]);
  }
});

test("axe finds no violations on the error page of the edge", async ({ page }) => {
  for (const path of ["/", "/zh/c/kitchen"]) {
    await page.goto(`${LOST}${path}`);
    expect(await violations(page), path).toEqual([]);
  }
});

test("axe finds no violations from the cart to the order", async ({ page }) => {
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
