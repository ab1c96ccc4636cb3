import type { Locator, Page } from "@playwright/test";

import { ADDRESS, addProductAt, continueToReview, fillAddress, openProduct, putInCart, toReview } from "./buyer";
import { registerAndSignIn, newEmail } from "./customer";
import { makeCoupon, makeProduct, makeShirt, step } from "./operator";
import { expect, openFilter, test } from "./shop";

/** The URL of an edge without an origin. */
const LOST = process.env.MALLARD_E2E_LOST ?? "";

/** Replaces texts that differ between runs (numbers, dates, addresses, codes) by constant ones. */
function replaceVariableTexts(): void {
  const replacements: [RegExp, string][] = [
    [/\b[0-9A-Z]{4}-[0-9A-Z]{4}-[0-9A-Z]{4}\b/g, "7K3Q-9F2M-XXXX"],
    [/\b\d{1,2} [A-Z][a-z]+ 20\d\d\b/g, "1 January 2026"],
    [/20\d\d年\d{1,2}月\d{1,2}日/g, "2026年1月1日"],
    [/\b(ada|bea)-[a-z0-9]+@example\.org/g, "$1@example.org"],
    [/\bOWN[0-9A-Z]+/g, "OWNCODE"],
    [/\bOWN-[0-9A-Z]+/g, "OWN-SKU"],
    [/within \d+ minutes/g, "within 30 minutes"],
    [/\b[0-9a-f]{16,}\b|\b[0-9a-f]{8}-[0-9a-f-]{27}\b/g, "00000000"],
    [/HeadlessChrome\/[\d.]+|Chrome\/[\d.]+/g, "Chrome"],
  ];
  const texts = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  while (texts.nextNode()) {
    const node = texts.currentNode;
    let text = node.nodeValue ?? "";
    for (const [pattern, constant] of replacements) text = text.replace(pattern, constant);
    if (text !== node.nodeValue) node.nodeValue = text;
  }
  for (const input of document.querySelectorAll<HTMLInputElement>("main input[type=email], main input[type=text]")) {
    input.value = input.value.replace(/\b(ada|bea)-[a-z0-9]+@/, "$1@");
  }
}

interface ScreenshotOptions {
  /** Whether to capture the full page instead of the viewport. */
  whole?: boolean;
}

async function ready(page: Page): Promise<void> {
  await page.waitForLoadState("networkidle");
  await page.evaluate(() => document.fonts.ready);
  await page.evaluate(replaceVariableTexts);
}

