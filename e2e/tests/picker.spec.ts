import type { Page } from "@playwright/test";

import { makeShirt } from "./operator";
import { expect, test } from "./shop";

const choice = (page: Page, name: string) =>
  page.locator(".option a.choice", { has: page.locator(".choice-name", { hasText: new RegExp(`^${name}$`) }) });

test("a choice keeps the other options, or prefers available variants and reports changes", async ({
  page,
  request,
}, { project }) => {
  const shirt = await makeShirt(request, [
    { colour: "red", size: "S", stock: 5 },
    { colour: "red", size: "M", stock: 0 },
    { colour: "blue", size: "M", stock: 0 },
    { colour: "blue", size: "L", stock: 5 },
  ]);
  await page.goto(shirt.path);
  await expect(choice(page, "red")).toHaveAttribute("aria-current", "true");
  await expect(choice(page, "S")).toHaveAttribute("aria-current", "true");
  // Red in M exists and is sold out, which the link says; blue in S does not exist.
  await expect(choice(page, "M")).toHaveAccessibleName(/Sold out/);
  await expect(choice(page, "M")).not.toContainText("only with");
  await expect(choice(page, "blue")).toContainText("only with L");
  await expect(choice(page, "blue")).not.toHaveAccessibleName(/Sold out/);

  await choice(page, "blue").click();
  await expect(choice(page, "blue")).toHaveAttribute("aria-current", "true");
  await expect(choice(page, "L")).toHaveAttribute("aria-current", "true");
  await expect(page.locator(".availability")).not.toContainText("Sold out");
  await expect(page.locator("form.add button")).toBeEnabled();
  if (project.name !== "no-javascript") {
    await expect(page.locator(".buy .note")).toHaveText("Size is now L.");
    await expect(page.locator("#said")).toContainText("Size is now L.");
  }
  await choice(page, "M").click();
  await expect(page.locator(".availability")).toContainText("Sold out");
  await expect(choice(page, "blue")).toHaveAttribute("aria-current", "true");
  if (project.name !== "no-javascript") await expect(page.locator(".buy .note")).toHaveCount(0);
});
