// Follows a submission while it is under way: log output is appended as it comes, and the state is fetched again from
// the server whenever it changes, so that what the page says is written in one place only.

import { localizeTimes } from "./page.js";

const MAX_CHARACTERS = 256_000;
const live = document.querySelector("[data-live]");

function title(step, stream) {
  const words = JSON.parse(document.querySelector("#panes").dataset.streams);
  return `${step.charAt(0).toUpperCase()}${step.slice(1)}: ${words[stream] ?? stream}`;
}

/** The pane of a program stream; made when its first output comes. */
function pane(step, stream) {
  const panes = document.querySelector("#panes");
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

function append(event) {
  const { submission, step, stream, offset, text } = JSON.parse(event.data);
  if (String(submission) !== live.dataset.submission) return;
  const target = pane(step, stream);
  if (!target) return;
  if (offset === 0) target.textContent = ""; // a new attempt, or a replay from the start
  const atEnd = target.scrollTop + target.clientHeight >= target.scrollHeight - 8;
  target.append(text);
  if (target.textContent.length > MAX_CHARACTERS) target.textContent = target.textContent.slice(-MAX_CHARACTERS / 2);
  if (atEnd) target.scrollTop = target.scrollHeight;
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
    const oldPanes = old.querySelector("#panes");
    if (!logs && oldPanes) fresh.querySelector("#panes")?.replaceWith(oldPanes);
    if (!logs && oldPanes?.children.length) fresh.querySelector("#no-output")?.setAttribute("hidden", "");
    localizeTimes(fresh);
    old.replaceWith(fresh);
  }
  busy = false;
}

function follow() {
  const source = new EventSource(live.dataset.events);
  source.addEventListener("log", append);
  source.addEventListener("status", () => refresh({ logs: false }));
  source.addEventListener("child", () => refresh({ logs: false }));
  source.addEventListener("end", () => {
    source.close();
    refresh({ logs: true });
  });
  window.addEventListener("pagehide", () => source.close());
}

if (live) follow();
