import { defineConfig, devices } from "@playwright/test";

/** The URL of the shop that `cargo xtask test` starts. */
const baseURL = process.env.MALLARD_E2E_URL;
if (!baseURL) {
  throw new Error("MALLARD_E2E_URL is not set: run `cargo xtask test`, which starts a shop");
}

const launchOptions = {
  executablePath: process.env.CHROMIUM ?? "/usr/bin/chromium",
  args: [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
  ],
};

export default defineConfig({
  testDir: "tests",
  outputDir: "test-results",
  reporter: [["list"]],
  forbidOnly: true,
  fullyParallel: true,
  workers: 2,
  retries: 0,
  timeout: 30_000,
  // A missing screenshot is a failure; `--update-snapshots` creates it.
  updateSnapshots: "none",
  snapshotPathTemplate: "{testDir}/looks/{projectName}-{arg}{ext}",
  expect: {
    toHaveScreenshot: { animations: "disabled", caret: "hide", scale: "css", maxDiffPixels: 4 },
  },
  use: { baseURL, launchOptions, trace: "retain-on-failure" },
  projects: [
    { name: "desktop", use: { ...devices["Desktop Chrome"], viewport: { width: 1440, height: 900 } } },
    {
      name: "phone",
      use: { ...devices["Pixel 7"] },
      // The layout tests set window sizes themselves, and the markup is the same on every device.
      testIgnore: /(layout|markup)\.spec\.ts$/,
    },
    {
      name: "no-javascript",
      use: { ...devices["Desktop Chrome"], javaScriptEnabled: false },
      // These tests need JavaScript: islands, axe and layout shifts. The markup does not depend on it.
      testIgnore: /(islands|accessible|looks|markup|shifts|enhanced-\w+)\.spec\.ts$/,
    },
  ],
});
