import { defineConfig, devices } from "@playwright/test";

/** Where the shop is: `cargo xtask test` starts one and says so. */
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
  // A picture that is not there is a failure; `--update-snapshots` makes it.
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
      // The sizes of its windows are its own, and the markup is the same on every device.
      testIgnore: /(layout|markup)\.spec\.ts$/,
    },
    {
      name: "no-javascript",
      use: { ...devices["Desktop Chrome"], javaScriptEnabled: false },
      // Islands are JavaScript, and axe is, and what measures shifts; the markup is the same with it.
      testIgnore: /(islands|accessible|looks|markup|shifts|enhanced-\w+)\.spec\.ts$/,
    },
  ],
});
