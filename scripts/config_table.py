"""Writes the table of settings into the operators' documentation, from the settings module itself.

`python scripts/config_table.py` rewrites the page; a test fails when page and module differ.
"""

from __future__ import annotations

from pathlib import Path
from typing import Literal, get_args, get_origin

from pydantic.fields import FieldInfo

from podium.site.config import Config

PAGE = Path(__file__).resolve().parent.parent / "docs" / "operators" / "configuration.md"
BEGIN = "<!-- settings: written by scripts/config_table.py -->"
END = "<!-- end of settings -->"


def table() -> str:
    """The settings as a Markdown table: variable, default, meaning."""
    rows = [f"| `{_variable(name, field)}` | {_default(field)} | {_meaning(field)} |" for name, field in _fields()]
    return "\n".join(["| Variable | Default | Meaning |", "|---|---|---|", *rows])


def _fields() -> list[tuple[str, FieldInfo]]:
    return list(Config.model_fields.items())


def _variable(name: str, field: FieldInfo) -> str:
    alias = field.validation_alias
    return alias if isinstance(alias, str) else f"{Config.model_config.get('env_prefix', '')}{name}".upper()


def _default(field: FieldInfo) -> str:
    value = field.get_default(call_default_factory=True, validated_data={})
    if value is None or value == "":
        return ""
    text = str(value).lower() if isinstance(value, bool) else str(value)
    return f"`{text}`"


def _meaning(field: FieldInfo) -> str:
    meaning = field.description or ""
    if get_origin(field.annotation) is Literal:
        meaning += f" One of: {', '.join(f'`{choice}`' for choice in get_args(field.annotation))}."
    return meaning.replace("|", "\\|")


def rendered(page: str) -> str:
    """The page with the table brought up to date. Raises ValueError when its marks are missing."""
    before, begin, rest = page.partition(BEGIN)
    _, end, after = rest.partition(END)
    if not begin or not end:
        raise ValueError(f"The page needs the lines {BEGIN!r} and {END!r} around its table.")
    return f"{before}{BEGIN}\n\n{table()}\n\n{END}{after}"


if __name__ == "__main__":
    PAGE.write_text(rendered(PAGE.read_text(encoding="utf-8")), encoding="utf-8")
