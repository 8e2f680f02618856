// Follows a submission while it is under way: log output is appended as it comes, and the state is fetched again from
// the server whenever it changes, so that what the page says is written in one place only.

import { localizeTimes } from "./page.js";
import { say } from "./words.js";

const MAX_CHARACTERS = 256_000;
const POLL_MS = 5_000;
const WAITING = "Submitted";
// Colours and cursor movements of terminals, and control characters that are no white space; the last, unfinished one
// waits for the rest of it. The site's pages take the same out (see evaluation/views.py).
const ESCAPES = /\x1b(?:\[[0-?]*[ -/]*[@-~]|\][^\x07\x1b]*(?:\x07|\x1b\\)|[@-Z\\^_])|[\x00-\x08\x0b\x0c\x0e-\x1a\x1c-\x1f\x7f]/g;
const UNFINISHED = /\x1b(?:\[[0-?]*[ -/]*|\][^\x07\x1b]{0,200})?$/;
const live = document.querySelector("[data-live]");

function title(step, stream) {
  const { steps, streams } = document.querySelector("#panes").dataset;
  return say("{step}: {what}", { step: JSON.parse(steps)[step] ?? step, what: JSON.parse(streams)[stream] ?? stream });
}

/** The pane of a program stream of a submission, or of one of its tasks; made when its first output comes. */
function pane(submission, step, stream) {
  const panes = document.querySelector(`#panes [data-panes="${CSS.escape(submission)}"]`);
  if (!panes) return null;
  const name = `${step}/${stream}`;
  let found = panes.querySelector(`[data-pane="${CSS.escape(name)}"]`);
  if (!found) {
    found = document.querySelector("#pane-template").content.firstElementChild.cloneNode(true);
    found.dataset.pane = name;
    found.querySelector("summary span").textContent = title(step, stream);
    panes.append(found);
    document.querySelector("#no-output")?.setAttribute("hidden", "");
  }
  return found.querySelector("pre");
}

const waiting = new WeakMap();

/** The text without escapes; half an escape is kept until the rest comes. */
function plain(target, text) {
  const whole = (waiting.get(target) ?? "") + text;
  const rest = UNFINISHED.exec(whole)?.[0] ?? "";
  waiting.set(target, rest);
  return whole.slice(0, whole.length - rest.length).replace(ESCAPES, "").replaceAll("\x1b", "");
}

function append(event) {
  const { submission, step, stream, offset, text } = JSON.parse(event.data);
  const target = pane(submission, step, stream);
  if (!target) return;
  if (offset === 0) target.textContent = ""; // a new attempt, or a replay from the start
  const atEnd = target.scrollTop + target.clientHeight >= target.scrollHeight - 8;
  target.append(plain(target, text));
  if (target.textContent.length > MAX_CHARACTERS) target.textContent = target.textContent.slice(-MAX_CHARACTERS / 2);
  if (atEnd) target.scrollTop = target.scrollHeight;
}

/** The report has changed: the frame shows the new one, and nothing else on the page moves. */
function showReport(event) {
  const { submission, version, url } = JSON.parse(event.data);
  if (String(submission) !== live.dataset.submission) return;
  const part = document.querySelector('[data-part="report"]');
  if (!part) return refresh({ logs: false });
  if (part.dataset.version === version) return undefined;
  part.dataset.version = version;
  part.querySelector("iframe").src = url;
  return undefined;
}

/** Put fresh children in the place of old ones; parts of the same name and version stay where they are, untouched: a
 * frame that is moved loads again. */
function merge(old, fresh) {
  const parts = new Map([...old.children].filter((e) => e.dataset.part).map((e) => [e.dataset.part, e]));
  let at = old.firstElementChild;
  const dropUntil = (end) => {
    while (at && at !== end) {
      const gone = at;
      at = at.nextElementSibling;
      gone.remove();
    }
  };
  for (const next of [...fresh.children]) {
    const same = next.dataset.part ? parts.get(next.dataset.part) : undefined;
    if (same && same.dataset.version === next.dataset.version) {
      dropUntil(same);
      at = same.nextElementSibling;
    } else {
      old.insertBefore(next, at);
    }
  }
  dropUntil(null);
}

let wanted = false;
let busy = false;

/** Put the server's present account of the submission in place; what is open, scrolled to and focused stays so. */
async function refresh({ logs }) {
  wanted = true;
  if (busy) return;
  busy = true;
  while (wanted) {
    wanted = false;
    const answer = await fetch(live.dataset.state).catch(() => null);
    if (!answer?.ok) break;
    const holder = document.createElement("template");
    holder.innerHTML = await answer.text();
    const fresh = holder.content.querySelector("#state");
    const old = document.querySelector("#state");
    const [oldLogs, freshLogs] = [old, fresh].map((state) => state.querySelector('[data-part="logs"]'));
    if (!logs && oldLogs && freshLogs) freshLogs.dataset.version = oldLogs.dataset.version;
    localizeTimes(fresh);
    old.dataset.status = fresh.dataset.status;
    old.toggleAttribute("data-over", fresh.hasAttribute("data-over"));
    merge(old.firstElementChild, fresh.firstElementChild);
    old.lastElementChild.replaceWith(fresh.lastElementChild);
  }
  busy = false;
}

/** Without a stream the page looks by itself. */
async function poll() {
  await refresh({ logs: true });
  if (!document.querySelector("#state[data-over]")) setTimeout(poll, POLL_MS);
}

/** While it waits, its place moves with what happens to others, of which no event tells. */
async function watchPlace() {
  const state = document.querySelector("#state");
  if (state.dataset.status !== WAITING) return;
  if (!document.hidden) await refresh({ logs: false });
  setTimeout(watchPlace, POLL_MS);
}

function follow() {
  const source = new EventSource(live.dataset.events);
  source.addEventListener("log", append);
  source.addEventListener("status", () => refresh({ logs: false }));
  source.addEventListener("detailed_results", showReport);
  source.addEventListener("child", () => refresh({ logs: false }));
  source.addEventListener("end", () => {
    source.close();
    refresh({ logs: true });
  });
  source.addEventListener("error", () => {
    if (source.readyState === EventSource.CLOSED) poll(); // refused for good: too many streams are open, for one
  });
  window.addEventListener("pagehide", () => source.close());
}

if (live) {
  follow();
  setTimeout(watchPlace, POLL_MS);
}
