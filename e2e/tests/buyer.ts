import { expect, type Page } from "@playwright/test";

/** The shipping address. Each run has another email address. */
export const ADDRESS = {
  email: `ada-${Math.random().toString(36).slice(2)}@example.org`,
  name: "Ada Lovelace",
  line1: "1 Long Lane",
  postcode: "10115",
  city: "Berlin",
  country: "DE",
};

/** Opens a product that is in stock. */
export async function openProduct(page: Page, prefix = "", nth = 0): Promise<void> {
  await page.goto(`${prefix}/c/kitchen?availability=in_stock&sort=best_selling`);
  const href = await page.locator(`main article a[href^="${prefix}/p/"]`).nth(nth).getAttribute("href");
  await page.goto(href ?? "");
}

/** Adds a product to the cart and opens the cart. */
export async function putInCart(page: Page, prefix = "", nth = 0): Promise<void> {
  await openProduct(page, prefix, nth);
  await addShown(page, prefix);
}

/** Adds the product at this path to the cart and opens the cart. */
export async function addProductAt(page: Page, path: string): Promise<void> {
  await page.goto(path);
  await addShown(page, "");
}

async function addShown(page: Page, prefix: string): Promise<void> {
  const sent = page.waitForResponse((it) => it.request().method() === "POST");
  await page.locator("form.add button[type=submit], form.add button:not([type])").first().click();
  await sent;
  await page.goto(`${prefix}/cart`);
  await expect(page.locator(".line")).not.toHaveCount(0);
}

export async function fillAddress(page: Page, address: typeof ADDRESS): Promise<void> {
  for (const id of ["email", "name", "line1", "postcode", "city"] as const) {
    await page.locator(`#${id}`).fill(address[id]);
  }
  await page.locator("#country").selectOption(address.country);
}

/** Continues from the cart to the review step, through every step. */
export async function toReview(page: Page, prefix: string, card: string): Promise<void> {
  await page.locator("[name=next]").click();
  await fillAddress(page, ADDRESS);
  await continueToReview(page, prefix, card);
}

/** Continues from the filled address to the review step. */
export async function continueToReview(page: Page, prefix: string, card: string): Promise<void> {
  await page.locator("main form[method=post] button").click();
  await expect(page).toHaveURL(new RegExp(`${prefix}/checkout/shipping$`));
  await page.locator("main form[method=post] button").click();
  await expect(page).toHaveURL(new RegExp(`${prefix}/checkout/payment$`));
  const method = card === "manual" ? "manual" : "test";
  await page.locator(`[name="payment"][value="${method}"]`).check();
  if (method === "test") await page.locator("#card").selectOption(card);
  await page.locator("main form[method=get] button").click();
  await expect(page).toHaveURL(new RegExp(`${prefix}/checkout/review\\?payment=${method}`));
}
