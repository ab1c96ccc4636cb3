import { cacheStatus, expect, openFilter, test } from "./shop";

test("a shopper searches from any page, filters the results and opens one", async ({ page }) => {
  await page.goto("/c/kitchen");
  const field = page.locator("form[role=search] input[name=q]");
  await field.fill("  Mug ");
  await field.press("Enter");
  await expect(page).toHaveURL(/\/search\?q=/);
  await expect(page.getByRole("heading", { level: 1 })).toHaveText("Results for “mug”");
  await expect(field).toHaveValue("mug");
  const main = page.getByRole("main");
  const cards = main.locator("article");
  const before = await cards.count();
  expect(before).toBeGreaterThan(1);

  await openFilter(page);
  const form = main.locator("form");
  await form.locator('[name="brand"]').first().check();
  await form.locator('[name="sort"]').selectOption("price_up");
  await form.locator('[type="submit"]').click();
  await expect(page).toHaveURL(/q=mug.*brand=|brand=.*q=mug/);
  const after = await cards.count();
  expect(after).toBeGreaterThan(0);
  expect(after).toBeLessThan(before);
  await main.locator("a.chip-chosen").first().click();
  await expect(cards).toHaveCount(before);

  const name = await cards.first().getByRole("heading").innerText();
  await cards.first().getByRole("link").click();
  await expect(page.getByRole("heading", { level: 1 })).toHaveText(name);
});

test("the search works by keyboard and keeps the language", async ({ page }) => {
  await page.goto("/zh");
  const field = page.locator("form[role=search] input[name=q]");
  await field.focus();
  await page.keyboard.type("马克杯");
  await page.keyboard.press("Tab");
  await expect(page.getByRole("search").getByRole("button")).toBeFocused();
  await page.keyboard.press("Enter");
  await expect(page).toHaveURL(/\/zh\/search\?q=/);
  await expect(page.locator("main article").first()).toContainText("杯");
  const count = await page.locator("main article").count();

  await page.locator('a[hreflang="en"]').first().click();
  await expect(page).toHaveURL(/\/search\?q=/);
  await expect(page.locator("html")).toHaveAttribute("lang", "en");
  await page.goBack();
  await expect(page.locator("main article")).toHaveCount(count);
});

test("typos are corrected, and an empty result offers links", async ({ page }) => {
  await page.goto("/search?q=teapto");
  await expect(page.getByRole("main")).toContainText("“teapot”");
  await expect(page.locator("main article").first()).toBeVisible();

  await page.goto("/search?q=qzxv");
  const main = page.getByRole("main");
  await expect(main).toContainText("Check the spelling.");
  await expect(main.locator('a[href^="/c/"]').first()).toBeVisible();
  await expect(main.locator("article").first()).toBeVisible();
  await expect(page.locator('meta[name="robots"]')).toHaveAttribute("content", "noindex");
});

test("a repeated search is a hit at the edge", async ({ page }) => {
  for (const path of ["/search?q=mug", "/api/v1/search?q=mug", "/api/v1/suggestions?q=mug"]) {
    await page.request.get(path);
    expect(await cacheStatus(page, `${path}&utm_source=letter`), path).toMatch(/^Mallard; ?hit/);
  }
});

test("the search page is not wider than the screen", async ({ page }) => {
  for (const path of ["/search?q=mug", "/search?q=" + "x".repeat(100)]) {
    await page.goto(path);
    const wider = await page.evaluate(() => document.documentElement.scrollWidth - window.innerWidth).catch(() => 0);
    expect(wider, path).toBeLessThanOrEqual(0);
  }
});
