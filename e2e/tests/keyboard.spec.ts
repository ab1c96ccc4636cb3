import type { Locator, Page } from "@playwright/test";

import { expect, test } from "./shop";
import { ADDRESS } from "./buyer";

/** The maximum number of Tab presses from the top of a page to any element. */
const STEPS_MAX = 150;

/** The fault of the focused element, if any: an element must have the focus, and it must be visible. */
function unseen(): string | undefined {
  const focused = document.activeElement;
  // Between the last and the first element of a page, the browser itself has the focus.
  if (!focused || focused === document.body || focused === document.documentElement) return undefined;
  // A card is one link, and a label with its checkbox is one field; their container has the outline.
  const around = [focused, focused.closest("label"), focused.closest("article"), focused.parentElement, focused.nextElementSibling];
  const marked = around.some((it) => {
    if (!it) return false;
    const style = getComputedStyle(it);
    const outlined = style.outlineStyle !== "none" && parseFloat(style.outlineWidth) > 0;
    return outlined || style.boxShadow !== "none";
  });
  const { width, height } = focused.getBoundingClientRect();
  const there = (width > 0 && height > 0) || focused.matches("input[type=radio], input[type=checkbox]");
  return marked && there ? undefined : focused.outerHTML.slice(0, 200);
}

/** Presses Tab until this element has the focus, and checks every focused element on the way. */
async function tabTo(page: Page, target: Locator): Promise<void> {
  await expect(target).toBeAttached();
  for (let step = 0; step < STEPS_MAX; step++) {
    if (await target.evaluate((it) => it === document.activeElement)) return;
    await page.keyboard.press("Tab");
    expect(await page.evaluate(unseen), "the focus is visible").toBeUndefined();
  }
  throw new Error(`${String(target)} is not reached by Tab`);
}

async function press(page: Page, target: Locator, key = "Enter"): Promise<void> {
  await tabTo(page, target);
  await page.keyboard.press(key);
}

async function type(page: Page, id: string, text: string): Promise<void> {
  await tabTo(page, page.locator(`#${id}`));
  await page.keyboard.press("ControlOrMeta+a");
  await page.keyboard.type(text);
}

const next = (page: Page) => page.locator("main form.stack button:not([name])").last();

test("a purchase is possible by keyboard, from the home page to the order", async ({ page }, { project }) => {
  test.slow();
  const scripts = project.name !== "no-javascript";
  await page.goto("/");
  await page.keyboard.press("Tab");
  const skip = page.locator("a.skip");
  await expect(skip).toBeFocused();
  await expect(skip).toBeInViewport();
  await page.keyboard.press("Enter");
  await page.keyboard.press("Tab");
  expect(await page.evaluate(() => document.activeElement?.closest("main") !== null), "the skip link skips").toBe(true);

  await page.goto("/");
  const summary = page.locator("header details summary").first();
  if (await summary.isVisible()) await press(page, summary);
  await press(page, page.locator("header a[href='/c/kitchen']:visible, main a[href='/c/kitchen']:visible").first());
  await expect(page).toHaveURL(/\/c\/kitchen$/);

  const filters = page.locator("main details:has([name=availability]) > summary").first();
  if ((await filters.count()) > 0 && (await filters.isVisible()) && !(await page.locator("[name=availability][value=in_stock]").first().isVisible())) {
    await press(page, filters);
  }
  await press(page, page.locator("[name=availability][value=in_stock]").first(), "Space");
  if (!scripts) await press(page, page.locator("main form:has([name=availability]) button").last());
  await expect(page).toHaveURL(/availability=in_stock/);
  if (scripts) {
    // The list has changed, and the focus is preserved.
    await expect(page.locator("[name=availability][value=in_stock]").first()).toBeFocused();
  }
  await press(page, page.locator("main article a[href^='/p/']").first());
  await expect(page).toHaveURL(/\/p\//);
  const name = await page.getByRole("heading", { level: 1 }).innerText();

  await press(page, page.locator("form.add button").last());
  if (scripts) {
    await expect(page.locator("#drawer .line")).toContainText(name);
    await expect(page.locator("#drawer :focus, #drawer:focus")).toHaveCount(1);
    await press(page, page.locator("#drawer [name=next]"));
  } else {
    await press(page, page.locator("a[href='/cart']").first());
    await expect(page.locator(".line")).toContainText(name);
    await press(page, page.locator("[name=next]"));
  }

  await expect(page).toHaveURL(/\/checkout$/);
  for (const id of ["email", "name", "line1", "postcode", "city"] as const) {
    await type(page, id, ADDRESS[id]);
  }
  await tabTo(page, page.locator("#country"));
  await page.keyboard.type("Germany");
  await expect(page.locator("#country")).toHaveValue(ADDRESS.country);
  await press(page, next(page));
  await expect(page).toHaveURL(/\/checkout\/shipping$/);
  await press(page, next(page));
  await expect(page).toHaveURL(/\/checkout\/payment$/);
  const methods = page.locator("[name=payment]");
  await tabTo(page, page.locator("[name=payment]:checked, [name=payment]").first());
  for (let step = 0; step < (await methods.count()); step++) {
    if (await page.locator("[name=payment][value=test]").isChecked()) break;
    await page.keyboard.press("ArrowDown");
  }
  await expect(page.locator("[name=payment][value=test]")).toBeChecked();
  await press(page, page.locator("main form[method=get] button"));
  await expect(page).toHaveURL(/\/checkout\/review/);
  await press(page, page.locator('main form[method="post"] button').last());
  await expect(page).toHaveURL(/\/orders\/[0-9A-Z-]+\?token=/);
  await expect(page.locator(".progress-done")).toHaveCount(2);
});
