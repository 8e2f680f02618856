// Uploads a chosen file straight to storage, with progress, and then sends the form with the file's key in place of
// the file. Without scripts the form sends the file itself.

const units = ["bytes", "KB", "MB", "GB"];

function sizeText(bytes) {
  let size = bytes;
  let unit = 0;
  while (size >= 1000 && unit < units.length - 1) {
    size /= 1000;
    unit += 1;
  }
  return `${unit ? size.toFixed(1) : size} ${units[unit]}`;
}

/** The first sentence in an error answer of the API. */
function reason(body, status) {
  if (typeof body === "string") return body;
  for (const [name, value] of Object.entries(body ?? {})) {
    if (name !== "code") return Array.isArray(value) ? value.join(" ") : String(value);
  }
  return `The server answered ${status}.`;
}

async function announce(file, type, token) {
  const answer = await fetch("/api/datasets/", {
    method: "POST",
    headers: { "Content-Type": "application/json", "X-CSRFToken": token },
    body: JSON.stringify({ type, request_sassy_file_name: file.name, file_name: file.name, file_size: file.size }),
  });
  const body = await answer.json().catch(() => null);
  if (!answer.ok) throw new Error(reason(body, answer.status));
  return body;
}

/** The address to upload to; a local one is asked for at the origin that the page came from, whatever its public name. */
function target(url) {
  const parsed = new URL(url, location.href);
  return parsed.pathname.startsWith("/files/") ? parsed.pathname + parsed.search : parsed.href;
}

function put(url, file, onProgress) {
  return new Promise((resolve, reject) => {
    const request = new XMLHttpRequest();
    request.open("PUT", target(url));
    request.setRequestHeader("Content-Type", "application/zip");
    request.upload.addEventListener("progress", (event) => onProgress(event.loaded, event.total || file.size));
    request.addEventListener("load", () => {
      if (request.status >= 200 && request.status < 300) resolve();
      else reject(new Error(request.responseText.slice(0, 300) || `The server answered ${request.status}.`));
    });
    request.addEventListener("error", () => reject(new Error("The connection broke. Check it and try again.")));
    request.send(file);
  });
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
  label.textContent = kept ? "Your file is uploaded. Choose another to replace it" : "Choose a zip file, or drop it here";
  drop.classList.add("is-live"); // the input itself is out of sight now; its label fills the whole box

  function show(file) {
    if (!file) return;
    key.value = "";
    error.textContent = "";
    label.textContent = file.name;
    hint.textContent = `${sizeText(file.size)}. Click or drop to choose another file.`;
  }

  function progress(loaded, total) {
    bar.value = total ? (100 * loaded) / total : 100;
    text.textContent = `${sizeText(loaded)} of ${sizeText(total)}`;
  }

  async function send(event) {
    const file = input.files[0];
    if (!file || event.defaultPrevented) return;
    event.preventDefault();
    button.disabled = true;
    box.hidden = false;
    error.textContent = "";
    try {
      if (file.size === 0) throw new Error(`${file.name} is empty.`);
      progress(0, file.size);
      const token = form.querySelector('input[name="csrfmiddlewaretoken"]').value;
      const dataset = await announce(file, form.dataset.upload, token);
      await put(dataset.sassy_url, file, progress);
      text.textContent = "Uploaded. Checking…";
      key.value = dataset.key;
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
