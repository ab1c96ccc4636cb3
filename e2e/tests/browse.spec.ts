import { cacheStatus, expect, openFilter, test } from "./shop";

test("a shopper browses from the home page to a product and changes the language", async ({ page }) => {
  await page.goto("/");
  await expect(page.getByRole("heading", { level: 1 })).toHaveCount(1);
  const main = page.getByRole("main");

  await main.locator('a[href^="/c/"]').first().click();
  await expect(page).toHaveURL(/\/c\//);
  const cards = main.locator('article a[href^="/p/"]');
  await expect(cards.first()).toBeVisible();

  await cards.first().click();
  await expect(page).toHaveURL(/\/p\//);
  const name = await page.getByRole("heading", { level: 1 }).innerText();
  await expect(main.getByText(/\$\d/).first()).toBeVisible();
  const path = new URL(page.url()).pathname;

  await page.locator('a[hreflang="zh-Hans"]').first().click();
  await expect(page).toHaveURL(new RegExp(`/zh${path}$`));
  await expect(page.locator("html")).toHaveAttribute("lang", "zh-Hans");
  await expect(page.getByRole("heading", { level: 1 })).not.toHaveText(name);
  await expect(main.getByText(/US\$\d/).first()).toBeVisible();

  await page.locator('a[hreflang="en"]').first().click();
  await expect(page.getByRole("heading", { level: 1 })).toHaveText(name);
});

test("a filter is a form with a bookmarkable URL", async ({ page }) => {
  await page.goto("/c/kitchen");
  const form = page.locator('main form[method="get"]').first();
  await openFilter(page);
  await form.locator('[name="max"]').fill("40");
  await form.locator('[name="sort"]').selectOption("price_up");
  await form.locator('[type="submit"]').first().click();
  await expect(page).toHaveURL(/max=40/);
  await expect(page).toHaveURL(/sort=price_up/);
  const prices = await page
    .locator("main article")
    .evaluateAll((cards) => cards.map((card) => Number(/\$([\d,.]+)/.exec(card.textContent ?? "")?.[1]?.replace(",", ""))));
  expect(prices.length).toBeGreaterThan(0);
  expect(prices.every((price) => price <= 40)).toBe(true);
  expect([...prices].sort((a, b) => a - b)).toEqual(prices);
});

test("an invalid price is reported at its field, and the list stays", async ({ page }) => {
  await page.goto("/c/kitchen?min=cheap");
  const field = page.locator('[name="min"]').first();
  await expect(field).toHaveAttribute("aria-invalid", "true");
  await expect(page.locator("main article").first()).toBeAttached();
});

test("the second request is a hit at the edge", async ({ page }) => {
  for (const path of ["/", "/c/kitchen", "/zh/c/kitchen", "/api/v1/products"]) {
    await page.request.get(path);
    const status = await cacheStatus(page, path);
    expect(status, path).toMatch(/^Mallard; ?hit/);
  }
});

test("an unknown path is a 404 page with links", async ({ page }) => {
  const response = await page.goto("/p/there-is-no-such-thing");
  expect(response?.status()).toBe(404);
  await expect(page.getByRole("heading", { level: 1 })).toBeVisible();
  await expect(page.getByRole("main").getByRole("link").first()).toBeVisible();
});

test("the error page of the edge is in the language of the path and can be retried", async ({ page }) => {
  const lost = process.env.MALLARD_E2E_LOST ?? "";
  for (const [path, lang] of [
    ["/c/kitchen", "en"],
    ["/zh/cart", "zh-Hans"],
  ] as const) {
    const answer = await page.goto(`${lost}${path}`);
    expect(answer?.status()).toBe(503);
    expect(Number(answer?.headers()["retry-after"])).toBeGreaterThan(0);
    await expect(page.locator("html")).toHaveAttribute("lang", lang);
    await expect(page.getByRole("heading", { level: 1 })).toBeVisible();
    const again = page.waitForResponse(`${lost}${path}`);
    await page.locator("main a").click();
    expect((await again).status()).toBe(503);
  }
});

test("pages do not scroll horizontally", async ({ page }) => {
  for (const path of ["/", "/c/kitchen", "/zh"]) {
    await page.goto(path);
    const wider = await page.evaluate(() => document.documentElement.scrollWidth - window.innerWidth).catch(() => 0);
    expect(wider, path).toBeLessThanOrEqual(0);
  }
});
