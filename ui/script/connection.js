// Reports when the shop is unreachable, probes until it is reachable again, and then runs the
// waiting tasks.
import { announce } from "./announcements.js";

const FIRST_MS = 1000;
const LAST_MS = 30_000;

const notice = document.getElementById("lost");
const waiting = new Map();
let timer;
let pause = FIRST_MS;

/** There was no response. */
export function reportUnreachable() {
  if (!notice.textContent) {
    notice.textContent = notice.dataset.lost;
    announce(notice.dataset.lost);
  }
  if (timer) return;
  timer = setTimeout(probe, pause);
  pause = Math.min(pause * 2, LAST_MS);
}

/** There was a response, whatever its status. */
export function reportReachable() {
  if (!notice.textContent) return;
  clearTimeout(timer);
  timer = undefined;
  pause = FIRST_MS;
  notice.textContent = "";
  announce(notice.dataset.back);
  const tasks = [...waiting.values()];
  waiting.clear();
  for (const task of tasks) task();
}

/** Runs a task once the shop is reachable. Of several tasks with one name only the last runs. */
export function runWhenReachable(name, task) {
  waiting.set(name, task);
}

/** Cancels a waiting task. */
export function cancelTask(name) {
  waiting.delete(name);
}

async function probe() {
  timer = undefined;
  try {
    await fetch("/", { method: "HEAD", cache: "no-store" });
  } catch {
    reportUnreachable();
    return;
  }
  reportReachable();
}

addEventListener("offline", reportUnreachable);
addEventListener("online", () => {
  clearTimeout(timer);
  probe();
});
