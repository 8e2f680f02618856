// Security keys: what goes wrong with one is said on the page, and Return does what the button does.

import { say } from "./words.js";

function reason(exception) {
  if (!window.isSecureContext || !window.PublicKeyCredential) return say("Browsers use security keys on https pages only.");
  if (exception?.name === "InvalidStateError") return say("This key is here already. Use another one.");
  if (exception?.name === "NotAllowedError") {
    return say("No key answered: it took too long, was called off, or is not one of this account. Try again.");
  }
  return say("The key could not be used. Try again, or use another one.");
}

function tell(text) {
  const place = document.querySelector("[data-key-error]");
  place.hidden = !text;
  place.lastElementChild.textContent = text;
}

document.addEventListener("allauth.error", (event) => {
  event.preventDefault();
  tell(reason(event.detail.exception));
});

for (const button of document.querySelectorAll("[data-key]")) {
  button.addEventListener("click", () => tell(""));
  button.form.addEventListener(
    "submit",
    (event) => {
      event.preventDefault(); // without a key there is nothing to send; with one it is sent by a script
      event.stopPropagation();
      button.click();
    },
    true,
  );
}
