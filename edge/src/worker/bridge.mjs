// What the adapter needs of the runtime, each in one call: every crossing between WebAssembly and
// JavaScript costs about as much as answering from memory. Header fields cross as one text of lines,
// name and value by turns.

/** Header fields as lines. */
export function lines(headers) {
  let text = "";
  headers.forEach((value, name) => {
    text += `${name}\n${value}\n`;
  });
  return text;
}

/** Header fields from lines. */
export function fields(text) {
  const headers = new Headers();
  const parts = text.split("\n");
  for (let at = 0; at + 1 < parts.length; at += 2) headers.append(parts[at], parts[at + 1]);
  return headers;
}

/** The answer with what is stored: its fields, made once, and what is so this time. */
export function hit(stored, status, body, age, cacheStatus, timing, id) {
  const headers = new Headers(stored);
  headers.set("age", age);
  headers.append("cache-status", cacheStatus);
  headers.append("server-timing", timing);
  headers.set("x-request-id", id);
  if (status === 304) {
    for (const name of ["content-encoding", "content-length", "content-type"]) headers.delete(name);
  }
  return new Response(body, { status, headers, encodeBody: "manual" });
}

/** An answer whose body is in its coding already. */
export function respond(status, text, body) {
  return new Response(body ?? null, { status, headers: fields(text), encodeBody: "manual" });
}

/** What is thrown when the time limit was reached. */
const LATE = "late";

/** A question to the origin, and its answer. */
export class Exchange {
  constructor(response, stop) {
    this.response = response;
    this.stop = stop;
  }

  /** Asks. The time limit is for the head of the answer. */
  static async ask(service, url, method, text, body, limit) {
    const stop = new AbortController();
    const timer = setTimeout(() => stop.abort(), limit);
    const init = { method, headers: fields(text), redirect: "manual", signal: stop.signal };
    if (body) init.body = body;
    // An address may lead through a cache of the same zone, which would keep what this one has to decide on.
    if (!service) init.cache = "no-store";
    try {
      const response = service ? await service.fetch(url, init) : await fetch(url, init);
      return new Exchange(response, stop);
    } catch (error) {
      throw stop.signal.aborted ? LATE : error;
    } finally {
      clearTimeout(timer);
    }
  }

  status() {
    return this.response.status;
  }

  fields() {
    return lines(this.response.headers);
  }

  /**
   * The whole body, within a time limit, or null when it is larger than that: then it can still be
   * relayed.
   */
  async whole(limit, max) {
    const timer = setTimeout(() => this.stop.abort(), limit);
    try {
      const known = this.response.headers.has("content-length");
      if (known || !this.response.body) return new Uint8Array(await this.response.arrayBuffer());
      return await this.gathered(max);
    } catch (error) {
      throw this.stop.signal.aborted ? LATE : error;
    } finally {
      clearTimeout(timer);
    }
  }

  /** A body that does not say how long it is. */
  async gathered(max) {
    const reader = this.response.body.getReader();
    const chunks = [];
    let length = 0;
    while (length <= max) {
      const { done, value } = await reader.read();
      if (done) return new Uint8Array(await new Blob(chunks).arrayBuffer());
      chunks.push(value);
      length += value.length;
    }
    this.rest = new ReadableStream({
      async pull(controller) {
        const { done, value } = chunks.length ? { value: chunks.shift() } : await reader.read();
        if (done) controller.close();
        else controller.enqueue(value);
      },
      cancel: (why) => reader.cancel(why),
    });
    return null;
  }

  /** Hands the answer on as it comes, with other fields. */
  relay(status, text, empty, manual) {
    const body = empty ? null : this.rest ?? this.response.body;
    if (empty) this.discard();
    const encodeBody = manual ? "manual" : "automatic";
    return new Response(body, { status, headers: fields(text), encodeBody });
  }

  /** Lets the connection go without reading what is left. */
  discard() {
    this.response.body?.cancel().catch(() => {});
  }
}

/** Waits until somebody calls `wake` with a number, or the time is over: then it is -1. */
export function waiting(limit) {
  let wake;
  const promise = new Promise((resolve) => {
    const timer = setTimeout(() => resolve(-1), limit);
    wake = (value) => {
      clearTimeout(timer);
      resolve(value);
    };
  });
  return { promise, wake };
}

/** Keeps an entry in the runtime's cache. One that cannot be kept is not kept. */
export async function remember(url, text, bytes, seconds, tags) {
  try {
    const head = new TextEncoder().encode(text);
    const body = new Uint8Array(4 + head.length + bytes.length);
    new DataView(body.buffer).setUint32(0, head.length);
    body.set(head, 4);
    body.set(bytes, 4 + head.length);
    const headers = { "cache-control": `public, max-age=${seconds}` };
    if (tags) headers["cache-tag"] = tags;
    await caches.default.put(url, new Response(body, { headers }));
  } catch {
    // A cache that fails is one that forgets.
  }
}

/**
 * Purges the cache in front of the Worker, where there is one: everything, or what has one of these tags, a line
 * each. Why it could not, or nothing.
 */
export async function purgeFront(context, tags) {
  const cache = context.cache;
  if (!cache?.purge) return "";
  try {
    const done = await cache.purge(tags ? { tags: tags.split("\n") } : { purgeEverything: true });
    return done.success ? "" : done.errors?.[0]?.message || "the cache in front was not purged";
  } catch (error) {
    return String(error);
  }
}

/** Takes addresses, a line each, out of the runtime's cache. */
export async function forget(urls) {
  try {
    await Promise.all(urls.split("\n").map((url) => caches.default.delete(url)));
  } catch {
    // A cache that fails is one that forgets.
  }
}

/** What the runtime's cache keeps: its text and bytes, or null; also when it fails. */
export async function recall(url) {
  try {
    const found = await caches.default.match(url);
    if (!found) return null;
    const bytes = new Uint8Array(await found.arrayBuffer());
    const end = 4 + new DataView(bytes.buffer).getUint32(0);
    return { text: new TextDecoder().decode(bytes.subarray(4, end)), bytes: bytes.slice(end) };
  } catch {
    return null;
  }
}
