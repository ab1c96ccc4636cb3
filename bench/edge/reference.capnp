using Workerd = import "/workerd/workerd.capnp";

const config :Workerd.Config = (
  services = [(name = "reference", worker = .reference)],
  sockets = [(name = "http", address = "127.0.0.1:8082", http = (), service = "reference")],
);

const reference :Workerd.Worker = (
  modules = [
    (name = "reference.mjs", esModule = embed "reference.mjs"),
    (name = "answer.json", json = embed "answer.json"),
    (name = "body.bin", data = embed "body.bin"),
  ],
  compatibilityDate = "2026-11-01",
);
