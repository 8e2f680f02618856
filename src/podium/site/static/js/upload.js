// Uploads a chosen file straight to storage, in parts and with progress, and then sends the form with the file's key in
// place of the file. Without scripts the form sends the file itself.

import { say } from "./words.js";

const units = [say("{number} bytes"), say("{number} KB"), say("{number} MB"), say("{number} GB")];
const tenths = new Intl.NumberFormat(document.documentElement.lang, {
  minimumFractionDigits: 1,
  maximumFractionDigits: 1,
  useGrouping: false,
});

function sizeText(bytes) {
  let size = bytes;
  let unit = 0;
  while (size >= 1000 && unit < units.length - 1) {
    size /= 1000;
    unit += 1;
  }
  return units[unit].replace("{number}", unit ? tenths.format(size) : size);
}

/** The first sentence in an error answer of the API. */
function reason(body, status) {
  if (typeof body === "string") return body;
  for (const [name, value] of Object.entries(body ?? {})) {
    if (name !== "code") return Array.isArray(value) ? value.join(" ") : String(value);
  }
  return say("The server answered {status}.", { status });
}

async function ask(method, url, token, body) {
  const answer = await fetch(url, {
    method,
    headers: { "Content-Type": "application/json", "X-CSRFToken": token },
    body: body && JSON.stringify(body),
  });
  const told = answer.status === 204 ? null : await answer.json().catch(() => null);
  if (!answer.ok) throw new Error(reason(told, answer.status));
  return told;
}

/** The address to upload to; a local one is asked for at the origin that the page came from, whatever its public name. */
function target(url) {
  const parsed = new URL(url, location.href);
  return parsed.pathname.startsWith("/files/") ? parsed.pathname + parsed.search : parsed.href;
}

class Broken extends Error {}

function put(url, data, headers, onProgress) {
  return new Promise((resolve, reject) => {
    const request = new XMLHttpRequest();
    request.open("PUT", target(url));
    for (const [name, value] of Object.entries(headers)) request.setRequestHeader(name, value);
    request.upload.addEventListener("progress", (event) => onProgress(event.loaded));
    request.addEventListener("load", () => {
      if (request.status >= 200 && request.status < 300) resolve();
      else if (request.status >= 500) reject(new Broken(say("The server answered {status}.", { status: request.status })));
      else reject(new Error(request.responseText.slice(0, 300) || say("The server answered {status}.", { status: request.status })));
    });
    request.addEventListener("error", () => reject(new Broken(say("The connection broke. Check it and try again."))));
    request.send(data);
  });
}

const SIDE_BY_SIDE = 3;
const TRIES = 4;

/** One part with its digest; sent again by itself where the connection breaks. */
async function sendPart(url, blob, onProgress) {
  const digest = new Uint8Array(await crypto.subtle.digest("SHA-256", await blob.arrayBuffer()));
  const headers = { "Content-Digest": `sha-256=:${btoa(String.fromCharCode(...digest))}:` };
  for (let tried = 1; ; tried += 1) {
    try {
      return await put(url, blob, headers, onProgress);
    } catch (fault) {
      if (!(fault instanceof Broken) || tried === TRIES) throw fault;
      onProgress(0);
      await new Promise((resolve) => setTimeout(resolve, 500 * 2 ** tried));
    }
  }
}

/** Send the file in parts, some side by side; returns its key. The form completes the upload. */
async function sendParts(file, facts, token, progress) {
  const upload = await ask("POST", "/api/uploads/", token, { ...facts, file_name: file.name, file_size: file.size });
  const sent = new Map();
  const waiting = Array.from({ length: upload.parts }, (_, index) => index);
  const work = async () => {
    for (let index = waiting.shift(); index !== undefined; index = waiting.shift()) {
      const blob = file.slice(index * upload.part_size, (index + 1) * upload.part_size);
      const url = upload.part_url.replace("{part}", index + 1);
      const tell = (loaded) => {
        sent.set(index, loaded);
        progress([...sent.values()].reduce((sum, one) => sum + one, 0), file.size);
      };
      await sendPart(url, blob, tell);
      tell(blob.size);
    }
  };
  try {
    await Promise.all(Array.from({ length: SIDE_BY_SIDE }, work));
  } catch (fault) {
    waiting.length = 0;
    await ask("DELETE", `/api/uploads/${upload.key}/`, token).catch(() => null); // what it held of the quota is free
    throw fault;
  }
  return upload.key;
}

