"""Writes the table of settings into the operators' documentation, from the settings module itself.

`python scripts/config_table.py` rewrites the page; a test fails when page and module differ.
"""

from __future__ import annotations

from typing import Literal, get_args, get_origin

from generated import DOCS, markdown_table, write
from pydantic.fields import FieldInfo

from podium.site.config import Config

PAGE = DOCS / "operators" / "configuration.md"


def table() -> str:
    """The settings as a Markdown table: variable, default, meaning."""
    rows = [(f"`{_variable(n, f)}`", _default(f), _meaning(f)) for n, f in Config.model_fields.items()]
    return markdown_table(("Variable", "Default", "Meaning"), rows)


def _variable(name: str, field: FieldInfo) -> str:
    alias = field.validation_alias
    return alias if isinstance(alias, str) else f"{Config.model_config.get('env_prefix', '')}{name}".upper()


def _default(field: FieldInfo) -> str:
    value = field.get_default(call_default_factory=True, validated_data={})
    if value is None or value == "":
        return ""
    return f"`{str(value).lower() if isinstance(value, bool) else value}`"


def _meaning(field: FieldInfo) -> str:
    meaning = field.description or ""
    if get_origin(field.annotation) is Literal:
        meaning += f" One of: {', '.join(f'`{choice}`' for choice in get_args(field.annotation))}."
    return meaning


if __name__ == "__main__":
    write(PAGE, "config", table())
