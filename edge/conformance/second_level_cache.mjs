// A stand-in for Cloudflare's Cache API, with the protocol of workerd: GET looks up an entry, PUT
// stores a response in wire format, and PURGE deletes an entry. Entries have whole URLs as keys,
// and expire after their `max-age`.
//
//   node second_level_cache.mjs PORT
import { createServer } from "node:http";

/** Address to `{ status, fields, body, until }`. */
const entries = new Map();

function read(message) {
  const end = message.indexOf("\r\n\r\n");
  const [first, ...lines] = message.subarray(0, end).toString("latin1").split("\r\n");
  const fields = lines.map((line) => {
    const at = line.indexOf(":");
    return [line.slice(0, at).toLowerCase(), line.slice(at + 1).trim()];
  });
  return { status: Number(first.split(" ")[1]), fields, body: message.subarray(end + 4) };
}

function store(address, message) {
  const response = read(message);
  const field = (name) => response.fields.find(([it]) => it === name)?.[1] ?? "";
  const seconds = Number(/max-age=(\d+)/.exec(field("cache-control"))?.[1] ?? 0);
  const refused = response.status === 206 || field("vary") === "*" || field("set-cookie") !== "";
  if (refused || seconds === 0) return;
  entries.set(address, { ...response, until: Date.now() + seconds * 1000 });
}

createServer(async (request, response) => {
  const chunks = [];
  for await (const chunk of request) chunks.push(chunk);
  const address = `${request.headers.host}${request.url}`;
  if (request.method === "PUT") {
    store(address, Buffer.concat(chunks));
    response.writeHead(204).end();
    return;
  }
  if (request.method === "PURGE") {
    response.writeHead(entries.delete(address) ? 200 : 404).end();
    return;
  }
  const found = entries.get(address);
  if (!found || found.until <= Date.now()) {
    response.writeHead(504, { "cf-cache-status": "MISS" }).end();
    return;
  }
  const framing = ["content-length", "transfer-encoding"];
  const fields = found.fields.filter(([name]) => !framing.includes(name));
  response.writeHead(found.status, Object.fromEntries([...fields, ["cf-cache-status", "HIT"]]));
  response.end(found.body);
}).listen(Number(process.argv[2]), "127.0.0.1");