/** Where the browser makes no digests (only HTTPS and this machine do) the file goes in one piece. */
async function sendWhole(file, facts, token, progress) {
  const said = { ...facts, request_sassy_file_name: file.name, file_name: file.name, file_size: file.size };
  const dataset = await ask("POST", "/api/datasets/", token, said);
  await put(dataset.sassy_url, file, { "Content-Type": "application/zip" }, (loaded) => progress(loaded, file.size));
  return dataset.key;
}

/** What is said of the file before it goes: its type, and its name where the form asks for one. */
function factsOf(form) {
  if (form.dataset.upload) return { type: form.dataset.upload };
  return { type: form.elements.namedItem("type").value, name: form.elements.namedItem("name").value };
}

function connect(form) {
  const input = form.querySelector('input[type="file"]');
  const key = form.querySelector('input[name="data_key"]');
  const drop = form.querySelector("[data-drop]");
  const hint = form.querySelector("[data-drop-hint]");
  const box = form.querySelector("[data-upload-progress]");
  const bar = box.querySelector("progress");
  const text = form.querySelector("[data-upload-text]");
  const error = form.querySelector("[data-upload-error]");
  const button = form.querySelector(".form__actions .button--main");

  const label = drop.querySelector("label");
  const kept = key.value !== ""; // uploaded already; the form came back for another reason
  label.textContent = kept
    ? say("Your file is uploaded. Choose another to replace it")
    : say("Choose a zip file, or drop it here");
  drop.classList.add("is-live"); // the input itself is out of sight now; its label fills the whole box

  function show(file) {
    if (!file) return;
    key.value = "";
    error.textContent = "";
    label.textContent = file.name;
    hint.textContent = say("{size}. Click or drop to choose another file.", { size: sizeText(file.size) });
  }

  function progress(loaded, total) {
    bar.value = total ? (100 * loaded) / total : 100;
    text.textContent = say("{sent} of {size}", { sent: sizeText(loaded), size: sizeText(total) });
  }

  async function send(event) {
    const file = input.files[0];
    if (!file || event.defaultPrevented) return;
    event.preventDefault();
    button.disabled = true;
    box.hidden = false;
    error.textContent = "";
    try {
      if (file.size === 0) throw new Error(say("{name} is empty.", { name: file.name }));
      progress(0, file.size);
      const token = form.querySelector('input[name="csrfmiddlewaretoken"]').value;
      const sendFile = crypto.subtle ? sendParts : sendWhole;
      const sentKey = await sendFile(file, factsOf(form), token, progress);
      text.textContent = say("Uploaded. Checking…");
      key.value = sentKey;
      input.disabled = true; // the key stands for the file now
      form.submit();
    } catch (fault) {
      error.textContent = fault.message;
      box.hidden = true;
      button.disabled = false;
      delete form.dataset.sent;
    }
  }

  show(input.files[0]);
  input.addEventListener("change", () => show(input.files[0]));
  form.addEventListener("submit", send);
  for (const name of ["dragenter", "dragover"]) {
    drop.addEventListener(name, (event) => {
      event.preventDefault();
      drop.classList.add("is-over");
    });
  }
  for (const name of ["dragleave", "drop"]) drop.addEventListener(name, () => drop.classList.remove("is-over"));
  drop.addEventListener("drop", (event) => {
    event.preventDefault();
    if (event.dataTransfer.files.length) {
      input.files = event.dataTransfer.files;
      show(input.files[0]);
    }
  });
  window.addEventListener("pageshow", () => {
    input.disabled = false;
    button.disabled = false;
    box.hidden = true;
  });
}

for (const form of document.querySelectorAll("form[data-upload]")) connect(form);