async function matchScreenshot(page: Page, name: string, { whole = false }: ScreenshotOptions = {}): Promise<void> {
  await ready(page);
  await expect(page).toHaveScreenshot(`${name}.png`, { fullPage: whole });
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

/** More pages and states of pages. */
const STATES = {
  "category-wrong": "/c/kitchen?min=50&max=20",
  "category-nothing": "/c/kitchen?max=0.01",
  "search-nothing": "/search?q=qzxv",
  "search-corrected": "/search?q=teapto",
  "search-zh": "/zh/search",
  register: "/account/register",
  "register-zh": "/zh/account/register",
  forgot: "/account/forgot",
  "forgot-done": "/account/forgot?done=1",
  reset: "/account/reset?token=x",
  returns: "/returns",
  terms: "/terms",
  privacy: "/privacy",
  contact: "/contact",
  "find-order": "/orders",
  "cart-empty": "/cart",
};

/** Submits the form of the step. */
const send = (page: Page) => page.locator("main form.stack button:not([name])").last().click();

async function order(page: Page): Promise<string> {
  await page.locator('main form[method="post"] button').click();
  await expect(page).toHaveURL(/\/orders\//);
  return /orders\/([0-9A-Z-]+)/.exec(page.url())?.[1] ?? "";
}

for (const scheme of ["light", "dark"] as const) {
  test.describe(scheme, () => {
    test.use({ colorScheme: scheme, deviceScaleFactor: 1 });
    const whole = { whole: true };

    for (const [name, path] of Object.entries(PAGES)) {
      test(`${name} matches its screenshot, ${scheme}`, async ({ page }) => {
        await page.goto(path);
        await matchScreenshot(page, `${name}-${scheme}`);
      });
    }

    test(`product, cart and checkout match their screenshots, ${scheme}`, async ({ page }) => {
      test.slow();
      await openProduct(page);
      await matchScreenshot(page, `product-${scheme}`);
      await putInCart(page);
      await matchScreenshot(page, `cart-${scheme}`);
      await page.goto("/checkout");
      await matchScreenshot(page, `checkout-${scheme}`);
      await fillAddress(page, { ...ADDRESS, email: "ada@example.org" });
      await continueToReview(page, "", "succeeds");
      await matchScreenshot(page, `review-${scheme}`);
    });

    // Every state is captured in the light theme on both devices, and in the dark theme on the phone only.
    test.describe("every state", () => {
      test.beforeEach(({}, { project }) => {
        test.skip(scheme === "dark" && project.name === "desktop", "the phone covers the dark theme");
      });

      for (const [name, path] of Object.entries(STATES)) {
        test(`${name} matches its screenshot, ${scheme}`, async ({ page }) => {
          await page.goto(path);
          if (name === "category-wrong") await openFilter(page);
          await matchScreenshot(page, `${name}-${scheme}`);
        });
      }

      test(`the error page of the edge matches its screenshot, ${scheme}`, async ({ page }) => {
        await page.goto(`${LOST}/`);
        await matchScreenshot(page, `away-${scheme}`);
      });

      test(`the variant picker matches its screenshots, ${scheme}`, async ({ page, request }) => {
        const shirt = await makeShirt(request, [
          { colour: "red", size: "S", stock: 50 },
          { colour: "red", size: "M", stock: 0 },
          { colour: "blue", size: "L", stock: 50 },
        ]);
        await page.goto(shirt.path);
        await matchScreenshot(page, `picker-${scheme}`, whole);
        await page.locator(".choice", { hasText: /^blue/ }).click();
        await expect(page.locator(".buy .note")).toBeVisible();
        await matchScreenshot(page, `picker-changed-${scheme}`, whole);
        await page.locator(".choice", { hasText: /^red/ }).click();
        await page.locator(".choice", { hasText: /^M/ }).click();
        await expect(page.locator("form.add button")).toBeDisabled();
        await matchScreenshot(page, `picker-out-${scheme}`, whole);
      });

      test(`every state of the cart matches its screenshot, ${scheme}`, async ({ page, request }) => {
        test.slow();
        const spoon = await makeProduct(request, 1_000, 50);
        const code = await makeCoupon(request, 250, 500_000);
        await page.goto(spoon.path);
        await page.locator("form.add button").click();
        await expect(page.locator("#drawer .line")).toHaveCount(1);
        await matchScreenshot(page, `drawer-${scheme}`);
        await page.goto("/cart");
        await page.locator(".quantity input[id]").fill("abc");
        await page.locator("details.coupon summary").click();
        await page.locator("#code").fill(code);
        await page.locator("[name=next]").click();
        await expect(page.locator(".coupons .wrong")).toBeVisible();
        await matchScreenshot(page, `cart-wrong-${scheme}`, whole);
      });

      test(`every step of a purchase matches its screenshot, ${scheme}`, async ({ page, request }) => {
        test.slow();
        const spoon = await makeProduct(request, 1_000, 50);
        await addProductAt(page, spoon.path);
        await page.goto("/checkout");
        await fillAddress(page, { ...ADDRESS, email: "no address", postcode: "1" });
        await send(page);
        await expect(page.locator("main .alert")).toBeVisible();
        await matchScreenshot(page, `checkout-wrong-${scheme}`, whole);
        await fillAddress(page, ADDRESS);
        await send(page);
        await expect(page).toHaveURL(/shipping$/);
        await matchScreenshot(page, `shipping-step-${scheme}`, whole);
        await send(page);
        await expect(page).toHaveURL(/payment$/);
        await matchScreenshot(page, `payment-step-${scheme}`, whole);
        await page.locator('[name="payment"][value="test"]').check();
        await page.locator("#card").selectOption("declined");
        await send(page);
        const number = await order(page);
        await matchScreenshot(page, `order-declined-${scheme}`, whole);
        await page.locator(".pay #card").selectOption("confirm");
        await page.locator(".pay form.stack button").click();
        await expect(page.locator(".pay [name=confirm]")).toBeAttached();
        await matchScreenshot(page, `order-confirm-${scheme}`, whole);
        await page.locator(".pay form").first().locator("button").click();
        await expect(page.locator(".progress-done")).toHaveCount(2);
        await matchScreenshot(page, `order-paid-${scheme}`, whole);
        await step(request, number, "shipped");
        await page.reload();
        await matchScreenshot(page, `order-shipped-${scheme}`, whole);
      });

      test(`a bank-transfer order matches its screenshots, ${scheme}`, async ({ page, request }) => {
        const spoon = await makeProduct(request, 1_000, 50);
        await addProductAt(page, spoon.path);
        await toReview(page, "", "manual");
        await order(page);
        await matchScreenshot(page, `order-transfer-${scheme}`, whole);
        await page.locator(".pay summary").click();
        await page.locator(".pay details button").click();
        await expect(page.locator(".progress-ended")).toHaveCount(1);
        await matchScreenshot(page, `order-cancelled-${scheme}`, whole);
        await page.goto("/orders");
        await page.locator("#number").fill("7K3Q-9F2M-XXXX");
        await page.locator("#email").fill("ada@example.org");
        await page.locator("main form.stack button").click();
        await expect(page.locator("main .alert")).toBeVisible();
        await matchScreenshot(page, `find-order-wrong-${scheme}`);
      });

      test(`the account pages match their screenshots, ${scheme}`, async ({ page }) => {
        test.slow();
        await page.goto("/account/login");
        await page.locator("#email").fill("nobody@example.org");
        await page.locator("#password").fill("not the password");
        await page.locator("main form.stack button").click();
        await expect(page.locator("main .alert")).toBeVisible();
        await matchScreenshot(page, `login-wrong-${scheme}`);
        await registerAndSignIn(page, "", newEmail());
        await matchScreenshot(page, `account-${scheme}`, whole);
        await page.goto("/account/addresses/new");
        for (const id of ["name", "line1", "postcode", "city"] as const) await page.locator(`#${id}`).fill(ADDRESS[id]);
        await page.locator("#country").selectOption("DE");
        await matchScreenshot(page, `address-${scheme}`, whole);
        await page.locator("main form.stack button").click();
        await expect(page).toHaveURL(/done=address$/);
        await matchScreenshot(page, `addresses-${scheme}`, whole);
        for (const name of ["orders", "profile", "security", "sessions", "data"]) {
          await page.goto(`/account/${name}`);
          await matchScreenshot(page, `account-${name}-${scheme}`, whole);
        }
      });
    });
  });
}

test.describe("how much may differ", () => {
  test.use({ colorScheme: "light", deviceScaleFactor: 1 });

  test("one wrong digit of a price fails the screenshot comparison", async ({ page }, { config }) => {
    test.skip(config.updateSnapshots !== "none", "the screenshots are being updated");
    await openProduct(page);
    await ready(page);
    const price: Locator = page.locator(".offer .price > span").first();
    await expect(page).toHaveScreenshot("product-light.png");
    // The two digits that are most similar.
    await price.evaluate((it) => {
      it.textContent = (it.textContent ?? "").replace(/\d(?=\.)/, (digit) => (digit === "8" ? "6" : "8"));
    });
    await expect(expect(page).toHaveScreenshot("product-light.png", { timeout: 3_000 })).rejects.toThrow();
  });
});
