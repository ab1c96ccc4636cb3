import { ADDRESS, fillAddress, putInCart } from "./buyer";
import { expect, test } from "./shop";

test("a field shows its error when it loses the focus, until it is corrected", async ({ page }) => {
  await putInCart(page);
  await page.goto("/checkout");
  const email = page.locator("#email");
  await email.focus();
  await page.keyboard.press("Tab");
  await expect(email, "a field that was only passed through shows no error").not.toHaveAttribute("aria-invalid", "true");
  await email.pressSequentially("ada");
  await expect(email).not.toHaveAttribute("aria-invalid", "true");
  await page.keyboard.press("Tab");
  await expect(email).toHaveAttribute("aria-invalid", "true");
  await expect(page.locator("#email-wrong")).toBeVisible();
  await expect(email).toHaveAttribute("aria-describedby", /email-wrong/);
  await email.pressSequentially("@example.org");
  await expect(email).not.toHaveAttribute("aria-invalid", "true");
  await expect(page.locator("#email-wrong")).toHaveCount(0);
});

test("the errors of the server get the focus", async ({ page }) => {
  await putInCart(page, "/zh");
  await page.goto("/zh/checkout");
  await fillAddress(page, { ...ADDRESS, postcode: "1" });
  await page.locator("main form[method=post] button").click();
  await expect(page.locator("main .alert")).toBeFocused();
  await page.locator("#postcode").fill("10115");
  await expect(page.locator("#postcode")).not.toHaveAttribute("aria-invalid", "true");
});

test("a form is submitted once, and kept while the connection is lost", async ({ page, context }) => {
  await putInCart(page);
  await page.goto("/checkout");
  await fillAddress(page, ADDRESS);
  await context.setOffline(true);
  const button = page.locator("main form[method=post] button");
  await button.click();
  await expect(page.locator("#lost")).toContainText("cannot be reached");
  await expect(page.locator("#line1")).toHaveValue(ADDRESS.line1);
  await context.setOffline(false);
  await expect(page.locator("#lost")).toBeHidden();

  let sent = 0;
  page.on("request", (request) => (sent += Number(request.method() === "POST")));
  await page.evaluate(() => {
    const button = document.querySelector<HTMLButtonElement>("main form[method=post] button");
    for (let click = 0; click < 3; click++) button?.click();
  });
  await expect(page).toHaveURL(/\/checkout\/shipping$/);
  expect(sent).toBe(1);
});
