import type { Page } from "@playwright/test";

import { expect, openFilter, test } from "./shop";

/** Marks the document, so that a page load is detected. */
async function markDocument(page: Page): Promise<() => Promise<void>> {
  await page.evaluate(() => Object.assign(window, { same: true }));
  return async () => expect(await page.evaluate(() => "same" in window), "the page was loaded").toBe(true);
}

/** Opens a product with several variants. */
async function openWithVariants(page: Page): Promise<void> {
  await page.goto("/c/kitchen?sort=best_selling");
  const hrefs = await page
    .locator('main article a[href^="/p/"]')
    .evaluateAll((links) => links.map((link) => link.getAttribute("href") ?? ""));
  for (const href of [...new Set(hrefs)]) {
    await page.goto(href);
    if ((await page.locator(".option a.choice:not([aria-current])").count()) > 0) return;
  }
  throw new Error("no product of the kitchen has two variants");
}

/** Delays matching requests until they are released. */
async function hold(page: Page, address: string | RegExp): Promise<() => void> {
  let release = (): void => undefined;
  const held = new Promise<void>((resolve) => (release = resolve));
  await page.route(address, async (route) => {
    await held;
    // The page may have been left meanwhile.
    await route.continue().catch(() => undefined);
  });
  return release;
}

test("a variant is selected by keyboard without a page load, and has a URL", async ({ page }) => {
  await openWithVariants(page);
  const stays = await markDocument(page);
  const sku = page.locator("form.add [name=sku]");
  const before = await sku.inputValue();
  await page.locator("#quantity").fill("3");
  const choice = page.locator(".option a.choice:not([aria-current])").first();
  const name = await choice.innerText();
  const href = (await choice.getAttribute("href")) ?? "";
  await choice.focus();
  await page.keyboard.press("Enter");
  await expect(page).toHaveURL(new RegExp(`${href.replace("?", "\\?")}$`));
  await expect(sku).not.toHaveValue(before);
  await expect(page.locator("#quantity")).toHaveValue("3");
  const focused = page.locator(":focus");
  await expect(focused).toHaveText(name);
  await expect(focused).toHaveAttribute("aria-current", "true");
  await expect(page.locator("#said")).toContainText("$");
  await stays();

  const seen = await Promise.all([sku.inputValue(), page.locator(".offer").innerText()]);
  await page.reload();
  expect(await Promise.all([sku.inputValue(), page.locator(".offer").innerText()])).toEqual(seen);
  await page.goBack();
  await expect(page).toHaveURL(/\/c\/kitchen/);
});

test("the last of two quick selections is shown", async ({ page }) => {
  await openWithVariants(page);
  const choices = page.locator(".option").first().locator("a.choice");
  const [first, second] = [await choices.nth(0).getAttribute("href"), await choices.nth(1).getAttribute("href")];
  const here = await choices.nth(0).getAttribute("aria-current");
  const [slow, quick] = here ? [second, first] : [first, second];
  const release = await hold(page, `**${slow}`);
  await page.evaluate(
    ([slow, quick]) => {
      for (const href of [slow, quick]) document.querySelector<HTMLAnchorElement>(`a.choice[href="${href}"]`)?.click();
    },
    [slow, quick],
  );
  await expect(page.locator(`a.choice[href="${quick}"]`)).toHaveAttribute("aria-current", "true");
  const answered = page.waitForResponse(`**${slow}`);
  release();
  await (await answered).finished();
  await expect(page.locator(`a.choice[href="${quick}"]`)).toHaveAttribute("aria-current", "true");
  await expect(page).not.toHaveURL(new RegExp(`${(slow ?? "").replace("?", "\\?")}$`));
});

