// Runs the public HTTP cache test suite against the cache at an address, and prints each result as
// a line of JSON. Tests that need a browser are skipped, as by the suite's own command line.
//
//   node run_suite.mjs SUITE_FOLDER http://127.0.0.1:8080
import { existsSync } from "node:fs";
import { createRequire } from "node:module";
import { join, resolve } from "node:path";
import { pathToFileURL } from "node:url";

const [suite, base] = [resolve(process.argv[2]), process.argv[3]];
// Newer versions of the suite keep their engine in a folder of its own.
const engine = existsSync(join(suite, "test-engine")) ? join(suite, "test-engine") : suite;
const load = (path) => import(pathToFileURL(path).href);

async function client() {
  try {
    return (await load(createRequire(join(suite, "package.json")).resolve("node-fetch"))).default;
  } catch {
    return fetch;
  }
}

/** How many tests are run at the same time. */
const CHUNK = 50;

const { runTests, getResults } = await load(join(engine, "client/runner.mjs"));
const { default: chapters } = await load(join(suite, "tests/index.mjs"));
// Older versions are given the client's `fetch`; newer ones use their own.
const older = runTests.length > 3;
const rest = [false, base, CHUNK];
await (older ? runTests(chapters, await client(), ...rest) : runTests(chapters, ...rest));
const results = getResults();
for (const chapter of chapters) {
  for (const test of chapter.tests) {
    if (test.browser_only) continue;
    const result = results[test.id];
    const line = {
      chapter: chapter.name,
      id: test.id,
      kind: test.kind ?? "required",
      ran: result !== undefined,
      passed: result === true,
      message: Array.isArray(result) ? result.join(": ") : "",
    };
    console.log(JSON.stringify(line));
  }
}
