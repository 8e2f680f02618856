// What every page does once scripts run: times in the viewer's zone, the colour switch, menus that close, and
// buttons that are not pressed twice.

import { say } from "./words.js";

// The day before the month and 24 hours, as the server writes them; always with the zone, since deadlines hang on it.
const language = document.documentElement.lang === "en" ? "en-GB" : document.documentElement.lang || undefined;
const exact = new Intl.DateTimeFormat(language, {
  day: "numeric",
  month: "short",
  year: "numeric",
  hour: "2-digit",
  minute: "2-digit",
  timeZoneName: "short",
});

/** Show each time of UTC in the viewer's zone; the title keeps both. */
export function localizeTimes(root) {
  for (const element of root.querySelectorAll("time[data-local], time[data-relative]")) {
    const moment = new Date(element.dateTime);
    if (Number.isNaN(moment.getTime())) continue;
    const utc = element.dataset.utc ?? element.title;
    element.dataset.utc = utc;
    const local = exact.format(moment);
    if ("local" in element.dataset) {
      element.textContent = local;
      element.title = utc;
    } else {
      element.title = `${local} (${utc})`;
    }
  }
}

/** The moment that a field holds, in the viewer's zone and without one, as such fields want it. */
function localField(moment) {
  return new Date(moment.getTime() - moment.getTimezoneOffset() * 60_000).toISOString().slice(0, 16);
}

/** Let fields that are sent in UTC be written in the viewer's zone. */
function localizeField(input) {
  const given = new Date(`${input.value}Z`);
  if (!Number.isNaN(given.getTime())) input.value = localField(given);
  for (const text of [...input.labels].flatMap((label) => [...label.childNodes])) {
    if (text.nodeType === Node.TEXT_NODE) text.data = text.data.replace("(UTC)", say("(your time)"));
  }
  input.form.addEventListener("formdata", (event) => {
    const written = new Date(input.value);
    if (!Number.isNaN(written.getTime())) event.formData.set(input.name, written.toISOString().slice(0, 16));
  });
}

/** Let tables and code that are wider than their text be scrolled by keyboard; others are no stop on the way. */
export function reachScrolling(root) {
  for (const element of root.querySelectorAll(".prose table, .prose pre")) {
    if (element.scrollWidth > element.clientWidth) element.tabIndex = 0;
  }
}

// What is wrong with a form leads to its field, also to one that is folded away.
document.addEventListener("click", (event) => {
  const link = event.target.closest?.('.notice--bad a[href^="#"]');
  const field = link && document.getElementById(decodeURIComponent(link.hash.slice(1)));
  if (!field) return;
  event.preventDefault();
  const folded = field.closest("details:not([open])");
  if (folded) folded.open = true;
  field.focus();
});

const NEXT = { auto: "light", light: "dark", dark: "auto" };
const YEAR = 365 * 24 * 3600;

function switchTheme(event) {
  const button = event.submitter;
  if (button.name !== "theme") return; // another language comes from the server
  event.preventDefault();
  const chosen = button.value;
  const root = document.documentElement;
  const secure = location.protocol === "https:" ? "; secure" : "";
  if (chosen === "auto") {
    delete root.dataset.theme;
    document.cookie = `podium_theme=; path=/; max-age=0; samesite=lax${secure}`;
  } else {
    root.dataset.theme = chosen;
    document.cookie = `podium_theme=${chosen}; path=/; max-age=${YEAR}; samesite=lax${secure}`;
  }
  document.querySelector('meta[name="color-scheme"]').content = chosen === "auto" ? "light dark" : chosen;
  for (const one of document.querySelectorAll("button[name=theme]")) one.value = NEXT[chosen];
}

/** What opens over the page and closes when one goes elsewhere. */
const FOLDED = "details.menu[open], details.choose[open]";

function closeMenus(except) {
  for (const menu of document.querySelectorAll(FOLDED)) {
    if (menu !== except) menu.open = false;
  }
}

/** A button that copies the text of the element it names; without scripts the text is selected by one click. */
async function copyText(event) {
  const button = event.target.closest("button[data-copy]");
  if (!button) return;
  const source = document.getElementById(button.dataset.copy);
  const said = button.querySelector("[data-copied]");
  try {
    await navigator.clipboard.writeText(source.textContent.trim());
    said.textContent = say("Copied");
  } catch {
    getSelection().selectAllChildren(source); // no clipboard outside of HTTPS: what is selected can be copied by hand
    said.textContent = say("Selected");
  }
}

/** Menus that are wider than a phone begin where one is. */
function showCurrent() {
  for (const here of document.querySelectorAll(".top__nav [aria-current], .tabs [aria-current], .sidenav [aria-current]")) {
    const menu = here.parentElement;
    if (menu.scrollWidth > menu.clientWidth) menu.scrollLeft = here.offsetLeft - menu.offsetLeft - menu.clientWidth / 3;
  }
}

/** The key "/" leads to the search: to its field where one is on the page, else to its page. */
function find(event) {
  if (event.key !== "/" || event.ctrlKey || event.metaKey || event.altKey || event.defaultPrevented) return;
  if (event.target.closest("input, textarea, select, [contenteditable]")) return;
  const field = [...document.querySelectorAll("[data-find]")].find((one) => one.checkVisibility());
  const page = document.querySelector("[data-find-page]");
  if (!field && !page) return;
  event.preventDefault();
  if (field) field.select();
  else location.assign(page.href);
}

/** A picture that does not come gives way to what stands hidden behind it. */
function showInstead(image) {
  if (!("else" in image.dataset)) return;
  image.nextElementSibling.hidden = false;
  image.remove();
}

for (const image of document.querySelectorAll("img[data-else]")) {
  if (image.complete && image.naturalWidth === 0) showInstead(image);
}
document.addEventListener("error", (event) => event.target instanceof HTMLImageElement && showInstead(event.target), true);
showCurrent();
matchMedia("(max-width: 44rem)").addEventListener("change", showCurrent);
document.addEventListener("keydown", find);
document.addEventListener("click", copyText);
for (const button of document.querySelectorAll("button[data-copy]")) button.hidden = false;
for (const input of document.querySelectorAll("input[type=datetime-local][data-utc]")) localizeField(input);
document.querySelector("#look")?.addEventListener("submit", switchTheme);
document.addEventListener("click", (event) => closeMenus(event.target.closest("details.menu, details.choose")));
document.addEventListener("keydown", (event) => {
  if (event.key !== "Escape") return;
  const open = document.querySelector(FOLDED);
  closeMenus(null);
  open?.querySelector("summary").focus();
});
document.addEventListener("submit", (event) => {
  const form = event.target;
  if (form.method !== "post" || form.id === "look") return;
  if (form.dataset.sent !== undefined) {
    event.preventDefault();
    return;
  }
  if (!event.defaultPrevented) form.dataset.sent = "";
});
window.addEventListener("pageshow", () => {
  for (const form of document.querySelectorAll("form[data-sent]")) delete form.dataset.sent;
});
document.addEventListener("htmx:load", (event) => {
  const root = event.detail.elt.parentElement ?? document;
  localizeTimes(root);
  reachScrolling(root);
});
localizeTimes(document);
reachScrolling(document);
