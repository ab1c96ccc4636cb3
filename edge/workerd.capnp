# The edge on workerd. The listen address and the origin's address are given on the command line:
#   workerd serve workerd.capnp --socket-addr http=127.0.0.1:8080 --external-addr origin=127.0.0.1:3000
using Workerd = import "/workerd/workerd.capnp";

const config :Workerd.Config = (
  services = [
    (name = "edge", worker = .edge),
    (name = "origin", external = (address = "127.0.0.1:3000", http = ())),
  ],
  sockets = [(name = "http", address = "127.0.0.1:8080", http = (), service = "edge")],
);

const edge :Workerd.Worker = (
  modules = [
    (name = "index.js", esModule = embed "index.js"),
    (name = "./index_bg.wasm", wasm = embed "index_bg.wasm"),
  ],
  bindings = [
    (name = "ORIGIN", service = "origin"),
    # The secret that edge and origin share, and the header field in which the proxy in front of the edge
    # names the client's address. Without them the origin gets no client addresses.
    (name = "EDGE_SECRET", fromEnvironment = "EDGE_SECRET"),
    (name = "CLIENT_ADDRESS_FIELD", fromEnvironment = "CLIENT_ADDRESS_FIELD"),
    # The other settings have defaults; see README.md.
    (name = "ORIGIN_TIMEOUT_MS", fromEnvironment = "ORIGIN_TIMEOUT_MS"),
    (name = "RESTART_MS", fromEnvironment = "RESTART_MS"),
    (name = "BREAKER_FAILURES", fromEnvironment = "BREAKER_FAILURES"),
    (name = "UPLOAD_MAX", fromEnvironment = "UPLOAD_MAX"),
    (name = "UPLOAD_TIMEOUT_MS", fromEnvironment = "UPLOAD_TIMEOUT_MS"),
    (name = "BODY_MAX", fromEnvironment = "BODY_MAX"),
    (name = "MEMORY_MAX", fromEnvironment = "MEMORY_MAX"),
    (name = "CACHE_API", fromEnvironment = "CACHE_API"),
    (name = "MEMORY_FRESH_MS", fromEnvironment = "MEMORY_FRESH_MS"),
    (name = "CACHE_RULES", fromEnvironment = "CACHE_RULES"),
    (name = "CDN_IN_FRONT", fromEnvironment = "CDN_IN_FRONT"),
  ],
  compatibilityDate = "2026-11-01",
);
