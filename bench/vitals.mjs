// Measures web vitals on a slow phone: node bench/vitals.mjs EDGE CHROMIUM ROUNDS
// Chromium with a CPU slowdown of four, 1.6 Mbit/s, 150 ms of latency and an empty cache: LCP, CLS, and
// the time from a tap to the next paint (Event Timing), on the search field, the filter and the button
// that adds to the cart. The median of the rounds counts.

import { chromium, devices } from 'playwright-core';

const [edge, executablePath, rounds] = process.argv.slice(2);
const SLOW = { offline: false, latency: 150, downloadThroughput: 1.6e6 / 8, uploadThroughput: 750e3 / 8 };
const CPU_SLOWER = 4;

const pages = {
  home: { path: '/', tap: 'header [role=search] input' },
  category: { path: '/c/kitchen', tap: 'details.filter summary' },
  product: { path: undefined, tap: 'form.add button' },
};

/** Records the measurements of the browser in a global variable of the page. */
function recordVitals() {
  const seen = { lcp: 0, cls: 0, taps: [] };
  globalThis.seen = seen;
  const observe = (type, record, options = {}) =>
    new PerformanceObserver((list) => list.getEntries().forEach(record)).observe({ type, buffered: true, ...options });
  observe('largest-contentful-paint', (it) => (seen.lcp = it.startTime));
  observe('layout-shift', (it) => (seen.cls += it.hadRecentInput ? 0 : it.value));
  observe('event', (it) => it.interactionId && seen.taps.push(it.duration), { durationThreshold: 16 });
}

async function measure(browser, { path, tap }) {
  const context = await browser.newContext({ ...devices['Pixel 7'] });
  const page = await context.newPage();
  await page.addInitScript(recordVitals);
  const devtools = await context.newCDPSession(page);
  await devtools.send('Network.enable');
  await devtools.send('Network.setCacheDisabled', { cacheDisabled: true });
  await devtools.send('Network.emulateNetworkConditions', SLOW);
  await devtools.send('Emulation.setCPUThrottlingRate', { rate: CPU_SLOWER });
  await page.goto(edge + path, { waitUntil: 'networkidle' });
  const { lcp, cls } = await page.evaluate(() => ({ lcp: globalThis.seen.lcp, cls: globalThis.seen.cls }));
  await page.locator(tap).first().tap();
  await page.waitForTimeout(1_500);
  // The browser reports no events of less than 16 ms, so they count as 0.
  const taps = await page.evaluate(() => globalThis.seen.taps);
  await context.close();
  return { lcp, cls, tap: Math.max(0, ...taps) };
}

function median(values) {
  const sorted = [...values].sort((one, other) => one - other);
  return sorted[Math.floor(sorted.length / 2)];
}

const browser = await chromium.launch({ executablePath, args: ['--no-sandbox', '--disable-gpu'] });
try {
  const list = await (await fetch(`${edge}/api/v1/products?limit=100`)).json();
  const shown = list.items.find((it) => it.availability === 'in_stock' && it.image);
  pages.product.path = `/p/${(shown ?? list.items[0]).slug}`;
  console.log('| page | LCP ms | CLS | tap ms |\n| --- | --: | --: | --: |');
  for (const [name, page] of Object.entries(pages)) {
    const results = [];
    for (let round = 0; round < Number(rounds); round += 1) results.push(await measure(browser, page));
    const of = (key) => median(results.map((it) => it[key]));
    console.log(`| ${name} | ${of('lcp').toFixed(0)} | ${of('cls').toFixed(3)} | ${of('tap').toFixed(0)} |`);
  }
} finally {
  await browser.close();
}
