// A stand-in for Workers Caching, the cache that Cloudflare can put in front of a Worker, as its
// documentation describes it. It runs before the Worker, has keys without a host, obeys the most
// specific cache field, stores responses without explicit freshness, stores neither partial
// responses nor responses with cookies, removes `Cache-Tag`, and can be purged by the Worker only.
// `FRONT_PURGES` is its rate limit for purges.
import worker from "./index.js";

/** Path and query to variants: `{ vary, status, fields, body, until, tags }`. */
const kept = new Map();
let purges = 0;

/** For how long it keeps what says nothing, in seconds. */
const SILENT = { 200: 7200, 203: 7200, 204: 7200, 300: 1200, 301: 1200, 404: 180, 405: 60, 410: 180 };
const FIELDS = ["cloudflare-cdn-cache-control", "cdn-cache-control", "cache-control"];

/** For how many seconds an answer is fresh; zero when it is not to be kept. */
function lifetime(request, response) {
  const { headers, status } = response;
  if (status === 206 || headers.has("set-cookie") || headers.get("vary") === "*") return 0;
  const said = FIELDS.map((name) => headers.get(name)).find((value) => value);
  if (!said) return SILENT[status] ?? 0;
  if (/no-store|private/.test(said)) return 0;
  if (request.headers.has("authorization") && !/public|s-maxage|must-revalidate/.test(said)) return 0;
  return Number(/s-maxage=(\d+)/.exec(said)?.[1] ?? /max-age=(\d+)/.exec(said)?.[1] ?? 0);
}

const outward = (fields, word) => {
  const headers = new Headers(fields);
  for (const name of ["cache-tag", FIELDS[0]]) headers.delete(name);
  headers.set("cf-cache-status", word);
  return headers;
};

const values = (request, vary) =>
  vary.split(",").map((name) => request.headers.get(name.trim() || "-")).join("\n");

function purge(limit, { tags = [], pathPrefixes = [], purgeEverything = false }) {
  purges += 1;
  if (purges > limit) return { success: false, errors: [{ code: 971, message: "rate limited" }] };
  for (const [key, variants] of kept) {
    const path = purgeEverything || pathPrefixes.some((prefix) => key.startsWith(prefix));
    const left = variants.filter((it) => !path && !it.tags.some((tag) => tags.includes(tag)));
    kept.set(key, left);
  }
  return { success: true, errors: [] };
}

export default {
  async fetch(request, env, context) {
    const { pathname, search } = new URL(request.url);
    const key = pathname + search;
    const limit = Number(env.FRONT_PURGES ?? Infinity);
    const readable = request.method === "GET" || request.method === "HEAD";
    const variants = (kept.get(key) ?? []).filter((it) => it.until > Date.now());
    const found = variants.find((it) => values(request, it.vary[0]) === it.vary[1]);
    if (readable && found) {
      const body = request.method === "HEAD" ? null : found.body;
      const headers = outward(found.fields, "HIT");
      return new Response(body, { status: found.status, headers, encodeBody: "manual" });
    }
    const inner = {
      waitUntil: (promise) => context.waitUntil(promise),
      cache: { purge: async (order) => purge(limit, order) },
    };
    const response = await worker.fetch(request, env, inner);
    const seconds = request.method === "GET" ? lifetime(request, response) : 0;
    if (seconds === 0) {
      const { status, body } = response;
      return new Response(body, { status, headers: outward(response.headers, "BYPASS") });
    }
    const vary = response.headers.get("vary") ?? "";
    const entry = {
      vary: [vary, values(request, vary)],
      status: response.status,
      fields: [...response.headers],
      body: await response.arrayBuffer(),
      until: Date.now() + seconds * 1000,
      tags: (response.headers.get("cache-tag") ?? "").split(",").map((tag) => tag.trim()),
    };
    kept.set(key, [...variants, entry]);
    const headers = outward(entry.fields, "MISS");
    return new Response(entry.body, { status: entry.status, headers, encodeBody: "manual" });
  },
};
