import AxeBuilder from "@axe-core/playwright";
import type { Page } from "@playwright/test";

import { addProductAt, openProduct, putInCart } from "./buyer";
import { makeProduct, setStock } from "./operator";
import { expect, test } from "./shop";

const drawer = (page: Page) => page.locator("#drawer");

/** The button that adds a product to the cart. */
const isAdd = "**/cart/lines";

async function add(page: Page): Promise<void> {
  await page.locator("form.add button").click();
  await expect(drawer(page).locator(".line")).not.toHaveCount(0);
}

test("an added item is shown in a drawer that traps and restores the focus", async ({ page }) => {
  await openProduct(page);
  const address = page.url();
  const name = await page.getByRole("heading", { level: 1 }).innerText();
  const button = page.locator("form.add button");
  await button.focus();
  await page.keyboard.press("Enter");
  await expect(page.getByRole("dialog", { name: "Cart" })).toBeVisible();
  await expect(drawer(page).locator(".line")).toContainText(name);
  await expect(drawer(page).getByRole("status")).toContainText("in your cart");
  for (let tab = 0; tab < 15; tab++) {
    await page.keyboard.press("Tab");
    // Between the last and the first element the browser itself may have the focus.
    const inside = await page.evaluate(() => document.activeElement === document.body || document.activeElement?.closest("#drawer") !== null);
    expect(inside).toBe(true);
  }
  const { violations } = await new AxeBuilder({ page }).analyze();
  expect(violations.map(({ id }) => id)).toEqual([]);
  await page.keyboard.press("Escape");
  await expect(drawer(page)).toBeHidden();
  await expect(button).toBeFocused();
  expect(page.url()).toBe(address);
});

test("a double click adds once", async ({ page }) => {
  await openProduct(page);
  await page.locator("form.add button").dblclick();
  await expect(drawer(page).locator(".line")).toHaveCount(1);
  await expect(drawer(page).locator(".quantity input[id]")).toHaveValue("1");
});

test("the badge is updated optimistically and reverted after an error", async ({ page }) => {
  await putInCart(page);
  await openProduct(page, "", 1);
  const badge = page.locator(".cart-link .count");
  await expect(badge).toHaveText("1");
  let answer = (): void => undefined;
  const held = new Promise<void>((resolve) => (answer = resolve));
  await page.route(isAdd, async (route) => {
    await held;
    await route.fulfill({ status: 200, contentType: "text/html", body: "<p>not now</p>" });
  });
  await page.locator("form.add button").click();
  await expect(badge).toHaveText("2");
  await expect(drawer(page)).toContainText("Adding");
  answer();
  await expect(drawer(page).getByRole("alert")).toContainText("nothing has changed");
  await expect(badge).toHaveText("1");
  await expect(drawer(page)).not.toContainText("Adding");
});

test("insufficient stock is reported in the drawer", async ({ page, request }) => {
  const spoon = await makeProduct(request, 1_000, 5);
  await page.goto(spoon.path);
  await setStock(request, spoon.sku, 2);
  await page.locator("#quantity").fill("4");
  await add(page);
  await expect(drawer(page).locator(".line .wrong")).toBeVisible();
});

