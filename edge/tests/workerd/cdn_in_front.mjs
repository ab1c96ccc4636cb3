// A stand-in for Workers Caching, the cache that Cloudflare can put in front of a Worker, as its
// documentation describes it. It runs before the Worker, has keys without a host, obeys the most
// specific cache field, stores responses without explicit freshness, stores neither partial
// responses nor responses with cookies, removes `Cache-Tag`, and can be purged by the Worker only.
// `FRONT_PURGES` is its rate limit for purges.
import worker from "./index.js";

/** Path and query to variants: `{ vary, status, fields, body, until, tags }`. */
const stored = new Map();
let purges = 0;

/** The freshness lifetime of responses without explicit freshness, in seconds by status. */
const DEFAULT_LIFETIMES = {
  200: 7200, 203: 7200, 204: 7200, 300: 1200, 301: 1200, 404: 180, 405: 60, 410: 180,
};
const CACHE_FIELDS = ["cloudflare-cdn-cache-control", "cdn-cache-control", "cache-control"];

/** The freshness lifetime of a response in seconds; zero if it must not be stored. */
function lifetime(request, response) {
  const { headers, status } = response;
  if (status === 206 || headers.has("set-cookie") || headers.get("vary") === "*") return 0;
  const control = CACHE_FIELDS.map((name) => headers.get(name)).find((value) => value);
  if (!control) return DEFAULT_LIFETIMES[status] ?? 0;
  if (/no-store|private/.test(control)) return 0;
  const authorized = request.headers.has("authorization");
  if (authorized && !/public|s-maxage|must-revalidate/.test(control)) return 0;
  return Number(/s-maxage=(\d+)/.exec(control)?.[1] ?? /max-age=(\d+)/.exec(control)?.[1] ?? 0);
}

const publicHeaders = (fields, status) => {
  const headers = new Headers(fields);
  for (const name of ["cache-tag", CACHE_FIELDS[0]]) headers.delete(name);
  headers.set("cf-cache-status", status);
  return headers;
};

const values = (request, vary) =>
  vary.split(",").map((name) => request.headers.get(name.trim() || "-")).join("\n");

function purge(limit, { tags = [], pathPrefixes = [], purgeEverything = false }) {
  purges += 1;
  if (purges > limit) return { success: false, errors: [{ code: 971, message: "rate limited" }] };
  for (const [key, variants] of stored) {
    const path = purgeEverything || pathPrefixes.some((prefix) => key.startsWith(prefix));
    const left = variants.filter((it) => !path && !it.tags.some((tag) => tags.includes(tag)));
    stored.set(key, left);
  }
  return { success: true, errors: [] };
}

export default {
  async fetch(request, env, context) {
    const { pathname, search } = new URL(request.url);
    const key = pathname + search;
    const limit = Number(env.FRONT_PURGES ?? Infinity);
    const readable = request.method === "GET" || request.method === "HEAD";
    const variants = (stored.get(key) ?? []).filter((it) => it.until > Date.now());
    const found = variants.find((it) => values(request, it.vary[0]) === it.vary[1]);
    if (readable && found) {
      const body = request.method === "HEAD" ? null : found.body;
      const headers = publicHeaders(found.fields, "HIT");
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
      return new Response(body, { status, headers: publicHeaders(response.headers, "BYPASS") });
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
    stored.set(key, [...variants, entry]);
    const headers = publicHeaders(entry.fields, "MISS");
    return new Response(entry.body, { status: entry.status, headers, encodeBody: "manual" });
  },
};
