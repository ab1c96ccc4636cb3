import type { Page } from "@playwright/test";

import { ADDRESS, addProductAt, continueToReview, fillAddress, openProduct, putInCart } from "./buyer";
import { registerAndSignIn, newEmail } from "./customer";
import { makeProduct } from "./operator";
import { expect, test } from "./shop";

/** Widths of narrow phones, of tablets in both orientations, of laptops and of large screens. */
const WIDTHS = [320, 360, 375, 390, 414, 768, 820, 1024, 1440, 1920];

const PAGES = [
  "/",
  "/c/kitchen",
  "/c/kitchen?max=60&availability=in_stock",
  "/search?q=mug",
  "/search?q=qzxv",
  "/cart",
  "/account/login",
  "/account/register",
  "/account/forgot",
  "/orders",
  "/shipping",
  "/returns",
  "/terms",
  "/privacy",
  "/contact",
  "/nothing-here",
];

/** The elements that overflow the page to the right, and misplaced elements of the header. */
function misplaced(): string[] {
  const wrong: string[] = [];
  const width = document.documentElement.clientWidth;
  if (document.documentElement.scrollWidth > width) {
    const all = [...document.querySelectorAll("body *")];
    const out = all.filter((it) => it.getBoundingClientRect().right > width + 1);
    wrong.push(...out.map((it) => `sticks out: ${it.outerHTML.slice(0, 120)}`));
  }
  const box = (name: string) => document.querySelector(`.site-header ${name}`)?.getBoundingClientRect();
  const [mark, search, tools] = [box(".mark"), box(".search"), box(".tools")];
  if (!mark || !search || !tools) return [...wrong, "the header is not whole"];
  const middle = (it: DOMRect) => it.top + it.height / 2;
  const inOneRow = (one: DOMRect, other: DOMRect) => Math.abs(middle(one) - middle(other)) < 8;
  if (!inOneRow(mark, tools)) wrong.push("name and tools are not in one row");
  if (mark.right > tools.left + 1) wrong.push("name and tools lie on each other");
  if (width >= 768) {
    if (!inOneRow(mark, search)) wrong.push("the search is not in the row of the name");
    if (search.left < mark.right - 1 || search.right > tools.left + 1) wrong.push("the search lies on others");
  } else if (search.top < mark.bottom - 1) {
    wrong.push("the search has no row of its own");
  }
  const parts = document.querySelectorAll<HTMLElement>(".site-header .tools > *, .site-header .tools button");
  for (const part of parts) {
    const { left, right, height } = part.getBoundingClientRect();
    if (right > width || left < 0) wrong.push(`out of sight: ${part.className}`);
    if (height > 48) wrong.push(`in two lines: ${part.className}`);
  }
  return wrong;
}

/** Replaces names of shops and shoppers by long names that are hard to wrap. */
function makeUgly(): void {
  const long = "Donaudampfschifffahrtselektrizitätenhauptbetriebswerkbauunterbeamtengesellschaft".repeat(2);
  for (const named of document.querySelectorAll("[dir=auto]")) {
    const words = document.createTreeWalker(named, NodeFilter.SHOW_TEXT);
    while (words.nextNode()) if (words.currentNode.nodeValue?.trim()) words.currentNode.nodeValue = long;
  }
}

async function fits(page: Page): Promise<void> {
  for (const ugly of [false, true]) {
    if (ugly) await page.evaluate(makeUgly);
    for (const width of ugly ? [320, 768, 1024, 1440] : WIDTHS) {
      await page.setViewportSize({ width, height: 800 });
      const how = ugly ? " with the ugliest names" : "";
      expect(await page.evaluate(misplaced), `${page.url()} at ${String(width)} px${how}`).toEqual([]);
    }
  }
}

