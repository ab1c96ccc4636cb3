// What the adapter needs of the runtime, each in one call: every crossing between WebAssembly and
// JavaScript costs about as much as answering from memory. Header fields cross as one text of lines,
// name and value by turns.

/** Header fields as lines. */
export function headerLines(headers) {
  let lines = "";
  headers.forEach((value, name) => {
    lines += `${name}\n${value}\n`;
  });
  return lines;
}

/** Header fields from lines. */
export function headersFromLines(lines) {
  const headers = new Headers();
  const parts = lines.split("\n");
  for (let at = 0; at + 1 < parts.length; at += 2) headers.append(parts[at], parts[at + 1]);
  return headers;
}

/** The answer with what is stored: its fields, made once, and what is so this time. */
export function respondFromCache(stored, status, body, age, cacheStatus, timing, id) {
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
export function respond(status, lines, body) {
  return new Response(body ?? null, { status, headers: headersFromLines(lines), encodeBody: "manual" });
}

/** What is thrown, each in one word. The first three are the client's doing. */
const ABORTED = "aborted";
const TOO_SLOW = "too-slow";
const TOO_LARGE = "too-large";
/** The runtime cannot send such a request. */
const UNSENDABLE = "unsendable";
/** The time limit was reached. */
const TIMEOUT = "timeout";
/** There was no connection before anything of the body was sent. */
const CONNECTION_REFUSED = "connection-refused";

/** How many bytes of bodies all requests may have here together before more are passed on as they come. */
const BUFFERED_BYTES_MAX = 64 * 1024 * 1024;
/** A request whose client goes away may end without a word: what it held counts no longer than this. */
const BUFFER_EXPIRY_MS = 120_000;
/** How much of a body that is too large is read, so that its client gets to read the answer. */
const DRAIN_BYTES_MAX = 16 * 1024 * 1024;
const DRAIN_MS = 3000;
/** What each request holds, the oldest first. */
const buffers = new Map();
let bufferedBytes = 0;

function releaseBuffer(id) {
  bufferedBytes -= buffers.get(id)?.bytes ?? 0;
  buffers.delete(id);
}

/** Whether there is room for more. */
function hasBufferSpace() {
  for (const [id, { since }] of buffers) {
    if (Date.now() < since + BUFFER_EXPIRY_MS) break;
    releaseBuffer(id);
  }
  return bufferedBytes < BUFFERED_BYTES_MAX;
}

let nextUploadId = 0;

/** Waits for so long. */
export function sleep(ms) {
  return new Promise((resolve) => setTimeout(resolve, ms));
}

/** The promise, or the word when it takes longer. */
async function within(promise, ms, error) {
  let timer;
  const expired = new Promise((_, reject) => {
    timer = setTimeout(() => reject(error), ms);
  });
  try {
    return await Promise.race([promise, expired]);
  } finally {
    clearTimeout(timer);
  }
}

/** The body of a request: taken whole while it is small, and passed on as it comes beyond that. */
export class Upload {
  constructor(body, max) {
    this.id = nextUploadId++;
    this.reader = body.getReader();
    this.max = max;
    this.length = 0;
    this.chunks = [];
    this.ended = false;
    /** What the client did wrong, if anything. */
    this.fault = null;
    /** Whether anything of it has been handed to a connection. */
    this.sent = false;
  }

  /** Takes a body, all of it up to `whole` bytes. Throws what the client did wrong. */
  static async receive(body, bufferMax, max, ms) {
    const upload = new Upload(body, max);
    const until = Date.now() + ms;
    try {
      while (!upload.ended && upload.length <= bufferMax && hasBufferSpace()) {
        const chunk = await upload.next(until - Date.now());
        if (chunk) upload.buffer(chunk);
      }
    } catch (fault) {
      upload.release();
      if (fault === TOO_LARGE) await Upload.drainReader(upload.reader);
      throw fault;
    }
    return upload;
  }

  /** Refuses a body that is too large. */
  static async drain(body) {
    await Upload.drainReader(body.getReader());
  }

  /** Reads on, within limits, what nobody wants. */
  static async drainReader(reader) {
    const until = Date.now() + DRAIN_MS;
    let left = DRAIN_BYTES_MAX;
    try {
      while (left > 0) {
        const { done, value } = await within(reader.read(), until - Date.now(), TOO_SLOW);
        if (done) break;
        left -= value.length;
      }
    } catch {
      // Whoever is slow or has gone away does not read the answer either.
    }
    reader.cancel().catch(() => {});
  }

  /** The next chunk, or nothing at the end. */
  async next(ms) {
    try {
      const { done, value } = await within(this.reader.read(), Math.max(ms, 0), TOO_SLOW);
      this.ended = done;
      if (done) return null;
      this.length += value.length;
      if (this.length > this.max) throw TOO_LARGE;
      return value;
    } catch (error) {
      this.fault = error === TOO_SLOW || error === TOO_LARGE ? error : ABORTED;
      throw this.fault;
    }
  }

  buffer(chunk) {
    this.chunks.push(chunk);
    const buffer = buffers.get(this.id) ?? { bytes: 0, since: Date.now() };
    buffer.bytes += chunk.length;
    bufferedBytes += chunk.length;
    buffers.set(this.id, buffer);
  }

  /** Lets go of what is held. */
  release() {
    releaseBuffer(this.id);
    this.chunks = [];
  }

  /** Whether all of it is here, so that it can be sent again. */
  isComplete() {
    return this.ended;
  }

  /** How long it is, as far as it is here. */
  receivedLength() {
    return this.length;
  }

  /** A stream for a body of this length; -1 is one that nobody knows. */
  pipe(declared) {
    if (this.ended) return new FixedLengthStream(this.length);
    return declared < 0 ? new IdentityTransformStream() : new FixedLengthStream(declared);
  }

  /**
   * Writes it into a connection. The first byte waits for a moment, in which a connection that is refused
   * has failed: then nothing has been sent. Throws what the client did wrong, or LATE when the origin
   * takes nothing.
   */
  async write(writable, ms, signal) {
    const writer = writable.getWriter();
    try {
      await sleep(1);
      if (signal.aborted) return;
      this.sent = true;
      for (const chunk of this.chunks) await within(writer.write(chunk), ms, TIMEOUT);
      while (!this.ended) {
        const chunk = await this.next(ms);
        if (chunk) await within(writer.write(chunk), ms, TIMEOUT);
      }
      await within(writer.close(), ms, TIMEOUT);
    } catch (error) {
      writer.abort(error).catch(() => {});
      throw error;
    }
  }
}

/** A question to the origin, and its answer. */
export class Exchange {
  constructor(response, stop) {
    this.response = response;
    this.stop = stop;
  }

  /** Asks. The time limit is for the head of the answer, after the whole request was sent. */
  static async send(service, url, method, lines, upload, declared, limit) {
    const stop = new AbortController();
    const failed = new AbortController();
    let [timer, answered, timedOut] = [null, false, false];
    const begin = () => {
      if (!answered) timer = setTimeout(() => stop.abort(), limit);
    };
    const pipe = upload?.pipe(declared);
    let request;
    try {
      const init = { method, headers: headersFromLines(lines), redirect: "manual", signal: stop.signal };
      if (pipe) init.body = pipe.readable;
      // An address may lead through a cache of the same zone, which would keep what this one has to decide on.
      if (!service) init.cache = "no-store";
      request = new Request(url, init);
    } catch {
      throw UNSENDABLE;
    }
    if (upload) {
      upload.sent = false;
      upload.write(pipe.writable, limit, failed.signal).then(begin, (error) => {
        // Any other error is the end of the connection, of which the question hears.
        timedOut = error === TIMEOUT;
        if (upload.fault || (timedOut && !answered)) stop.abort();
      });
    } else {
      begin();
    }
    try {
      return new Exchange(await (service ? service.fetch(request) : fetch(request)), stop);
    } catch (error) {
      failed.abort();
      if (upload?.fault) throw upload.fault;
      if (timedOut || stop.signal.aborted) throw TIMEOUT;
      throw upload && !upload.sent ? CONNECTION_REFUSED : error;
    } finally {
      answered = true;
      clearTimeout(timer);
    }
  }

  status() {
    return this.response.status;
  }

  headerLines() {
    return headerLines(this.response.headers);
  }

  /**
   * The whole body, within a time limit, or null when it is larger than that: then it can still be
   * relayed.
   */
  async readBody(limit, max) {
    const timer = setTimeout(() => this.stop.abort(), limit);
    try {
      const known = this.response.headers.has("content-length");
      if (known || !this.response.body) return new Uint8Array(await this.response.arrayBuffer());
      return await this.readUnknownLength(max);
    } catch (error) {
      throw this.stop.signal.aborted ? TIMEOUT : error;
    } finally {
      clearTimeout(timer);
    }
  }

  /** A body that does not say how long it is. */
  async readUnknownLength(max) {
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
  relay(status, lines, empty, manual) {
    const body = empty ? null : this.rest ?? this.response.body;
    if (empty) this.discard();
    const encodeBody = manual ? "manual" : "automatic";
    return new Response(body, { status, headers: headersFromLines(lines), encodeBody });
  }

  /** Lets the connection go without reading what is left. */
  discard() {
    this.response.body?.cancel().catch(() => {});
  }
}

/** Waits until somebody calls `wake` with a number, or the time is over: then it is -1. */
export function createWaiter(limit) {
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
export async function cachePut(url, metadata, body, seconds, tags) {
  try {
    const head = new TextEncoder().encode(metadata);
    const bytes = new Uint8Array(4 + head.length + body.length);
    new DataView(bytes.buffer).setUint32(0, head.length);
    bytes.set(head, 4);
    bytes.set(body, 4 + head.length);
    const headers = { "cache-control": `public, max-age=${seconds}` };
    if (tags) headers["cache-tag"] = tags;
    await caches.default.put(url, new Response(bytes, { headers }));
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
export async function cacheDelete(urls) {
  try {
    await Promise.all(urls.split("\n").map((url) => caches.default.delete(url)));
  } catch {
    // A cache that fails is one that forgets.
  }
}

/** What the runtime's cache keeps: its text and bytes, or null; also when it fails. */
export async function cacheMatch(url) {
  try {
    const found = await caches.default.match(url);
    if (!found) return null;
    const bytes = new Uint8Array(await found.arrayBuffer());
    const end = 4 + new DataView(bytes.buffer).getUint32(0);
    const metadata = new TextDecoder().decode(bytes.subarray(4, end));
    return { metadata, body: bytes.slice(end) };
  } catch {
    return null;
  }
}
