import { readFile, readdir, stat } from "node:fs/promises";
import { join } from "node:path";
import type { Page } from "@playwright/test";

import { expect } from "./shop";

export const PASSWORD = "correct horse battery";
const mailbox = process.env.MALLARD_E2E_MAIL ?? "";

/** An email address that is not registered. */
export function newEmail(): string {
  return `bea-${Math.random().toString(36).slice(2)}@example.org`;
}

/** The link with this path in the last mail to this address. */
export async function linkFor(email: string, path: string): Promise<string> {
  let found = "";
  await expect(async () => {
    const names = await readdir(mailbox);
    const mails = await Promise.all(
      names.map(async (name) => {
        const file = join(mailbox, name);
        return { at: (await stat(file)).mtimeMs, text: await readFile(file, "utf8") };
      }),
    );
    mails.sort((one, other) => other.at - one.at);
    const texts = mails.map(({ text }) => text.replaceAll("=\r\n", "").replaceAll("=3D", "="));
    const links = texts
      .filter((text) => text.includes(`To: ${email}`))
      .map((text) => new RegExp(`${path}\\?token=[0-9a-f]+`).exec(text)?.[0]);
    found = links.find((link) => link) ?? "";
    expect(found, `a mail to ${email}`).not.toBe("");
  }).toPass({ timeout: 15_000 });
  return found;
}

export const submit = (page: Page) => page.locator("main form.stack button").first().click();

/** Registers an account and signs in. */
export async function registerAndSignIn(page: Page, prefix: string, email: string): Promise<void> {
  await page.goto(`${prefix}/account/register`);
  await page.locator("#email").fill(email);
  await page.locator("#name").fill("Bea");
  await page.locator("#password").fill(PASSWORD);
  await submit(page);
  await expect(page.getByRole("status").first()).toBeVisible();
  await page.goto(await linkFor(email, `${prefix}/account/verify`));
  const password = page.locator("#password");
  if ((await password.count()) > 0) await password.fill(PASSWORD);
  await submit(page);
  await expect(page).toHaveURL(new RegExp(`${prefix}/account\\?done=welcome$`));
}