for (const prefix of ["", "/zh"]) {
  test(`no page is wider than the window (${prefix || "en"})`, async ({ page }) => {
    test.slow();
    for (const path of PAGES) {
      await page.goto(`${prefix}${path}`);
      await fits(page);
    }
    await openProduct(page, prefix);
    await fits(page);
  });

  test(`no page of a purchase is wider than the window (${prefix || "en"})`, async ({ page }) => {
    test.setTimeout(120_000);
    await putInCart(page, prefix);
    await page.locator("details.coupon summary").click();
    await fits(page);
    await page.goto(`${prefix}/checkout`);
    await page.locator("main form.stack button").click();
    await expect(page.locator("main .alert")).toBeVisible();
    await fits(page);
    await page.goto(`${prefix}/checkout`);
    await fillAddress(page, { ...ADDRESS, line1: "x".repeat(120), city: "y".repeat(80) });
    await page.locator("main form.stack button").click();
    await fits(page);
    await page.goto(`${prefix}/checkout/shipping`);
    await chooseTheRestFrom(page, prefix);
    await fits(page);
    await page.locator('main form[method="post"] button').click();
    await expect(page.locator(".progress")).toBeVisible();
    await fits(page);
  });

  test(`no account page is wider than the window (${prefix || "en"})`, async ({ page }) => {
    test.setTimeout(120_000);
    await registerAndSignIn(page, prefix, newEmail());
    for (const path of ["", "/orders", "/addresses", "/addresses/new", "/profile", "/security", "/sessions", "/data"]) {
      await page.goto(`${prefix}/account${path}`);
      await fits(page);
    }
  });
}

/** Continues from the shipping step to the review step. */
async function chooseTheRestFrom(page: Page, prefix: string): Promise<void> {
  await page.locator("main form[method=post] button").click();
  await fits(page);
  await page.goto(`${prefix}/checkout/payment`);
  await page.locator('[name="payment"][value="test"]').check();
  await page.locator("#card").selectOption("declined");
  await page.locator("main form[method=get] button").click();
  await expect(page).toHaveURL(/review/);
}

test("a menu with many categories is reachable", async ({ page }) => {
  await page.route(/:\d+\/$/, async (route) => {
    const response = await route.fetch();
    const html = await response.text();
    // A menu of a shop with many categories.
    const item = '<li><a href="/c/kitchen" dir="auto">A category with a long name</a></li>';
    const all = '<p class="menu-all"><a href="/#categories">All categories</a></p>';
    const body = html.replace(/(<nav [^>]*wrap menu[^>]*>).*?<\/nav>/s, `$1<ul>${item.repeat(10)}</ul>${all}</nav>`);
    await route.fulfill({ response, body });
  });
  for (const width of WIDTHS) {
    await page.setViewportSize({ width, height: 800 });
    await page.goto("/");
    await expect(page.locator(".menu li")).toHaveCount(10);
    const link = page.getByRole("link", { name: "All categories" });
    const box = await link.boundingBox();
    expect((box?.x ?? -1) + (box?.width ?? width), `at ${String(width)} px`).toBeLessThanOrEqual(width);
    expect(await page.evaluate(misplaced), `at ${String(width)} px`).toEqual([]);
  }
});

test("transparent images have no white background in the dark theme", async ({ page, request }) => {
  await page.emulateMedia({ colorScheme: "dark" });
  const spoon = await makeProduct(request, 1_000, 5);
  await addProductAt(page, spoon.path);
  await openProduct(page);
  const plates = await page.locator(".frame:has(img)").evaluateAll((all) => all.map((it) => getComputedStyle(it).backgroundColor));
  expect(plates.length).toBeGreaterThan(0);
  expect(new Set(plates)).toEqual(new Set(["rgb(119, 114, 106)"]));
  // The format without transparency comes after those with it.
  const sources = page.locator(".gallery .frame picture");
  for (const picture of await sources.all()) {
    const types = await picture.locator("source").evaluateAll((all) => all.map((it) => it.getAttribute("type")));
    if (types.length > 1) expect(types.at(-1)).toBe("image/jpeg");
  }
});
