import type { Page } from "@playwright/test";

import { expect, test } from "./shop";
import { addProductAt, continueToReview, fillAddress, ADDRESS, openProduct } from "./buyer";
import { PASSWORD, registerAndSignIn, linkFor, newEmail, submit } from "./customer";
import { makeProduct } from "./operator";

async function login(page: Page, email: string, password: string): Promise<void> {
  await page.locator("#email").fill(email);
  await page.locator("#password").fill(password);
  await submit(page);
}

for (const prefix of ["", "/zh"]) {
  test(`a customer registers, buys and finds the order in the account (${prefix || "en"})`, async ({
    page,
    request,
  }) => {
    test.slow();
    const email = newEmail();
    const spoon = await makeProduct(request, 1_000, 5);
    await addProductAt(page, spoon.path);
    await registerAndSignIn(page, prefix, email);

    // The guest's cart was merged into the account's cart.
    await page.goto(`${prefix}/cart`);
    await expect(page.locator(".line")).toHaveCount(1);
    await page.locator("[name=next]").click();
    await expect(page.locator("#email")).toHaveValue(email);
    await fillAddress(page, { ...ADDRESS, email });
    await continueToReview(page, prefix, "succeeds");
    await page.locator('main form[method="post"] button').click();
    await expect(page).toHaveURL(/\/orders\//);
    const number = /orders\/([0-9A-Z-]+)/.exec(page.url())?.[1] ?? "none";

    await page.goto(`${prefix}/account`);
    await page.getByRole("link", { name: number }).click();
    await expect(page).toHaveURL(new RegExp(`${prefix}/orders/${number}`));

    await page.goto(`${prefix}/account`);
    await page.locator(".sections form button").click();
    await expect(page).toHaveURL(new RegExp(`${prefix || "/"}$`));
    await page.goto(`${prefix}/account/orders`);
    await expect(page).toHaveURL(new RegExp(`${prefix}/account/login\\?next=`));
    await login(page, email, "wrong password");
    await expect(page.locator("main").getByRole("alert")).toBeVisible();
    await expect(page.locator("#email")).toHaveValue(email);
    await expect(page.locator("#password")).toHaveValue("");
    await login(page, email, PASSWORD);
    await expect(page).toHaveURL(new RegExp(`${prefix}/account/orders$`));
    await expect(page.getByRole("link", { name: number })).toBeVisible();
  });
}

test("a guest cart is merged into the account's cart at sign-in", async ({ page, browser, request }) => {
  test.slow();
  const email = newEmail();
  const spoon = await makeProduct(request, 1_000, 5);
  const cup = await makeProduct(request, 2_000, 5);
  await registerAndSignIn(page, "", email);
  await addProductAt(page, spoon.path);
  const elsewhere = await browser.newContext();
  const other = await elsewhere.newPage();
  await addProductAt(other, cup.path);
  await addProductAt(other, spoon.path);
  await other.goto("/account/login");
  await login(other, email, PASSWORD);
  for (const shown of [other, page]) {
    await shown.goto("/cart");
    await expect(shown.locator(".line")).toHaveCount(2);
    const quantities = shown.locator(".line .quantity input[id]");
    const numbers = await quantities.evaluateAll((all) => all.map((it) => (it as HTMLInputElement).value));
    expect(numbers.sort()).toEqual(["1", "2"]);
  }
  await elsewhere.close();
});

test("a password is reset with the link of a mail", async ({ page }) => {
  test.slow();
  const email = newEmail();
  await registerAndSignIn(page, "", email);
  await page.locator(".sections form button").click();
  await page.goto("/account/forgot");
  await page.locator("#email").fill(email);
  await submit(page);
  await expect(page.getByRole("status").first()).toBeVisible();
  const link = await linkFor(email, "/account/reset");
  await page.goto(link);
  await page.locator("#password").fill("short");
  await page.locator("#password").evaluate((it) => it.removeAttribute("minlength")).catch(() => undefined);
  await page.locator("#password").fill("another horse battery");
  await submit(page);
  await expect(page).toHaveURL(/\/account\?done=password$/);
  await page.goto(link);
  await page.locator("#password").fill("a third horse battery");
  await submit(page);
  await expect(page.locator("main").getByRole("alert")).toBeVisible();
});

test("address book, profile and sessions are managed with forms", async ({ page, browser }) => {
  test.slow();
  const email = newEmail();
  await registerAndSignIn(page, "", email);
  await page.goto("/account/addresses/new");
  for (const id of ["name", "line1", "postcode", "city"] as const) await page.locator(`#${id}`).fill(ADDRESS[id]);
  await page.locator("#country").selectOption("DE");
  await submit(page);
  await expect(page).toHaveURL(/\/account\/addresses\?done=address$/);
  await page.locator(".cards a").click();
  await page.locator("#city").fill("Potsdam");
  await submit(page);
  await expect(page.locator(".cards")).toContainText("Potsdam");
  await page.locator(".cards button").click();
  await expect(page.locator(".cards li")).toHaveCount(0);

  await page.goto("/account/profile");
  await page.locator("#name").fill("Beatrice");
  await submit(page);
  await expect(page.getByRole("status").first()).toBeVisible();
  await page.goto("/account");
  await expect(page.locator("main .lead")).toContainText("Beatrice");

  const elsewhere = await browser.newContext();
  const other = await elsewhere.newPage();
  await other.goto("/account/login");
  await login(other, email, PASSWORD);
  await expect(other).toHaveURL(/\/account$/);
  await page.goto("/account/sessions");
  await expect(page.locator(".row")).toHaveCount(2);
  await page.locator(".row button").click();
  await expect(page.locator(".row")).toHaveCount(1);
  await other.goto("/account");
  await expect(other).toHaveURL(/\/account\/login/);
  await elsewhere.close();

  const [download] = await Promise.all([
    page.request.get("/account/data/export"),
    page.goto("/account/data"),
  ]);
  expect(download.headers()["content-disposition"]).toContain("account.json");
  expect(JSON.parse(await download.text()).account.email).toBe(email);
  await page.locator("#current").fill("wrong password");
  await submit(page);
  await expect(page.locator("#current")).toHaveAttribute("aria-invalid", "true");
  await page.locator("#current").fill(PASSWORD);
  await submit(page);
  await page.goto("/account/login");
  await login(page, email, PASSWORD);
  await expect(page.locator("main").getByRole("alert")).toBeVisible();
});

test("sign-in has no open redirect", async ({ page }) => {
  const email = newEmail();
  await registerAndSignIn(page, "", email);
  for (const next of ["//evil.example", "https://evil.example", "/\\evil.example"]) {
    await page.context().clearCookies();
    await page.goto(`/account/login?next=${encodeURIComponent(next)}`);
    await login(page, email, PASSWORD);
    await expect(page).toHaveURL(/\/account$/);
  }
});

test("information pages have a heading", async ({ page }) => {
  for (const path of ["/shipping", "/returns", "/privacy", "/contact", "/zh/shipping"]) {
    const response = await page.goto(path);
    expect(response?.status(), path).toBe(200);
    await expect(page.getByRole("heading", { level: 1 })).toBeVisible();
  }
  await openProduct(page);
  await page.locator('footer a[href="/shipping"]').click();
  await expect(page.getByRole("table").first()).toContainText("Germany");
});
