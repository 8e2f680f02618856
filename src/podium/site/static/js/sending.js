// Puts a file into storage in parts, and is patient: a connection that breaks is waited for, and what has arrived is not
// sent again.

import { say } from "./words.js";

const SIDE_BY_SIDE = 3;
/** How long a connection that is gone is waited for; then the page says so, and the upload can be gone on with. */
const PATIENCE_MS = 10 * 60_000;
const LONGEST_PAUSE_MS = 10_000;
/** A request of which nothing has moved for so long is taken for broken: a cable that is pulled is told to nobody. */
const STALLED_MS = 45_000;

/** The connection, or the server behind it, failed: what was asked may be asked again. */
export class Broken extends Error {}

/** Somebody called the upload off. */
export class Stopped extends Error {}

/** The first sentence in an error answer of the API, and the field that it is about. */
function reason(body, status) {
  if (typeof body === "string") return [body];
  for (const [name, value] of Object.entries(body ?? {})) {
    if (name === "code") continue;
    const field = body.code === "duplicate_name" ? "name" : name; // which Codabench says of the whole
    return [Array.isArray(value) ? value.join(" ") : String(value), field];
  }
  return [say("The server answered {status}.", { status })];
}

async function ask(method, url, token, body) {
  const answer = await fetch(url, {
    method,
    headers: { "Content-Type": "application/json", "X-CSRFToken": token },
    body: body && JSON.stringify(body),
  }).catch(() => {
    throw new Broken(say("The connection broke."));
  });
  const told = answer.status === 204 ? null : await answer.json().catch(() => null);
  if (answer.ok) return told;
  const [text, field] = reason(told, answer.status);
  throw Object.assign(new (answer.status >= 500 ? Broken : Error)(text), { field });
}

/** The address to upload to; a local one is asked for at the origin that the page came from, whatever its public name. */
function target(url) {
  const parsed = new URL(url, location.href);
  return parsed.pathname.startsWith("/files/") ? parsed.pathname + parsed.search : parsed.href;
}

function put(url, data, headers, signal, onProgress) {
  return new Promise((resolve, reject) => {
    const request = new XMLHttpRequest();
    const broken = (text) => reject(new Broken(text));
    let stalled;
    const moved = () => {
      clearTimeout(stalled);
      stalled = setTimeout(() => request.abort(), STALLED_MS);
    };
    request.open("PUT", target(url));
    for (const [name, value] of Object.entries(headers)) request.setRequestHeader(name, value);
    request.upload.addEventListener("progress", (event) => {
      moved();
      onProgress(event.loaded);
    });
    request.addEventListener("load", () => {
      const said = say("The server answered {status}.", { status: request.status });
      if (request.status >= 200 && request.status < 300) resolve();
      else if (request.status >= 500) broken(said);
      else reject(new Error(request.responseText.slice(0, 300) || said));
    });
    request.addEventListener("error", () => broken(say("The connection broke.")));
    request.addEventListener("abort", () => broken(say("The connection broke.")));
    request.addEventListener("loadend", () => clearTimeout(stalled));
    signal.addEventListener("abort", () => request.abort(), { once: true });
    moved();
    request.send(data);
  });
}

/** Until the connection is back, as far as the browser knows, but not longer than a while. */
function pause(milliseconds, signal) {
  return new Promise((resolve) => {
    const timer = setTimeout(resolve, milliseconds);
    for (const [from, name] of [[window, "online"], [signal, "abort"]]) {
      from.addEventListener(name, () => (clearTimeout(timer), resolve()), { once: true });
    }
  });
}

/** Until there is a connection, as far as the browser knows: a form that is sent without one takes the page's place. */
export async function connected(signal, waits) {
  while (!navigator.onLine) {
    if (signal.aborted) throw new Stopped();
    waits(true);
    await pause(LONGEST_PAUSE_MS, signal);
  }
  waits(false);
}

