// What the runtime calls. It starts the Rust Worker anew after a panic, because a WebAssembly
// instance that has panicked may be in any state.
import { WorkerEntrypoint } from "cloudflare:workers";

import { lines } from "./bridge.mjs";
import * as worker from "./index.js";

/** Resets an instance that has panicked, before it is called again. */
function healthy() {
  if (worker.__worker_init_state().criticalError) {
    worker.__wbg_reset_state();
    worker.__worker_init_state().criticalError = false;
  }
  return worker;
}

export default class Edge extends WorkerEntrypoint {
  fetch(request) {
    const { method, url, headers } = request;
    return healthy().handle(request, method, url, lines(headers), this.env, this.ctx);
  }
}
