// What the runtime calls. It starts the Rust Worker anew after a panic, because a WebAssembly
// instance that has panicked may be in any state.
import { lines } from "./bridge.mjs";
import * as worker from "./index.js";

/** Whether the instance has panicked; the Rust Worker says so here. */
const state = worker.__worker_init_state();

export default {
  fetch(request, env, context) {
    if (state.criticalError) {
      worker.__wbg_reset_state();
      state.criticalError = false;
    }
    const { method, url, headers } = request;
    return worker.handle(request, method, url, lines(headers), Date.now(), env, context);
  },
};
