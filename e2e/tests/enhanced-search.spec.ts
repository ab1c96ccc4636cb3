import type { Page } from "@playwright/test";

import { expect, test } from "./shop";

const FOUND = {
  categories: [{ id: "1", slug: "kitchen", name: "Kitchen" }],
  products: [
    { slug: "tea-towel", name: "Tea towel", price: { from: { minor: 1600, currency: "USD" }, to: { minor: 1600, currency: "USD" } } },
    { slug: "teapot", name: "Teapot", price: { from: { minor: 123456, currency: "USD" }, to: { minor: 123456, currency: "USD" } } },
  ],
};

/** A page with a search, and what it suggests. */
async function open(page: Page): Promise<string[]> {
  const asked: string[] = [];
  await page.route("**/api/v1/suggestions?*", async (route) => {
    asked.push(new URL(route.request().url()).search);
    await route.fulfill({ json: FOUND });
  });
  await page.route(/:\d+\/$/, async (route) => {
    const response = await route.fetch();
    const html = await response.text();
    // Where the header has no search of its own yet, it gets one.
    const form = '<form role="search" action="/search" class="search"><label for="search">Search</label><input id="search" name="q"></form>';
    const body = html.includes('role="search"') ? html : html.replace('<div class="tools">', `${form}<div class="tools">`);
    await route.fulfill({ response, body });
  });
  await page.goto("/");
  return asked;
}

test("suggestions come while one types, and are chosen by keyboard", async ({ page }) => {
  const asked = await open(page);
  const box = page.getByRole("combobox");
  // As fast as anybody types, however slow the machine is: then it is one question.
  await box.evaluate((input: HTMLInputElement) => {
    input.focus();
    for (const typed of ["t", "te", "tea"]) {
      input.value = typed;
      input.dispatchEvent(new InputEvent("input", { bubbles: true }));
    }
  });
  const options = page.getByRole("option");
  await expect(options).toHaveCount(3);
  await expect(options.nth(2)).toContainText("$1,234.56");
  expect(asked).toEqual(["?q=tea&locale=en"]);
  await expect(box).toHaveAttribute("aria-expanded", "true");
  await expect(page.locator("#said")).toContainText("3");
  await page.keyboard.press("ArrowDown");
  await page.keyboard.press("ArrowDown");
  await expect(options.nth(1)).toHaveAttribute("aria-selected", "true");
  await expect(box).toHaveAttribute("aria-activedescendant", (await options.nth(1).getAttribute("id")) ?? "");
  await page.keyboard.press("Escape");
  await expect(options).toHaveCount(0);
  await expect(box).toHaveValue("tea");
  await expect(box).toHaveAttribute("aria-expanded", "false");
  await page.keyboard.press("ArrowDown");
  await expect(options).toHaveCount(3);
  await page.keyboard.press("ArrowUp");
  await page.keyboard.press("ArrowUp");
  await page.keyboard.press("Enter");
  await expect(page).toHaveURL(/\/p\/tea-towel$/);
});

test("a suggestion can be clicked, and leaving the field closes them", async ({ page }) => {
  await open(page);
  const box = page.getByRole("combobox");
  await box.pressSequentially("tea");
  await expect(page.getByRole("option")).toHaveCount(3);
  await box.blur();
  await expect(page.getByRole("option")).toHaveCount(0);
  await box.focus();
  await page.keyboard.press("ArrowDown");
  await page.getByRole("option", { name: "Kitchen" }).click();
  await expect(page).toHaveURL(/\/c\/kitchen$/);
});
