import { expect, test } from "./shop";
import { ADDRESS, addProductAt, continueToReview, fillAddress, toReview } from "./buyer";
import { makeProduct, setPrice, setStock, step } from "./operator";

/** The button that places the order. */
const ORDER = 'main form[method="post"] button';

test("a changed price is not ordered before the buyer has seen it", async ({ page, request }) => {
  const spoon = await makeProduct(request, 1_000, 5);
  await addProductAt(page, spoon.path);
  await toReview(page, "", "succeeds");
  await expect(page.locator(".summary .total dd")).toHaveText("$16.00");
  await setPrice(request, spoon.sku, 1_250);
  await page.locator(ORDER).click();
  await expect(page.locator("main").getByRole("alert")).toBeVisible();
  await expect(page.locator(".summary .note")).toContainText("$10.00");
  await expect(page.locator(".summary .total dd")).toHaveText("$18.50");
  await page.locator(ORDER).click();
  await expect(page).toHaveURL(/\/orders\//);
  await expect(page.locator(".summary .total dd")).toHaveText("$18.50");
});

test("a sold-out item is reported, and nothing is ordered", async ({ page, request }) => {
  const spoon = await makeProduct(request, 1_000, 1);
  const cup = await makeProduct(request, 2_000, 5);
  await addProductAt(page, spoon.path);
  await addProductAt(page, cup.path);
  await page.goto("/checkout");
  await setStock(request, spoon.sku, 0);
  await fillAddress(page, ADDRESS);
  await continueToReview(page, "", "succeeds");
  await page.locator(ORDER).click();
  await expect(page.locator("main").getByRole("alert")).toBeVisible();
  await expect(page.locator(".summary .wrong")).toBeVisible();
  await page.locator('.summary a[href="/cart"]').click();
  await page.locator(".line", { has: page.locator(".wrong") }).locator(".handles .link").click();
  await expect(page.locator(".line")).toHaveCount(1);
  await page.locator("[name=next]").click();
  await page.goto("/checkout/review?payment=test&card=succeeds");
  await page.locator(ORDER).click();
  await expect(page).toHaveURL(/\/orders\//);
  await expect(page.locator(".progress-done")).toHaveCount(2);
});

test("the last unit goes to the first buyer in checkout", async ({ page, browser, request }) => {
  const spoon = await makeProduct(request, 1_000, 1);
  await addProductAt(page, spoon.path);
  const others = await browser.newContext();
  const other = await others.newPage();
  await addProductAt(other, spoon.path);
  await toReview(page, "", "succeeds");
  await other.goto("/cart");
  await expect(other.locator(".line .wrong")).toBeVisible();
  await expect(other.locator("[name=next]")).toHaveCount(0);
  await page.locator(ORDER).click();
  await expect(page.locator(".progress-done")).toHaveCount(2);
  await others.close();
});

test("a change in a second tab is detected by the first", async ({ page, context, request }) => {
  const spoon = await makeProduct(request, 1_000, 5);
  await addProductAt(page, spoon.path);
  await toReview(page, "", "succeeds");
  const second = await context.newPage();
  await second.goto("/cart");
  const quantity = second.locator(".line .quantity input[id]");
  await quantity.fill("3");
  await Promise.all([second.waitForResponse((it) => it.request().method() !== "GET"), quantity.press("Enter")]);
  await page.locator(ORDER).click();
  await expect(page.locator("main").getByRole("alert")).toBeVisible();
  await expect(page.locator(".summary .total dd")).toHaveText("$36.00");
  await page.locator(ORDER).click();
  await expect(page.locator(".summary .total dd")).toHaveText("$36.00");
  await second.goto("/cart");
  await expect(second.locator(".line")).toHaveCount(0);
});

test("the order page shows the progress of the order", async ({ page, request }) => {
  const spoon = await makeProduct(request, 1_000, 5);
  await addProductAt(page, spoon.path);
  await toReview(page, "", "succeeds");
  await page.locator(ORDER).click();
  await expect(page.locator(".progress [aria-current]")).toContainText("Paid");
  const number = /orders\/([0-9A-Z-]+)/.exec(page.url())?.[1] ?? "";
  await step(request, number, "shipped");
  await page.reload();
  await expect(page.locator(".progress [aria-current]")).toContainText("On its way");
  await page.locator('a[hreflang="zh-Hans"]').first().click();
  await expect(page.locator(".progress [aria-current]")).toContainText("运输中");
});
