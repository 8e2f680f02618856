// Pictures in the text of a page: chosen, pasted or dropped, they come to where the cursor is, without a new page.
// Without it the button beside the field sends the form, which comes back with the picture at the end of the text.

import { say } from "./words.js";

const form = document.querySelector("form[data-pictures]");
const text = form.elements.namedItem("content");
let cursor = text.value.length; // until somebody has been in the text

function parts() {
  return form.querySelector("#pictures");
}

function showButtons() {
  parts().querySelector("[name=add]").hidden = true; // what is chosen is added at once
  for (const button of parts().querySelectorAll("[data-insert]")) button.hidden = false;
}

/** Take over what was typed meanwhile: everything but the text, which is locked as long as it takes. */
function replaceText(value, at) {
  text.value = value;
  cursor = at;
  text.setSelectionRange(at, at);
  text.dispatchEvent(new Event("input", { bubbles: true }));
}

function told(words) {
  let note = parts().querySelector("[role=status]");
  if (!note) {
    note = document.createElement("p");
    note.className = "small muted";
    note.setAttribute("role", "status");
    parts().querySelector(".form__line").after(note);
  }
  note.textContent = words;
}

async function add(file) {
  const body = new FormData(form);
  body.set("picture", file);
  body.set("add", "");
  body.set("at", [...text.value.slice(0, cursor)].length);
  told(say("The picture is being added."));
  text.readOnly = true;
  try {
    const answer = await fetch(location.href, { method: "POST", body });
    const theirs = new DOMParser().parseFromString(await answer.text(), "text/html").querySelector("form[data-pictures]");
    if (!theirs) throw new Error(answer.statusText);
    const rest = text.value.length - cursor;
    parts().replaceWith(document.adoptNode(theirs.querySelector("#pictures")));
    showButtons();
    if (answer.ok) {
      const value = theirs.elements.namedItem("content").value;
      replaceText(value, Math.max(0, value.trimEnd().length - (rest ? rest + 2 : 0)));
      told(say("The picture is in the text."));
    }
  } catch {
    told(say("The picture could not be sent. What you wrote is still here: try again."));
  } finally {
    text.readOnly = false;
    text.focus();
  }
}

function pictureOf(transfer) {
  return [...(transfer?.files ?? [])].find((file) => file.type.startsWith("image/"));
}

document.addEventListener("selectionchange", () => {
  if (document.activeElement === text) cursor = text.selectionStart;
});
text.addEventListener("paste", (event) => {
  const file = pictureOf(event.clipboardData);
  if (!file) return;
  event.preventDefault();
  cursor = text.selectionStart;
  add(file);
});
text.addEventListener("dragover", (event) => event.preventDefault());
text.addEventListener("drop", (event) => {
  const file = pictureOf(event.dataTransfer);
  if (!file) return;
  event.preventDefault();
  cursor = text.selectionStart;
  add(file);
});
form.addEventListener("change", (event) => {
  if (event.target.name === "picture" && event.target.files[0]) add(event.target.files[0]);
});
form.addEventListener("click", (event) => {
  const words = event.target.closest("[data-insert]")?.dataset.insert;
  if (!words) return;
  const [before, after] = [text.value.slice(0, cursor), text.value.slice(cursor)];
  replaceText(before + words + after, before.length + 2); // between the brackets
  text.focus();
});
showButtons();