/** Do it again and again where the connection breaks; `waits(true)` is called while nothing goes, `waits(false)` after. */
async function patiently(act, signal, waits) {
  const began = Date.now();
  for (let tried = 0; ; tried += 1) {
    if (signal.aborted) throw new Stopped();
    try {
      const done = await act();
      if (tried) waits(false);
      return done;
    } catch (fault) {
      if (signal.aborted) throw new Stopped();
      if (!(fault instanceof Broken) || Date.now() - began > PATIENCE_MS) throw fault;
      waits(true);
      await pause(Math.min(500 * 2 ** tried, LONGEST_PAUSE_MS), signal);
    }
  }
}

/** One part with its digest. */
async function sendPart(url, blob, signal, waits, onProgress) {
  const digest = new Uint8Array(await crypto.subtle.digest("SHA-256", await blob.arrayBuffer()));
  const headers = { "Content-Digest": `sha-256=:${btoa(String.fromCharCode(...digest))}:` };
  const act = () => put(url, blob, headers, signal, onProgress);
  await patiently(act, signal, (waiting) => {
    if (waiting) onProgress(0);
    waits(waiting);
  });
}

/** A file on its way; kept where it broke off, so that the same file can be gone on with. */
export class Sending {
  constructor(file, facts, token) {
    this.file = file;
    this.facts = facts;
    this.token = token;
    this.announced = null;
    this.sent = new Map(); // bytes by part
    this.arrived = new Set();
  }

  /** Whether this is the sending of that file, said to be the same. */
  isOf(file, facts) {
    return this.file === file && JSON.stringify(this.facts) === JSON.stringify(facts);
  }

  /** The bytes that have been sent. */
  get loaded() {
    return [...this.sent.values()].reduce((sum, one) => sum + one, 0);
  }

  /** Send what has not arrived; returns the key of the file. tell: `progress(sent, size)` and `waits(whether)`. */
  async run(tell, signal) {
    if (!crypto.subtle) return this.#whole(tell, signal); // only HTTPS and this machine make digests
    const said = { ...this.facts, file_name: this.file.name, file_size: this.file.size };
    this.announced ??= await patiently(() => ask("POST", "/api/uploads/", this.token, said), signal, tell.waits);
    const waiting = Array.from({ length: this.announced.parts }, (_, index) => index).filter(
      (index) => !this.arrived.has(index),
    );
    const work = async () => {
      for (let index = waiting.shift(); index !== undefined; index = waiting.shift()) await this.#part(index, tell, signal);
    };
    try {
      await Promise.all(Array.from({ length: SIDE_BY_SIDE }, work));
    } catch (fault) {
      waiting.length = 0;
      if (!(fault instanceof Broken)) await this.forget();
      throw fault;
    }
    return this.announced.key;
  }

  /** Give back what it holds of the quota. */
  async forget() {
    if (!this.announced) return;
    await ask("DELETE", `/api/uploads/${this.announced.key}/`, this.token).catch(() => null);
    this.announced = null;
    this.sent.clear();
    this.arrived.clear();
  }

  async #part(index, tell, signal) {
    const { part_size: size, part_url: url } = this.announced;
    const blob = this.file.slice(index * size, (index + 1) * size);
    const count = (loaded) => {
      this.sent.set(index, loaded);
      tell.progress(this.loaded, this.file.size);
    };
    await sendPart(url.replace("{part}", index + 1), blob, signal, tell.waits, count);
    this.arrived.add(index);
    count(blob.size);
  }

  async #whole(tell, signal) {
    const { name, size } = this.file;
    const said = { ...this.facts, request_sassy_file_name: name, file_name: name, file_size: size };
    const dataset = await ask("POST", "/api/datasets/", this.token, said);
    const headers = { "Content-Type": "application/zip" };
    await put(dataset.sassy_url, this.file, headers, signal, (loaded) => tell.progress(loaded, size));
    return dataset.key;
  }
}
