// Uploads a chosen file straight to storage, in parts and with progress, and then sends the form with the file's key in
// place of the file. Without scripts the form sends the file itself.

import { Broken, Sending, Stopped, connected } from "./sending.js";
import { say } from "./words.js";

const language = document.documentElement.lang;
const units = [say("{number} bytes"), say("{number} KB"), say("{number} MB"), say("{number} GB")];
const tenths = new Intl.NumberFormat(language, { minimumFractionDigits: 1, maximumFractionDigits: 1, useGrouping: false });
const shares = new Intl.NumberFormat(language, { style: "percent" });

function sizeText(bytes) {
  let size = bytes;
  let unit = 0;
  while (size >= 1000 && unit < units.length - 1) {
    size /= 1000;
    unit += 1;
  }
  return units[unit].replace("{number}", unit ? tenths.format(size) : size);
}

/** A span in whole minutes, or in seconds where it is short, in the language's own plural. */
function spanText(seconds) {
  const [unit, value] = seconds < 90 ? ["second", Math.max(1, Math.round(seconds))] : ["minute", Math.round(seconds / 60)];
  return new Intl.NumberFormat(language, { style: "unit", unit, unitDisplay: "long" }).format(value);
}

/** What is said of the file before it goes: its type, and its name where the form asks for one. */
function factsOf(form) {
  if (form.dataset.upload) return { type: form.dataset.upload };
  return { type: form.elements.namedItem("type").value, name: form.elements.namedItem("name").value };
}

/** Zip files end with this, and a comment of 64 kB at most. */
const ZIP_END = "PK\x05\x06";
const ZIP_TAIL = 22 + 0xffff;

/** Refuse before anything is sent what the server would refuse after all of it was. */
async function look(file, { zip }) {
  if (file.size === 0) throw new Error(say("{name} is empty.", { name: file.name }));
  if (!zip) return;
  const tail = new TextDecoder("latin1").decode(await file.slice(-ZIP_TAIL).arrayBuffer());
  if (!tail.includes(ZIP_END)) throw new Error(say("{name} is not a zip file, or its end is missing.", { name: file.name }));
}

const SURE_AFTER_MS = 4_000;

/** What the line below the bar says: how much, and how long it will take once that can be told. */
function teller(bar, text, aloud, before, size) {
  const began = Date.now();
  let waiting = false;
  let latest = [before, size];
  const show = () => {
    const [loaded, total] = latest;
    bar.value = total ? (100 * loaded) / total : 100;
    const words = { sent: sizeText(loaded), size: sizeText(total), share: shares.format(total ? loaded / total : 1) };
    const took = Date.now() - began;
    aloud.textContent = waiting ? say("The connection broke. The upload goes on when it is back.") : "";
    text.hidden = waiting;
    if (took > SURE_AFTER_MS && loaded > before && loaded < total) {
      const left = spanText((took * (total - loaded)) / (loaded - before) / 1000);
      text.textContent = say("{sent} of {size} ({share}), about {left} left", { ...words, left });
    } else text.textContent = say("{sent} of {size} ({share})", words);
  };
  show();
  return {
    progress(loaded, total) {
      if (loaded > latest[0]) waiting = false;
      latest = [loaded, total];
      show();
    },
    waits(whether) {
      waiting = whether;
      show();
    },
  };
}

/** Say it beside the field that it is about, where the form shows such a field; the field then has the focus. */
function sayBeside(form, name, text) {
  const field = name && form.elements.namedItem(name);
  if (!field || field.type === "hidden" || field.type === "file") return false;
  const told = document.createElement("div");
  told.className = "field__error";
  told.setAttribute("role", "alert");
  told.dataset.uploadSaid = "";
  told.textContent = text;
  field.setAttribute("aria-invalid", "true");
  field.after(told);
  field.focus();
  return true;
}

function forgetSaid(form) {
  for (const told of form.querySelectorAll("[data-upload-said]")) {
    told.previousElementSibling.removeAttribute("aria-invalid");
    told.remove();
  }
}

