import type { Locator, Page } from "@playwright/test";

import { addProductAt, fillAddress, ADDRESS } from "./buyer";
import { makeCoupon, makeProduct } from "./operator";
import { expect, test } from "./shop";

const quantity = (page: Page, sku: string): Locator =>
  page.locator(`main .line[data-sku="${sku}"] .quantity input[id]`);
const next = (page: Page) => page.locator("main [name=next]");

test("a typed quantity is saved when checkout begins", async ({ page, request }) => {
  const spoon = await makeProduct(request, 1_000, 50);
  const cup = await makeProduct(request, 2_500, 50);
  await addProductAt(page, spoon.path);
  await addProductAt(page, cup.path);
  await quantity(page, spoon.sku).fill("3");
  await quantity(page, cup.sku).fill("２");
  await next(page).click();
  await expect(page).toHaveURL(/\/checkout$/);
  await expect(page.locator('[data-sum="items"] dd')).toHaveText("$80.00");
  await page.goto("/cart");
  await expect(quantity(page, spoon.sku)).toHaveValue("3");
  await expect(quantity(page, cup.sku)).toHaveValue("2");
});

for (const typed of ["1e2", "1.5", "abc", "-1", "1000", ""]) {
  test(`"${typed}" is rejected as a quantity, with an error at its field`, async ({ page, request }) => {
    const spoon = await makeProduct(request, 1_000, 50);
    const cup = await makeProduct(request, 2_500, 50);
    await addProductAt(page, spoon.path);
    await addProductAt(page, cup.path);
    await quantity(page, spoon.sku).fill(typed);
    await quantity(page, cup.sku).fill("4");
    await next(page).click();
    const field = quantity(page, spoon.sku);
    await expect(field).toHaveAttribute("aria-invalid", "true");
    await expect(field).toHaveValue(typed);
    const fault = page.locator(`[id="${(await field.getAttribute("aria-describedby")) ?? ""}"]`);
    await expect(fault).toContainText("from 0 to 999");
    await expect(page).toHaveURL(/\/cart$/);
    // Valid fields are applied.
    await expect(page.locator('[data-sum="items"] dd')).toHaveText("$110.00");
    await field.fill("2");
    await next(page).click();
    await expect(page).toHaveURL(/\/checkout$/);
    await expect(page.locator('[data-sum="items"] dd')).toHaveText("$120.00");
  });
}

test("Enter in a quantity field saves it and removes nothing", async ({ page, request }) => {
  const spoon = await makeProduct(request, 1_000, 50);
  const cup = await makeProduct(request, 2_500, 50);
  await addProductAt(page, spoon.path);
  await addProductAt(page, cup.path);
  await quantity(page, cup.sku).fill("2");
  await quantity(page, cup.sku).press("Enter");
  await expect(page.locator('main [data-sum="items"] dd')).toHaveText("$60.00");
  await expect(page.locator("main .line")).toHaveCount(2);
  // The other fields are applied when a line is removed.
  await quantity(page, cup.sku).fill("3");
  await page.locator(`main .line[data-sku="${spoon.sku}"] .handles .link`).click();
  await expect(page.locator("main .line")).toHaveCount(1);
  await expect(page.locator('main [data-sum="items"] dd')).toHaveText("$75.00");
});

test("an outdated page reverts nothing", async ({ page, context, request }) => {
  const spoon = await makeProduct(request, 1_000, 50);
  const cup = await makeProduct(request, 2_500, 50);
  await addProductAt(page, spoon.path);
  await addProductAt(page, cup.path);
  const before = await context.newPage();
  await before.goto("/cart");
  await quantity(page, spoon.sku).fill("5");
  await quantity(page, spoon.sku).press("Enter");
  await expect(page.locator('main [data-sum="items"] dd')).toHaveText("$75.00");
  await quantity(before, cup.sku).fill("2");
  await next(before).click();
  await expect(before).toHaveURL(/\/checkout$/);
  await expect(before.locator('[data-sum="items"] dd')).toHaveText("$100.00");
});

test("a typed coupon is applied when checkout begins", async ({ page, request }) => {
  const spoon = await makeProduct(request, 1_000, 50);
  const code = await makeCoupon(request, 250);
  await addProductAt(page, spoon.path);
  await page.locator("details.coupon summary").click();
  await page.locator("#code").fill(code);
  await quantity(page, spoon.sku).fill("2");
  await next(page).click();
  await expect(page).toHaveURL(/\/checkout$/);
  await expect(page.locator('[data-sum="items"] dd')).toHaveText("$20.00");
  await expect(page.locator('[data-sum="discount"] dd')).toContainText("2.50");
});

test("a coupon below its minimum is explained in cart and checkout", async ({ page, request }) => {
  const spoon = await makeProduct(request, 1_000, 50);
  const code = await makeCoupon(request, 250, 1_500);
  await addProductAt(page, spoon.path);
  await page.locator("details.coupon summary").click();
  await page.locator("#code").fill(code);
  await next(page).click();
  await expect(page, "checkout does not begin, and the cart shows the reason").toHaveURL(/\/cart$/);
  await expect(page.locator("main .coupons .wrong")).toContainText("larger order");
  await page.goto("/checkout");
  await expect(page.locator(".summary .coupons")).toContainText(code);
  await expect(page.locator(".summary .coupons .wrong")).toContainText("larger order");
  await expect(page.locator('[data-sum="shipping"] dd')).not.toContainText("at checkout");
  await fillAddress(page, ADDRESS);
  await page.locator("main form[method=post] button").click();
  await expect(page.locator(".summary .coupons .wrong")).toBeVisible();
});

test("an invalid quantity on a product page is reported at its field", async ({ page, request }, { project }) => {
  const spoon = await makeProduct(request, 1_000, 50);
  await page.goto(spoon.path);
  const field = page.locator("#quantity");
  for (const typed of ["abc", "1e2", "1.5", "0", "1000"]) {
    await field.fill(typed);
    await page.locator("form.add button").click();
    await expect(field, typed).toHaveAttribute("aria-invalid", "true");
    await expect(page.locator("#quantity-wrong"), typed).toContainText("from 1 to 999");
    await expect(field).toHaveValue(typed);
    if (project.name !== "no-javascript") await expect(field).toBeFocused();
  }
  await field.fill("２");
  const sent = page.waitForResponse((it) => it.request().method() === "POST");
  await page.locator("form.add button").click();
  await sent;
  await page.goto("/cart");
  await expect(quantity(page, spoon.sku)).toHaveValue("2");
});
