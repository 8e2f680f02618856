// Chooses all rows of a list at once and tells how many are chosen. Without it the boxes work one by one.

import { say } from "./words.js";

for (const form of document.querySelectorAll("[data-select]")) {
  const all = form.querySelector("[data-select-all]");
  const boxes = [...form.querySelectorAll('tbody input[type="checkbox"]')];
  const count = form.querySelector("[data-select-count]");
  const before = count.textContent;
  const tell = () => {
    const chosen = boxes.filter((box) => box.checked).length;
    all.checked = chosen === boxes.length;
    all.indeterminate = chosen > 0 && chosen < boxes.length;
    count.textContent = chosen ? say("{count} chosen", { count: chosen }) : before;
  };
  all.hidden = false;
  all.addEventListener("change", () => {
    for (const box of boxes) box.checked = all.checked;
    tell();
  });
  form.addEventListener("change", tell);
  tell();
}
