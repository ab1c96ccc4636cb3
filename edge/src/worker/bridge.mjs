// The runtime's functions for the adapter, each in one call: every crossing between WebAssembly and
// JavaScript costs about as much as a cache hit. Header fields cross as a string of lines, with
// names and values by turns.

/** Formats header fields as lines. */
export function headerLines(headers) {
  let lines = "";
  headers.forEach((value, name) => {
    lines += `${name}\n${value}\n`;
  });
  return lines;
}

/** Parses header fields from lines. */
export function headersFromLines(lines) {
  const headers = new Headers();
  const parts = lines.split("\n");
  for (let at = 0; at + 1 < parts.length; at += 2) headers.append(parts[at], parts[at + 1]);
  return headers;
}

/** Creates a response from prepared header fields, and those that differ with every request. */
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

/** Creates a response whose body is encoded already. */
export function respond(status, lines, body) {
  const headers = headersFromLines(lines);
  return new Response(body ?? null, { status, headers, encodeBody: "manual" });
}

/** The errors that are thrown, each as a text. The first four are faults of the client. */
const ABORTED = "aborted";
const TOO_SLOW = "too-slow";
const TOO_LARGE = "too-large";
/** The runtime cannot send such a request. */
const UNSENDABLE = "unsendable";
/** The time limit was exceeded. */
const TIMEOUT = "timeout";
/** The connection was refused before any byte of the body was sent. */
const CONNECTION_REFUSED = "connection-refused";

/** The most bytes that all requests may buffer together; above it, bodies are streamed. */
const BUFFERED_BYTES_MAX = 64 * 1024 * 1024;
/** A cancelled request may never release its buffer, so a buffer counts for this time at most. */
const BUFFER_EXPIRY_MS = 120_000;
/** How much of a rejected body is read, so that its client gets to read the response. */
const DRAIN_BYTES_MAX = 16 * 1024 * 1024;
const DRAIN_MS = 3000;
/** On a busy machine a timer and a refused connection are often due in the same turn. */
const POLLS_BEFORE_SENDING = 4;
/** The buffers of the requests, the oldest first. */
const buffers = new Map();
let bufferedBytes = 0;

function releaseBuffer(id) {
  bufferedBytes -= buffers.get(id)?.bytes ?? 0;
  buffers.delete(id);
}

/** Whether another chunk may be buffered. */
function hasBufferSpace() {
  for (const [id, { since }] of buffers) {
    if (Date.now() < since + BUFFER_EXPIRY_MS) break;
    releaseBuffer(id);
  }
  return bufferedBytes < BUFFERED_BYTES_MAX;
}

let nextUploadId = 0;

/** Resolves after this time. */
export function sleep(ms) {
  return new Promise((resolve) => setTimeout(resolve, ms));
}

/** The result of a promise, or an error if it takes longer. */
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

/** The body of a client's request. Its beginning is buffered, and the rest is streamed. */
export class Upload {
  constructor(body, max) {
    this.id = nextUploadId++;
    this.reader = body.getReader();
    this.max = max;
    this.length = 0;
    this.chunks = [];
    this.ended = false;
    /** The client's fault, if there is one. */
    this.fault = null;
    /** Whether any byte was handed to a connection. */
    this.sent = false;
  }

  /** Receives a body, and buffers up to `bufferMax` bytes of it. Throws the client's fault. */
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

  /** Reads and drops the body of a rejected request. */
  static async drain(body) {
    await Upload.drainReader(body.getReader());
  }

  /** Reads and drops the rest of a body, within limits. */
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
      // A client that stalls or disconnects does not read the response either.
    }
    reader.cancel().catch(() => {});
  }

  /** The next chunk, or null at the end. */
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

  /** Releases the buffer. */
  release() {
    releaseBuffer(this.id);
    this.chunks = [];
  }

  /** Whether the complete body is buffered, so that it can be sent again. */
  isComplete() {
    return this.ended;
  }

  /** The number of bytes received so far. */
  receivedLength() {
    return this.length;
  }

  /** A stream for a body of this declared length, which is -1 if it is unknown. */
  pipe(declared) {
    if (this.ended) return new FixedLengthStream(this.length);
    return declared < 0 ? new IdentityTransformStream() : new FixedLengthStream(declared);
  }

  /**
   * Writes the body to a connection. Before the first byte it lets the event loop poll for I/O a few
   * times, after which a refused connection has failed: then nothing was sent. Throws the client's fault, or TIMEOUT if the
   * origin does not take the bytes.
   */
  async write(writable, ms, signal) {
    const writer = writable.getWriter();
    try {
      for (let poll = 0; poll < POLLS_BEFORE_SENDING; poll++) {
        await sleep(poll === 0 ? 1 : 0);
        if (signal.aborted) return;
      }
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

/** A request to the origin and its response. */
export class Exchange {
  constructor(response, stop) {
    this.response = response;
    this.stop = stop;
  }

  /**
   * Sends a request. The time limit for the header fields starts once the whole request was sent.
   */
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
      const headers = headersFromLines(lines);
      const init = { method, headers, redirect: "manual", signal: stop.signal };
      if (pipe) init.body = pipe.readable;
      // Between the Worker and a URL there may be a cache of the same zone, which must not store
      // responses.
      if (!service) init.cache = "no-store";
      request = new Request(url, init);
    } catch {
      throw UNSENDABLE;
    }
    if (upload) {
      upload.sent = false;
      upload.write(pipe.writable, limit, failed.signal).then(begin, (error) => {
        // Any other error ends the connection, and the fetch reports it.
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
   * Reads the complete body within a time limit; null if it is larger than `max`, and then it can
   * still be relayed.
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

  /** Reads a body without `Content-Length`. */
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

  /** Streams the response to the client, with other header fields. */
  relay(status, lines, empty, manual) {
    const body = empty ? null : this.rest ?? this.response.body;
    if (empty) this.discard();
    const encodeBody = manual ? "manual" : "automatic";
    return new Response(body, { status, headers: headersFromLines(lines), encodeBody });
  }

  /** Releases the connection without reading the rest of the body. */
  discard() {
    this.response.body?.cancel().catch(() => {});
  }
}

/**
 * Creates a waiter. Its promise resolves to the number given to `wake`, or to -1 after the time
 * limit.
 */
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

/** Stores a response in the Cache API. Errors are ignored. */
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
    // An error counts as a miss later.
  }
}

/**
 * Purges the cache in front of the Worker, if there is one: completely, or by tags, one on a line.
 * Returns the error message, which is empty on success.
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

/** Deletes URLs, one on a line, from the Cache API. Errors are ignored. */
export async function cacheDelete(urls) {
  try {
    await Promise.all(urls.split("\n").map((url) => caches.default.delete(url)));
  } catch {
    // An entry that cannot be deleted is left to expire.
  }
}

/** Looks up a URL in the Cache API: its metadata and body, or null, also on errors. */
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
