# The edge on workerd. Where to listen and where the origin is come from the command line:
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
  bindings = [(name = "ORIGIN", service = "origin")],
  compatibilityDate = "2026-11-01",
);
