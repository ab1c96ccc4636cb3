import type { Page } from "@playwright/test";

import { expect, test } from "./shop";
import { ADDRESS, addProductAt, fillAddress, putInCart, toReview } from "./buyer";
import { makeCoupon, makeProduct } from "./operator";

const LANGUAGES = [
  { name: "English", prefix: "" },
  { name: "Chinese", prefix: "/zh" },
];

for (const { name, prefix } of LANGUAGES) {
  test(`a guest buys in ${name} and finds the order`, async ({ page }) => {
    await putInCart(page, prefix);
    await expect(page).toHaveURL(new RegExp(`${prefix}/cart$`));
    await toReview(page, prefix, "succeeds");
    const total = await page.locator(".summary .total dd").innerText();
    await page.locator('main form[method="post"] button').click();

    await expect(page).toHaveURL(new RegExp(`${prefix}/orders/[0-9A-Z-]+\\?token=`));
    await expect(page.getByRole("heading", { level: 1 })).toBeVisible();
    await expect(page.locator(".progress-done")).toHaveCount(2);
    expect(await page.locator(".summary .total dd").innerText()).toBe(total);
    const number = /orders\/([0-9A-Z-]+)/.exec(page.url())?.[1] ?? "";

    await page.goto(`${prefix}/cart`);
    await expect(page.locator("main .lines")).toHaveCount(0);

    await page.goto(`${prefix}/orders`);
    await page.locator("#number").fill(number.toLowerCase());
    await page.locator("#email").fill("somebody@else.example");
    await page.locator("main form button").click();
    await expect(page.getByRole("alert")).toBeVisible();
    await expect(page.locator("#number")).toHaveValue(number.toLowerCase());
    await page.locator("#email").fill(ADDRESS.email);
    await page.locator("main form button").click();
    await expect(page).toHaveURL(new RegExp(`${prefix}/orders/${number}\\?token=`));
  });
}

test("errors are shown at their fields, and typed values are kept", async ({ page }) => {
  await putInCart(page);
  await page.goto("/checkout");
  await fillAddress(page, { ...ADDRESS, email: "no address", postcode: "1" });
  await page.locator("main form[method=post] button").click();
  for (const id of ["email", "postcode"]) {
    await expect(page.locator(`#${id}`)).toHaveAttribute("aria-invalid", "true");
    await expect(page.locator(`#${id}-wrong`)).toBeVisible();
  }
  await expect(page.locator("#line1")).toHaveValue(ADDRESS.line1);
  await expect(page.locator("#country")).toHaveValue(ADDRESS.country);
  await expect(page.locator("#city")).not.toHaveAttribute("aria-invalid", "true");
});

test("after a declined card another card pays", async ({ page }) => {
  await putInCart(page);
  await toReview(page, "", "declined");
  await page.locator('main form[method="post"] button').click();
  await expect(page.locator(".pay").getByRole("alert")).toBeVisible();
  await expect(page.locator(".progress-done")).toHaveCount(1);
  await page.locator(".pay #card").selectOption("succeeds");
  await page.locator(".pay form.stack button").click();
  await expect(page.locator(".progress-done")).toHaveCount(2);
  await expect(page.locator(".pay")).toHaveCount(0);
});

test("a payment that needs confirmation is confirmed by the buyer", async ({ page }) => {
  await putInCart(page);
  await toReview(page, "", "confirm");
  await page.locator('main form[method="post"] button').click();
  await expect(page.locator(".progress-done")).toHaveCount(1);
  await page.locator(".pay form").first().locator("button").click();
  await expect(page.locator(".progress-done")).toHaveCount(2);
});

test("a bank-transfer order shows instructions and can be cancelled", async ({ page }) => {
  await putInCart(page);
  await toReview(page, "", "manual");
  await page.locator('main form[method="post"] button').click();
  const number = /orders\/([0-9A-Z-]+)/.exec(page.url())?.[1] ?? "";
  await expect(page.locator(".pay")).toContainText(number);
  await page.locator(".pay summary").click();
  await page.locator(".pay details button").click();
  await expect(page.locator(".progress-ended")).toHaveCount(1);
  await expect(page.locator(".pay")).toHaveCount(0);
});

