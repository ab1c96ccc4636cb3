// Says when the shop cannot be reached, finds out when it can be again, and then does what waited.
import { say } from "./say.js";

const FIRST_MS = 1000;
const LAST_MS = 30_000;

const notice = document.getElementById("lost");
const waiting = new Map();
let timer;
let pause = FIRST_MS;

/** Nobody answered. */
export function lost() {
  if (!notice.textContent) {
    notice.textContent = notice.dataset.lost;
    say(notice.dataset.lost);
  }
  if (timer) return;
  timer = setTimeout(look, pause);
  pause = Math.min(pause * 2, LAST_MS);
}

/** Somebody answered, whatever it was. */
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

/** Does this once the shop can be reached. Of several tasks with one name the last is done. */
export function whenBack(name, task) {
  waiting.set(name, task);
}

/** What waited under this name is not wanted any more. */
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
