// Reports when the shop is unreachable, probes until it is reachable again, and then runs the
// waiting tasks.
import { say } from "./say.js";

const FIRST_MS = 1000;
const LAST_MS = 30_000;

const notice = document.getElementById("lost");
const waiting = new Map();
let timer;
let pause = FIRST_MS;

/** There was no response. */
export function lost() {
  if (!notice.textContent) {
    notice.textContent = notice.dataset.lost;
    say(notice.dataset.lost);
  }
  if (timer) return;
  timer = setTimeout(look, pause);
  pause = Math.min(pause * 2, LAST_MS);
}

/** There was a response, whatever its status. */
export function answered() {
  if (!notice.textContent) return;
  clearTimeout(timer);
  timer = undefined;
  pause = FIRST_MS;
  notice.textContent = "";
  say(notice.dataset.back);
  const tasks = [...waiting.values()];
  waiting.clear();
  for (const task of tasks) task();
}

/** Runs a task once the shop is reachable. Of several tasks with one name only the last runs. */
export function whenBack(name, task) {
  waiting.set(name, task);
}

/** Cancels a waiting task. */
export function forget(name) {
  waiting.delete(name);
}

async function look() {
  timer = undefined;
  try {
    await fetch("/", { method: "HEAD", cache: "no-store" });
  } catch {
    lost();
    return;
  }
  answered();
}

addEventListener("offline", lost);
addEventListener("online", () => {
  clearTimeout(timer);
  look();
});
