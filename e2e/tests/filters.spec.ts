import { expect, openFilter, test } from "./shop";

/** The number of products on a page of a list. */
const ON_A_PAGE = 24;

for (const [typed, meant] of [
  ["10,50", "10.50"],
  ["$20", "20"],
  ["２０", "20"],
] as const) {
  test(`${typed} is accepted as a price`, async ({ page }) => {
    await page.goto(`/c/kitchen?max=${encodeURIComponent(typed)}`);
    await expect(page.locator(".chip-chosen")).toHaveCount(1);
    await openFilter(page);
    await expect(page.locator("[name=max]")).toHaveValue(meant);
    await expect(page.locator("[name=max]")).not.toHaveAttribute("aria-invalid", "true");
  });
}

test("an invalid price is reported once, at its field, and filters nothing", async ({ page }, { project }) => {
  await page.goto("/c/kitchen");
  const all = await page.locator("main article").count();
  await openFilter(page);
  await page.locator("[name=min]").fill("cheap");
  await page.locator(".filter-apply").click();
  await expect(page.locator("[name=min]")).toHaveAttribute("aria-invalid", "true");
  await expect(page.locator("#min-wrong")).toHaveCount(1);
  await expect(page.locator(".chip-chosen")).toHaveCount(0);
  await expect(page.locator("main article")).toHaveCount(all);
  if (project.name !== "no-javascript") {
    await expect(page.locator("[name=min]")).toBeFocused();
    await expect(page.locator("#said")).toContainText("Enter a price");
  }
});

test("a minimum price above the maximum is reported", async ({ page }) => {
  await page.goto("/c/kitchen?min=50&max=20");
  await openFilter(page);
  for (const name of ["min", "max"]) {
    await expect(page.locator(`[name=${name}]`)).toHaveAttribute("aria-invalid", "true");
    await expect(page.locator(`[name=${name}]`)).toHaveAttribute("aria-describedby", "range-wrong");
  }
  await expect(page.locator("#range-wrong")).toBeVisible();
  await expect(page.locator(".chip-chosen")).toHaveCount(0);
});

test("the counts are those under the filter", async ({ page }) => {
  for (const list of ["/c/kitchen?", "/search?q=mug&"]) {
    await page.goto(`${list}availability=in_stock&availability=low&max=60`);
    const total = Number(/\d+/.exec(await page.locator(".results > .quiet").innerText())?.[0]);
    await expect(page.locator("main article")).toHaveCount(Math.min(total, ON_A_PAGE));
    const brands = page.locator("fieldset.brands .check");
    const counts = await brands.locator(".quiet").allTextContents();
    const fitting = counts.findIndex((it) => Number(it) > 0);
    const slug = (await brands.nth(fitting).locator("input").getAttribute("value")) ?? "";
    await page.goto(`${list}availability=in_stock&availability=low&max=60&brand=${slug}`);
    await expect(page.locator("main article")).toHaveCount(Math.min(Number(counts[fitting]), ON_A_PAGE));
    // With a brand chosen, the counts of the other brands stay: a shopper may add one.
    expect(await brands.locator(".quiet").allTextContents()).toEqual(counts);
  }
});

test("the filter button shows the number of results", async ({ page }, { project }) => {
  test.skip(project.name === "no-javascript", "the number of results needs JavaScript");
  await page.goto("/c/kitchen");
  await openFilter(page);
  const button = page.locator(".filter-apply");
  const before = await button.innerText();
  await page.locator("fieldset.brands [type=checkbox]").first().check();
  await expect(page).toHaveURL(/brand=/);
  await expect(button).not.toHaveText(before);
  // On a phone the list lies below the form, so the button stays in sight.
  if (project.name === "phone") await expect(button).toBeInViewport();
  await button.click();
  await expect(page.locator(".results article").first()).toBeInViewport();
});
