"""Checks that every page has to pass: well nested, no double ids, labelled, and nothing that the policy would block."""

from __future__ import annotations

from html.parser import HTMLParser

_VOID = {"area", "base", "br", "col", "hr", "img", "input", "link", "meta", "source", "track", "wbr"}
_VOID_IN_SVG = {"path", "rect", "circle", "line"}
_NO_LABEL_NEEDED = {"hidden", "submit", "button"}


class Page(HTMLParser):
    """A parsed page and what is wrong with it."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.faults: list[str] = []
        self.ids: set[str] = set()
        self.labelled: set[str] = set()
        self.inputs: list[dict[str, str | None]] = []
        self.links: list[str] = []
        self.headings: list[str] = []
        self.words: list[str] = []
        self.values: dict[str, str] = {}
        """What a browser would send of all forms of the page as they are, by name; of equal names the last."""
        self._open: list[str] = []
        self._select = self._textarea = ""
        self.feed(text)
        self.close()
        self.faults += [f"never closed: <{tag}>" for tag in self._open]
        self.faults += [
            f"no label: {given}"
            for given in self.inputs
            if given.get("id") not in self.labelled and "aria-label" not in given
        ]
        if self.headings.count("h1") != 1:
            self.faults.append(f"{self.headings.count('h1')} first headings")

    @property
    def text(self) -> str:
        """What a reader reads, with single spaces."""
        return " ".join(" ".join(self.words).split())

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = dict(attrs)
        if len(given) != len(attrs):
            self.faults.append(f"an attribute twice: {self.get_starttag_text()}")
        if (name := given.get("id")) is not None:
            if name in self.ids:
                self.faults.append(f"an id twice: {name}")
            self.ids.add(name)
        if "style" in given or any(key.startswith("on") for key in given):
            self.faults.append(f"inline style or script: {self.get_starttag_text()}")
        if tag == "style" or (tag == "script" and not given.get("src") and given.get("type") != "application/json"):
            self.faults.append(f"inline <{tag}>")
        for key in ("src", "href"):
            if tag != "a" and (given.get(key) or "").startswith(("http:", "https:", "//")):
                self.faults.append(f"loaded from another site: {given[key]}")
        if tag == "label" and given.get("for"):
            self.labelled.add(str(given["for"]))
        if tag in {"input", "select", "textarea"} and given.get("type") not in _NO_LABEL_NEEDED:
            self.inputs.append(given)
        self._keep_value(tag, given)
        if tag == "a" and given.get("href"):
            self.links.append(str(given["href"]))
        if tag in {"h1", "h2", "h3"}:
            self.headings.append(tag)
        if tag not in _VOID:
            self._open.append(tag)

    def _keep_value(self, tag: str, given: dict[str, str | None]) -> None:
        name, value = given.get("name") or "", given.get("value")
        if tag == "input" and name and given.get("type") not in {"file", "submit"}:
            if given.get("type") not in {"checkbox", "radio"}:
                self.values[name] = value or ""
            elif "checked" in given:
                self.values[name] = value or "on"
        elif tag == "select":
            self._select = name
        elif tag == "option" and self._select and ("selected" in given or self._select not in self.values):
            self.values[self._select] = value or ""
        elif tag == "textarea":
            self._textarea, self.values[name] = name, ""

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.handle_starttag(tag, attrs)
        if tag not in _VOID:
            self._open.pop()

    def handle_endtag(self, tag: str) -> None:
        if not self._open or self._open[-1] != tag:
            self.faults.append(f"</{tag}> closes <{self._open[-1] if self._open else 'nothing'}>, {self.getpos()}")
        if tag in self._open:
            while self._open.pop() != tag:
                pass

    def handle_data(self, data: str) -> None:
        if self._open and self._open[-1] == "textarea":
            self.values[self._textarea] = data.removeprefix("\n")
        if not self._open or self._open[-1] not in {"script", "style", "title"}:
            self.words.append(data)