function connect(form) {
  const input = form.querySelector('input[type="file"]');
  const key = form.querySelector('input[name="data_key"]');
  const drop = form.querySelector("[data-drop]");
  const hint = form.querySelector("[data-drop-hint]");
  const box = form.querySelector("[data-upload-progress]");
  const bar = box.querySelector("progress");
  const text = form.querySelector("[data-upload-text]");
  const aloud = form.querySelector("[data-upload-aloud]");
  const stop = form.querySelector("[data-upload-stop]");
  const error = form.querySelector("[data-upload-error]");
  const button = form.querySelector(".form__actions .button--main");

  const label = drop.querySelector("label");
  const kept = key.value !== ""; // uploaded already; the form came back for another reason
  label.textContent = kept
    ? say("Your file is uploaded. Choose another to replace it")
    : say("Choose a zip file, or drop it here");
  drop.classList.add("is-live"); // the input itself is out of sight now; its label fills the whole box

  let sending = null;
  let stopping = null;

  function show(file) {
    if (!file) return;
    key.value = "";
    error.textContent = "";
    label.textContent = file.name;
    hint.textContent = say("{size}. Click or drop to choose another file.", { size: sizeText(file.size) });
  }

  /** While a file goes, the page asks before it is left, and takes no other file. */
  function lock(whether) {
    button.disabled = whether;
    input.disabled = whether;
    box.hidden = !whether;
    if (whether) window.addEventListener("beforeunload", ask);
    else window.removeEventListener("beforeunload", ask);
  }

  function ask(event) {
    event.preventDefault();
  }

  function refuse(fault) {
    lock(false);
    delete form.dataset.sent;
    if (fault instanceof Stopped) {
      error.textContent = say("Stopped. Nothing was submitted.");
      button.focus();
      return;
    }
    if (sayBeside(form, fault.field, fault.message)) return;
    error.textContent = fault instanceof Broken
      ? `${fault.message} ${say("Try again: the upload goes on where it broke off.")}`
      : fault.message;
    (fault instanceof Broken ? button : input).focus();
  }

  async function send(event) {
    const file = input.files[0];
    if (!file || event.defaultPrevented) return;
    event.preventDefault();
    error.textContent = "";
    forgetSaid(form);
    const token = form.querySelector('input[name="csrfmiddlewaretoken"]').value;
    const facts = factsOf(form);
    stopping = new AbortController();
    lock(true);
    try {
      await look(file, { zip: form.dataset.upload !== "" });
      if (!sending?.isOf(file, facts)) {
        sending?.forget();
        sending = new Sending(file, facts, token);
      }
      const tell = teller(bar, text, aloud, sending.loaded, file.size);
      const sentKey = await sending.run(tell, stopping.signal);
      await connected(stopping.signal, tell.waits);
      key.value = sentKey;
      text.hidden = false;
      text.textContent = say("Uploaded. Checking…");
      stop.hidden = true;
      window.removeEventListener("beforeunload", ask);
      form.submit(); // the input is disabled: the key stands for the file
    } catch (fault) {
      refuse(fault);
    }
  }

  function choose(files) {
    if (!files.length || box.hidden === false) return;
    input.files = files;
    show(input.files[0]);
  }

  show(input.files[0]);
  input.addEventListener("change", () => show(input.files[0]));
  form.addEventListener("submit", send);
  stop.addEventListener("click", () => stopping?.abort());
  // Anywhere on the page: a file that misses the box would otherwise take the page's place.
  for (const name of ["dragenter", "dragover"]) {
    document.addEventListener(name, (event) => {
      if (!event.dataTransfer?.types.includes("Files")) return;
      event.preventDefault();
      drop.classList.add("is-over");
    });
  }
  document.addEventListener("dragleave", (event) => {
    if (!event.relatedTarget) drop.classList.remove("is-over");
  });
  document.addEventListener("drop", (event) => {
    drop.classList.remove("is-over");
    if (!event.dataTransfer?.types.includes("Files")) return;
    event.preventDefault();
    choose(event.dataTransfer.files);
  });
  window.addEventListener("pageshow", () => {
    lock(false);
    stop.hidden = false;
  });
}

for (const form of document.querySelectorAll("form[data-upload]")) connect(form);