for (const place of ["drawer", "page"] as const) {
  test(`quantities are stepped and lines removed in the ${place}`, async ({ page, request }) => {
    const spoon = await makeProduct(request, 1_000, 50);
    const cup = await makeProduct(request, 2_500, 50);
    await addProductAt(page, spoon.path);
    if (place === "drawer") {
      await page.goto(cup.path);
      await add(page);
    } else {
      await addProductAt(page, cup.path);
    }
    const shown = place === "drawer" ? drawer(page).locator(".inside") : page.locator("main [data-cart]");
    const loads: string[] = [];
    page.on("framenavigated", (frame) => loads.push(frame.url()));
    const line = shown.locator(`.line[data-sku="${spoon.sku}"]`);
    const more = line.locator(".step-by").last();
    await more.focus();
    for (let step = 0; step < 3; step++) await page.keyboard.press("Enter");
    await expect(line.locator(".quantity input[id]")).toHaveValue("4");
    await expect(line.locator(".sum")).toHaveText("$40.00");
    await expect(shown.locator('[data-sum="items"] dd')).toHaveText("$65.00");
    await expect(more).toBeFocused();
    await expect(page.locator(".cart-link .count")).toHaveText("5");
    await expect(page.getByRole("status").filter({ hasText: "in your cart" })).toContainText("5");

    await line.locator(".step-by").first().click();
    await expect(line.locator(".sum")).toHaveText("$30.00");
    await line.locator(".handles .link").click();
    await expect(line).toHaveCount(0);
    await expect(shown.locator('[data-sum="items"] dd')).toHaveText("$25.00");
    await shown.locator(".handles .link").click();
    await expect(shown.locator(".line")).toHaveCount(0);
    await expect(page.locator(".cart-link .count")).toBeHidden();
    expect(await page.evaluate(() => document.activeElement !== document.body)).toBe(true);
    expect(loads).toEqual([]);
  });
}

test("a change without a response is sent again once the shop is reachable", async ({ page, context, request }) => {
  const spoon = await makeProduct(request, 1_000, 50);
  await addProductAt(page, spoon.path);
  await context.setOffline(true);
  await page.locator(".step-by").last().click();
  await expect(page.locator("#lost")).toContainText("cannot be reached");
  const quantity = page.locator(".line .quantity input[id]");
  await expect(quantity).toHaveValue("2");
  await context.setOffline(false);
  await expect(page.locator(".line .sum")).toHaveText("$20.00");
  await expect(page.locator("#lost")).toBeHidden();
  await expect(quantity).toHaveValue("2");
});

test("the link in the header opens the drawer in Chinese, too", async ({ page }) => {
  await putInCart(page, "/zh");
  await page.goto("/zh");
  await page.locator(".cart-link").click();
  await expect(page.getByRole("dialog", { name: "购物车" })).toBeVisible();
  await expect(drawer(page).locator(".line")).toHaveCount(1);
  await drawer(page).getByRole("button", { name: "关闭" }).click();
  await expect(page.locator(".cart-link")).toBeFocused();
});

test("errors of a coupon or a quantity are shown", async ({ page, request }) => {
  const spoon = await makeProduct(request, 1_000, 50);
  await addProductAt(page, spoon.path);
  const said = page.locator("#said");
  await page.locator("details.coupon summary").click();
  await page.locator("#code").fill("nothing");
  await page.locator("details.coupon button").click();
  await expect(said).toContainText("coupon code is not valid");
  await expect(page.locator("#code"), "the request is not sent again").toHaveValue("");
  await page.locator(".quantity input[id]").fill("abc");
  await page.locator(".quantity input[id]").press("Enter");
  await expect(said).toContainText("whole number");
  await expect(page.locator(".quantity input[id]")).toBeFocused();
  await expect(page.locator(".quantity input[id]")).toHaveValue("abc");
});

test("pending changes are sent before checkout", async ({ page, request }) => {
  const spoon = await makeProduct(request, 1_000, 50);
  await addProductAt(page, spoon.path);
  let answer = (): void => undefined;
  const held = new Promise<void>((resolve) => (answer = resolve));
  let first = true;
  await page.route(/\/cart$/, async (route) => {
    if (route.request().method() !== "POST" || !first) return route.continue();
    first = false;
    await held;
    // An intercepted request with `keepalive` never ends after a redirect, so the response ends it.
    await route.fulfill({ response: await route.fetch() });
  });
  const input = page.locator(".quantity input[id]");
  await input.fill("2");
  await input.press("Enter");
  await expect(page.locator("main [data-cart]")).toHaveAttribute("aria-busy", "true");
  await input.fill("3");
  await page.locator("main [name=next]").click();
  answer();
  await expect(page).toHaveURL(/\/checkout$/);
  await expect(page.locator('[data-sum="items"] dd')).toHaveText("$30.00");
});
