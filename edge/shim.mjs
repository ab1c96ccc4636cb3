// The entry point for the runtime. After a panic it restarts the Rust Worker, because a WebAssembly
// instance that has panicked may be in any state.
import { headerLines } from "./bridge.mjs";
import * as worker from "./index.js";

/** The state in which the Rust Worker records that it has panicked. */
const state = worker.__worker_init_state();

/**
 * How many requests are handled before the event loop may accept others. A busy connection has its
 * next request ready before that, so a few of them could starve all others for seconds.
 */
const TURN = 8;
/** The number of requests since then. */
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
    // A timer, however short, fires only after the event loop has looked for new requests.
    return scheduler.wait(0).then(() => {
      answered = 0;
      return answer(request, env, context);
    });
  },
};
