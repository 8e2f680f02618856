"""Tables in the documentation that are written from the code agree with the code."""

from __future__ import annotations

from types import ModuleType

import cause_table
import commands_table
import config_table
import pytest
from generated import markdown_table, rendered

from podium.protocol.causes import Cause
from podium.site.config import Config


@pytest.mark.parametrize(
    ("name", "module"), [("config", config_table), ("cause", cause_table), ("commands", commands_table)]
)
def test_a_generated_table_is_up_to_date(name: str, module: ModuleType) -> None:
    page = module.PAGE.read_text(encoding="utf-8")
    assert rendered(page, name, module.table()) == page, f"run: python scripts/{name}_table.py"


def test_every_setting_has_a_row_and_a_meaning() -> None:
    rows = config_table.table().splitlines()[2:]
    assert len(rows) == len(Config.model_fields)
    assert all(field.description for field in Config.model_fields.values())
    assert any(row.startswith("| `DATABASE_URL` |") for row in rows), "an alias is shown as operators write it"
    assert any(row.startswith("| `PODIUM_LEASE_SECONDS` |") for row in rows)


def test_every_cause_has_a_row() -> None:
    table = cause_table.table()
    assert all(f"| `{cause}` |" in table for cause in Cause)


def test_every_command_has_its_place_and_words_of_its_own() -> None:
    text = commands_table.table()
    assert "### podium competitions delete\n" in text
    assert "`--yes`, `-y`" in text
    for part in text.split("\n### ")[1:]:
        assert len(part.strip().split("\n\n")) >= 3, f"{part.splitlines()[0]} says nothing of itself"


def test_a_page_without_marks_is_refused() -> None:
    with pytest.raises(ValueError, match="config_table"):
        rendered("# Settings\n", "config", "| a |")


def test_bars_and_line_ends_in_cells_do_not_break_a_table() -> None:
    assert markdown_table(["A"], [["x|y\nz"]]).splitlines()[-1] == "| x\\|y z |"
