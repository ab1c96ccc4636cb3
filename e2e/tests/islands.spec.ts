import { openProduct } from "./buyer";
import { registerAndSignIn, newEmail } from "./customer";
import { expect, test } from "./shop";

test("the theme can be switched and is saved", async ({ page }) => {
  await page.emulateMedia({ colorScheme: "light" });
  await page.goto("/");
  const background = () => page.evaluate(() => getComputedStyle(document.body).backgroundColor);
  const light = await background();
  const toggle = page.locator(".theme-slot button");
  await expect(toggle).toBeVisible();
  await expect(async () => {
    await toggle.click();
    await expect(page.locator("html")).toHaveAttribute("data-theme", "dark", { timeout: 500 });
  }).toPass();
  expect(await background()).not.toBe(light);
  await page.reload();
  await expect(page.locator("html")).toHaveAttribute("data-theme", "dark");
});

test("a thumbnail shows its image without a page load", async ({ page }) => {
  await page.goto("/c/kitchen?sort=best_selling");
  const hrefs = await page
    .locator('main article a[href^="/p/"]')
    .evaluateAll((links) => links.map((link) => link.getAttribute("href") ?? ""));
  for (const href of [...new Set(hrefs)]) {
    await page.goto(href);
    const thumbnails = page.locator("leptos-island .thumbnails a");
    if ((await thumbnails.count()) < 2) continue;
    const shown = page.locator("leptos-island .frame picture:visible img");
    await expect(shown).toHaveCount(1);
    const before = await shown.getAttribute("src");
    const address = page.url();
    await expect(async () => {
      await thumbnails.nth(1).click();
      expect(await shown.getAttribute("src")).not.toBe(before);
    }).toPass();
    await expect(shown).toHaveCount(1);
    await expect(page.locator(".thumbnails [aria-current]")).toHaveCount(1);
    expect(page.url()).toBe(address);
    return;
  }
  throw new Error("no product of the kitchen has two pictures");
});

test("the badge shows the number of items on shared pages", async ({ page }) => {
  const requests: string[] = [];
  page.on("request", (request) => request.url().endsWith("/api/v1/visitor") && requests.push(request.url()));
  await openProduct(page);
  await page.waitForLoadState("networkidle");
  expect(requests, "a new visitor causes no request").toEqual([]);
  await expect(page.locator(".cart-link .count")).toBeHidden();
  await page.locator("#quantity").fill("2");
  await page.locator("form.add button").click();
  await expect(page.locator(".cart-link .count")).toHaveText("2");
  await expect(page.locator("#drawer .line")).toHaveCount(1);
  await page.goto("/");
  await expect(page.locator(".cart-link .count")).toHaveText("2");
  expect(requests).toHaveLength(1);
  const html = await (await page.request.get("/")).text();
  expect(html).toMatch(/hidden class="count">(<!---->)?<\/span>/);
});

test("shared pages show the name of a signed-in visitor only", async ({ page }) => {
  const email = newEmail();
  await registerAndSignIn(page, "", email);
  await page.goto("/c/kitchen");
  const greeting = page.locator("header .greeting");
  await expect(greeting).toHaveText("Bea");
  for (const path of ["/", "/c/kitchen"]) {
    const html = await (await page.request.get(path)).text();
    expect(html).not.toContain("Bea");
    expect(html).not.toContain(email);
  }
  await page.goto("/account");
  await page.locator(".sections form button").click();
  await page.goto("/c/kitchen");
  await page.waitForLoadState("networkidle");
  await expect(greeting).toBeHidden();
});
