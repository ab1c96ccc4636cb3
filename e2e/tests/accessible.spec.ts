import AxeBuilder from "@axe-core/playwright";

import { expect, test } from "./shop";

const PAGES = ["/", "/c/kitchen", "/c/kitchen?brand=none", "/zh", "/zh/c/kitchen", "/nothing-here"];
PAGES.push("/search?q=mug", "/search?q=teapto", "/search?q=qzxv", "/zh/search");

for (const scheme of ["light", "dark"] as const) {
  for (const path of [...PAGES, "product"]) {
    test(`axe finds nothing on ${path} in ${scheme}`, async ({ page }) => {
      await page.emulateMedia({ colorScheme: scheme });
      if (path === "product") {
        await page.goto("/c/kitchen");
        const href = await page.locator('main article a[href^="/p/"]').first().getAttribute("href");
        await page.goto(href ?? "/p/");
      } else {
        await page.goto(path);
      }
      const { violations } = await new AxeBuilder({ page }).analyze();
      const found = violations.map(({ id, nodes }) => `${id}: ${nodes.map((node) => node.html).join("\n")}`);
      expect(found).toEqual([]);
    });
  }
}
