// What the runtime calls. It starts the Rust Worker anew after a panic, because a WebAssembly
// instance that has panicked may be in any state.
import { headerLines } from "./bridge.mjs";
import * as worker from "./index.js";

/** Whether the instance has panicked; the Rust Worker says so here. */
const state = worker.__worker_init_state();

/**
 * How many requests are answered before the event loop looks who else has sent one. A client that asks again at
 * once is found before the loop has looked, so a few busy connections could keep all others waiting for seconds.
 */
const TURN = 8;
/** How many were answered since. */
let answered = 0;

function answer(request, env, context) {
  if (state.criticalError) {
    worker.__wbg_reset_state();
    state.criticalError = false;
  }
  const { method, url, headers } = request;
  return worker.handle(request, method, url, headerLines(headers), Date.now(), env, context);
}

export default {
  fetch(request, env, context) {
    answered += 1;
    if (answered <= TURN) return answer(request, env, context);
    // A timer, however short, fires only after the loop has looked.
    return scheduler.wait(0).then(() => {
      answered = 0;
      return answer(request, env, context);
    });
  },
};