test("a checkout step redirects to an incomplete earlier step", async ({ page }) => {
  await page.goto("/checkout");
  await expect(page).toHaveURL(/\/cart$/);
  await putInCart(page);
  await page.goto("/checkout/review?payment=test&card=succeeds");
  await expect(page).toHaveURL(/\/checkout$/);
});

test("going back after the order redirects to the order", async ({ page }) => {
  await putInCart(page);
  await toReview(page, "", "succeeds");
  const review = page.url();
  await page.locator('main form[method="post"] button').click();
  await expect(page).toHaveURL(/\/orders\//);
  const order = /orders\/([0-9A-Z-]+)/.exec(page.url())?.[1];
  await page.goto(review);
  await expect(page).toHaveURL(new RegExp(`/orders/${order}`));
});

test("a form that is submitted twice places one order", async ({ page }) => {
  await putInCart(page);
  await toReview(page, "", "succeeds");
  const form = await formOf(page);
  const send = () => page.request.post("/checkout/review", { form, maxRedirects: 0 });
  const [one, other] = await Promise.all([send(), send()]);
  const number = (answer: typeof one) => /orders\/([0-9A-Z-]+)/.exec(answer.headers()["location"] ?? "")?.[1];
  expect([one.status(), other.status()]).toEqual([303, 303]);
  expect(number(one)).toBeTruthy();
  expect(number(other)).toBe(number(one));
});

/** The fields of the form of the review step. */
async function formOf(page: Page): Promise<Record<string, string>> {
  const fields = await page
    .locator('main form[method="post"] input')
    .evaluateAll((inputs) => inputs.map((it) => [(it as HTMLInputElement).name, (it as HTMLInputElement).value]));
  return Object.fromEntries(fields) as Record<string, string>;
}

test("quantities are changed, lines are removed, and the language is kept", async ({ page }) => {
  await putInCart(page);
  const line = page.locator(".line").first();
  const before = await line.locator(".sum").innerText();
  await line.locator(".quantity input[id]").fill("2");
  await line.locator(".quantity button").click();
  await expect(line.locator(".quantity input[id]")).toHaveValue("2");
  await expect(line.locator(".sum")).not.toHaveText(before);

  await page.locator('a[hreflang="zh-Hans"]').first().click();
  await expect(page).toHaveURL(/\/zh\/cart$/);
  await expect(line.locator(".quantity input[id]")).toHaveValue("2");
  await line.locator(".handles .link").click();
  await expect(page.locator(".line")).toHaveCount(0);
});

test("a coupon is deducted, and the order has the displayed total", async ({ page, request }) => {
  const spoon = await makeProduct(request, 1_000, 5);
  const code = await makeCoupon(request, 250);
  await addProductAt(page, spoon.path);
  await page.locator("details.coupon summary").click();
  await page.locator("#code").fill(code.toLowerCase());
  await page.locator("details.coupon button").click();
  await expect(page.locator(".coupons li")).toContainText(code);
  await expect(page.locator(".coupons li")).toContainText("$2.50");
  await toReview(page, "", "succeeds");
  await expect(page.locator(".summary .total dd")).toHaveText("$13.50");
  await page.locator('main form[method="post"] button').click();
  await expect(page).toHaveURL(/\/orders\//);
  await expect(page.locator(".progress-done")).toHaveCount(2);
  await expect(page.locator(".summary .total dd")).toHaveText("$13.50");
});

test("an unknown coupon is reported", async ({ page }) => {
  await putInCart(page);
  await page.locator("details.coupon summary").click();
  await page.locator("#code").fill("nothing");
  await page.locator("details.coupon button").click();
  await expect(page.locator(".coupons .wrong")).toBeVisible();
  await page.locator(".coupons button").click();
  await expect(page.locator(".coupons li")).toHaveCount(0);
});

test("scripts cannot read the cart cookie", async ({ page, context }) => {
  await putInCart(page);
  const cookies = await context.cookies();
  const cart = cookies.find((it) => it.name.endsWith("cart"));
  expect(cart).toMatchObject({ httpOnly: true, sameSite: "Lax" });
  const hint = cookies.find((it) => it.name === "visitor");
  expect(hint).toMatchObject({ httpOnly: false, value: "1" });
});
