// What modules say. They have it in English; a page in another language carries the words of the modules that it loads.

const words = Object.assign(
  {},
  ...[...document.querySelectorAll('script[id^="words-"]')].map((block) => JSON.parse(block.textContent)),
);

/** A text in the language of the page, with `{name}` filled by the values. */
export function say(text, values = {}) {
  return (words[text] ?? text).replace(/\{(\w+)\}/g, (whole, name) => values[name] ?? whole);
}
