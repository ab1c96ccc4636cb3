import { expect, test } from "./shop";

test("shared responses contain no personal data", async ({ page }) => {
  const secret = "s3cret-of-one-shopper";
  for (const path of ["/", "/c/kitchen", "/api/v1/products"]) {
    const own = await page.request.get(path, { headers: { cookie: `session=${secret}`, "x-forwarded-for": secret } });
    expect(await own.text()).not.toContain(secret);
    expect(own.headers()["set-cookie"]).toBeUndefined();
    const others = await page.request.get(path);
    expect(await others.text()).not.toContain(secret);
  }
});

test("the operators' endpoints are not public", async ({ page }) => {
  for (const path of ["/metrics", "/readyz", "/healthz"]) {
    expect((await page.request.get(path)).status(), path).toBe(404);
  }
});
