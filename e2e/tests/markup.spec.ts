import { execFile } from "node:child_process";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";

import { HtmlValidate } from "html-validate";

import { ADDRESS, fillAddress, openProduct, putInCart } from "./buyer";
import { registerAndSignIn, newEmail } from "./customer";
import { expect, test } from "./shop";

const PUBLIC = [
  "/",
  "/zh",
  "/c/kitchen",
  "/c/kitchen?page=2",
  "/zh/c/kitchen?min=5&max=x",
  "/search?q=mug",
  "/search?q=qzxv",
  "/nothing-here",
  "/shipping",
  "/returns",
  "/terms",
  "/zh/privacy",
  "/contact",
  "/cart",
  "/orders",
  "/account/login",
  "/account/register",
  "/account/forgot",
];
const OWN = ["", "/orders", "/addresses", "/addresses/new", "/profile", "/sessions", "/data"];

const VNU = require.resolve("vnu-jar/build/dist/vnu.jar");

/** The errors that the W3C's validator (vnu) finds in these documents. */
async function checked(documents: Map<string, string>): Promise<string[]> {
  const folder = await mkdtemp(join(tmpdir(), "markup-"));
  try {
    const names = new Map<string, string>();
    for (const [path, html] of documents) {
      const file = join(folder, `${names.size}.html`);
      names.set(file, path);
      await writeFile(file, html);
    }
    const args = ["-jar", VNU, "--errors-only", "--exit-zero-always", "--format", "json", ...names.keys()];
    const { stderr } = await promisify(execFile)("java", args, { maxBuffer: 64 << 20 });
    const { messages } = JSON.parse(stderr) as { messages: { url: string; message: string; extract: string }[] };
    return messages.map((it) => `${names.get(new URL(it.url).pathname)}: ${it.message} (${it.extract})`);
  } finally {
    await rm(folder, { recursive: true });
  }
}

const validator = new HtmlValidate({ extends: ["html-validate:standard"] });

/** The errors that html-validate finds in this document. */
async function validated(path: string, html: string): Promise<string[]> {
  const { results } = await validator.validateString(html, path);
  return results.flatMap((it) => it.messages.map((it) => `${path}:${it.line}:${it.column} ${it.ruleId}: ${it.message}`));
}

test("the markup of every page is valid", async ({ page }) => {
  test.slow();
  const documents = new Map<string, string>();
  const take = async (path: string) => {
    const response = await page.goto(path);
    documents.set(path, (await response?.text()) ?? "");
  };
  for (const path of PUBLIC) await take(path);
  await openProduct(page);
  await take(page.url());
  await putInCart(page);
  await take("/cart");
  await take("/checkout");
  await fillAddress(page, ADDRESS);
  const next = page.locator("main form.stack button");
  await next.click();
  await expect(page).toHaveURL(/shipping$/);
  await take(page.url());
  await next.click();
  await expect(page).toHaveURL(/payment$/);
  await take(page.url());
  await page.locator('[name="payment"][value="test"]').check();
  await next.click();
  await expect(page).toHaveURL(/review/);
  await take(page.url());
  await next.click();
  await expect(page).toHaveURL(/\/orders\//);
  await take(page.url());
  await registerAndSignIn(page, "", newEmail());
  for (const path of OWN) await take(`/account${path}`);
  const wrong = await checked(documents);
  for (const [path, html] of documents) wrong.push(...(await validated(path, html)));
  expect(wrong).toEqual([]);
});
