// Forms that take long to fill in: what was typed and not saved is kept in this browser, and offered when the page is
// opened again; buttons that lose something ask first.

import { say } from "./words.js";

const PREFIX = "podium-draft:";
const DAYS = 7;
const SENT = "podium-draft-sent";

function written(form) {
  const values = {};
  for (const field of form.elements) {
    if (!field.name || field.type === "hidden" || field.type === "file" || field.tagName === "BUTTON") continue;
    values[field.name] = field.type === "checkbox" ? field.checked : field.value;
  }
  return values;
}

function fill(form, values) {
  for (const [name, value] of Object.entries(values)) {
    const field = form.elements.namedItem(name);
    if (!field || field.type === "hidden" || field.type === "file") continue;
    const folded = field.closest?.("details:not([open])");
    if (folded && value !== (field.type === "checkbox" ? field.checked : field.value)) folded.open = true;
    if (field.type === "checkbox") field.checked = value;
    else field.value = value;
  }
}

function same(one, other) {
  return JSON.stringify(one) === JSON.stringify(other);
}

function offer(form, draft, forget) {
  const notice = document.createElement("div");
  notice.className = "notice";
  notice.setAttribute("role", "status");
  const text = document.createElement("span");
  text.textContent = say("What you wrote here earlier was not saved.");
  const take = document.createElement("button");
  take.type = "button";
  take.className = "button button--small";
  take.textContent = say("Take it back in");
  const drop = document.createElement("button");
  drop.type = "button";
  drop.className = "button button--small button--quiet";
  drop.textContent = say("Forget it");
  take.addEventListener("click", () => {
    fill(form, draft);
    notice.remove();
  });
  drop.addEventListener("click", () => {
    forget();
    notice.remove();
  });
  const words = document.createElement("div");
  words.className = "cluster";
  words.append(text, take, drop);
  notice.append(words);
  form.before(notice);
}

function keepDraft(form) {
  const key = `${PREFIX}${document.body.dataset.person}:${location.pathname}`; // others use this browser, too
  const before = written(form);
  const forget = () => localStorage.removeItem(key);
  try {
    const kept = JSON.parse(localStorage.getItem(key) ?? "null");
    if (kept && Date.now() - kept.when < DAYS * 864e5 && !same(kept.values, before)) offer(form, kept.values, forget);
    else forget();
  } catch {
    forget();
  }
  form.addEventListener("submit", (event) => {
    // It is kept until a page says that it was saved: the way there may lead over a log-in, or nowhere.
    if (!event.defaultPrevented) sessionStorage.setItem(SENT, key);
  });
  form.addEventListener("input", () => {
    const values = written(form);
    if (same(values, before)) forget();
    else localStorage.setItem(key, JSON.stringify({ when: Date.now(), values }));
  });
}

const sent = sessionStorage.getItem(SENT);
if (sent && document.querySelector(".notice--good")) localStorage.removeItem(sent);
sessionStorage.removeItem(SENT);
for (const form of document.querySelectorAll("form[data-draft]")) keepDraft(form);
// Before the listener that lets no form be sent twice, which must not count what was called off.
document.addEventListener(
  "submit",
  (event) => {
    const question = event.submitter?.dataset.sure;
    if (question && !confirm(question)) event.preventDefault();
  },
  true,
);
