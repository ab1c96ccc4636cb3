import type { Page } from "@playwright/test";

import { expect, test } from "./shop";

const FOUND = {
  categories: [{ id: "1", slug: "kitchen", name: "Kitchen" }],
  products: [
    { slug: "tea-towel", name: "Tea towel", price: { from: { minor: 1600, currency: "USD" }, to: { minor: 1600, currency: "USD" } } },
    { slug: "teapot", name: "Teapot", price: { from: { minor: 123456, currency: "USD" }, to: { minor: 123456, currency: "USD" } } },
  ],
};

/** Opens a page whose suggestions are mocked, and returns the list of requested queries. */
async function open(page: Page): Promise<string[]> {
  const requested: string[] = [];
  await page.route("**/api/v1/suggestions?*", async (route) => {
    requested.push(new URL(route.request().url()).search);
    await route.fulfill({ json: FOUND });
  });
  await page.route(/:\d+\/$/, async (route) => {
    const response = await route.fetch();
    const html = await response.text();
    // Adds a search form if the header has none.
    const form = '<form role="search" action="/search" class="search"><label for="search">Search</label><input id="search" name="q"></form>';
    const body = html.includes('role="search"') ? html : html.replace('<div class="tools">', `${form}<div class="tools">`);
    await route.fulfill({ response, body });
  });
  await page.goto("/");
  return requested;
}

test("suggestions appear while typing and are selected by keyboard", async ({ page }) => {
  const requested = await open(page);
  const box = page.getByRole("combobox");
  // Without a delay between letters, so that there is one request even on a slow machine.
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
  expect(requested).toEqual(["?q=tea&locale=en"]);
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

test("a suggestion can be clicked, and leaving the field closes the list", async ({ page }) => {
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