test("a filter applies without a page load, and the back button reverts it", async ({ page }) => {
  await page.goto("/c/kitchen");
  const stays = await markDocument(page);
  const names = () => page.locator("main article h3").allInnerTexts();
  const all = await names();
  await openFilter(page);
  const box = page.locator("fieldset.brands [type=checkbox]").first();
  await box.check();
  await expect(page).toHaveURL(/brand=/);
  await expect(page.locator(".chip-chosen")).toHaveCount(1);
  await expect(page.locator("#said")).toContainText(/shown/);
  await expect(box).toBeFocused();
  const fewer = await names();
  expect(fewer).not.toEqual(all);

  await page.locator(".chip-chosen").click();
  await expect(page).toHaveURL(/\/c\/kitchen$/);
  await expect(box).not.toBeChecked();
  expect(await names()).toEqual(all);
  await expect(page.locator(".results h2")).toBeFocused();

  await page.goBack();
  await expect(page).toHaveURL(/brand=/);
  await expect(box).toBeChecked();
  await expect.poll(names).toEqual(fewer);
  await page.goBack();
  await expect.poll(names).toEqual(all);
  await stays();
  await page.locator('a[hreflang="zh-Hans"]').first().click();
  await expect(page).toHaveURL(/\/zh\/c\/kitchen$/);
});

test("pagination works without a page load, and the back button restores the position", async ({ page }) => {
  await page.goto("/c/kitchen");
  const stays = await markDocument(page);
  const names = () => page.locator("main article h3").allInnerTexts();
  const first = await names();
  // The lists of the demo have one page, so this link leads to the same list in another order.
  await page.evaluate(() => {
    const link = Object.assign(document.createElement("a"), { href: "/c/kitchen?sort=price_up", textContent: "Next", rel: "next" });
    document.querySelector(".results")?.append(link);
  });
  const next = page.locator(".results [rel=next]");
  await next.scrollIntoViewIfNeeded();
  const y = await page.evaluate(() => Math.round(scrollY));
  expect(y).toBeGreaterThan(0);
  await next.click();
  await expect(page).toHaveURL(/sort=price_up/);
  await expect(page.locator(".results h2")).toBeFocused();
  await expect(page.locator(".results article").first()).toBeInViewport();
  await expect(page.locator("#sort")).toHaveValue("price_up");
  expect(await names()).not.toEqual(first);
  await page.goBack();
  await expect.poll(names).toEqual(first);
  await expect(page.locator("#sort")).not.toHaveValue("price_up");
  // The element that the test has added is gone, so the list may be slightly shorter.
  await expect.poll(() => page.evaluate(() => scrollY)).toBeGreaterThan(y - 100);
  await page.goForward();
  await expect(page).toHaveURL(/sort=price_up/);
  await expect.poll(names).not.toEqual(first);
  await stays();
});

test("an older response never replaces a newer one", async ({ page }) => {
  await page.goto("/c/kitchen");
  await openFilter(page);
  const release = await hold(page, /sort=price_up/);
  const sort = page.locator("#sort");
  await sort.selectOption("price_up");
  await expect(page.locator(".with-filter")).toHaveAttribute("aria-busy", "true");
  const dropped = page.waitForEvent("requestfailed", (request) => request.url().includes("sort=price_up"));
  await sort.selectOption("price_down");
  await expect(page).toHaveURL(/sort=price_down/);
  await dropped;
  release();
  await expect(page).toHaveURL(/sort=price_down/);
  await expect(page.locator(".with-filter")).not.toHaveAttribute("aria-busy", "true");
});

test("other pages are navigated to, and unreachable ones are retried", async ({ page, context }) => {
  await page.goto("/c/kitchen");
  await openFilter(page);
  let broken = 1;
  await page.route(/sort=price_up/, async (route) => {
    if (broken-- > 0) await route.fulfill({ status: 200, contentType: "text/html", body: "<p>something else</p>" });
    else await route.continue();
  });
  const loaded = page.waitForEvent("load");
  await page.locator("#sort").selectOption("price_up");
  await loaded;
  await expect(page).toHaveURL(/sort=price_up/);

  await openFilter(page);
  await context.setOffline(true);
  await page.locator("#sort").selectOption("price_down");
  await expect(page.locator("#lost")).toContainText("cannot be reached");
  await context.setOffline(false);
  await expect(page).toHaveURL(/sort=price_down/);
  await expect(page.locator("#lost")).toBeHidden();
});
