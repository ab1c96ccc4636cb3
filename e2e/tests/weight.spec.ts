import http from "node:http";
import zlib from "node:zlib";

import { expect, test } from "./shop";

/** The maximum transfer size of a page, in bytes with brotli. */
const DOCUMENT_MAX = 60_000;
const CODE_MAX = 90_000;

const PAGES = [
  "/",
  "/c/kitchen",
  "/search?q=mug",
  "product",
  "/cart",
  "/orders",
  "/account/register",
  "/shipping",
  "/zh",
  "/zh/c/kitchen",
  "/nothing-here",
];

/** The size of a response with brotli, in bytes. */
async function weigh(base: string, path: string): Promise<{ bytes: number; text: string }> {
  const url = new URL(path, base);
  return new Promise((resolve, reject) => {
    const request = http.get(url, { headers: { "accept-encoding": "br" } }, (answer) => {
      const chunks: Buffer[] = [];
      answer.on("data", (chunk: Buffer) => chunks.push(chunk));
      answer.on("error", reject);
      answer.on("end", () => {
        const body = Buffer.concat(chunks);
        const plain = answer.headers["content-encoding"] === "br" ? zlib.brotliDecompressSync(body) : body;
        resolve({ bytes: body.length, text: plain.toString() });
      });
    });
    request.on("error", reject);
  });
}

for (const kind of PAGES) {
  test(`${kind} is within its size limit`, async ({ baseURL }) => {
    const base = baseURL ?? "";
    let path = kind;
    if (kind === "product") {
      const { text } = await weigh(base, "/c/kitchen");
      path = /href="(\/p\/[^"]+)"/.exec(text)?.[1] ?? "";
    }
    const { bytes, text } = await weigh(base, path);
    const files = [...new Set([...text.matchAll(/\/assets\/[^"]+\.(?:css|js|wasm)/g)].map(([file]) => file))];
    expect(files.map((file) => file.split(".").pop()).sort()).toEqual(["css", "js", "js", "wasm"]);
    const weights = await Promise.all(files.map(async (file) => ({ file, ...(await weigh(base, file)) })));
    const sum = (wanted: RegExp) =>
      weights.filter(({ file }) => wanted.test(file)).reduce((sum, { bytes }) => sum + bytes, 0);
    const weight = { document: bytes + sum(/css$/), code: sum(/js$|wasm$/) };
    test.info().annotations.push({ type: "weight", description: JSON.stringify(weight) });
    expect(weight.document, "HTML and CSS").toBeLessThanOrEqual(DOCUMENT_MAX);
    expect(weight.code, "JavaScript and WebAssembly").toBeLessThanOrEqual(CODE_MAX);
    expect(weight.code, "the page loads scripts").toBeGreaterThan(1_024);
  });
}
