"""Programs of Python 2 are told by statements and by indentation that Python 3 does not read."""

from __future__ import annotations

import pytest

from podium.formats.languages import python2_line


@pytest.mark.parametrize(
    ("source", "line"),
    [
        ("import sys\nprint 'right'\n", 2),
        ("import sys\r\n\r\nprint 'right'\r\n", 3),
        ("try:\n    pass\nexcept IOError, error:\n    pass\n", 3),
        ("if True:\n        a = 1\n\tb = 2\n", 3),
        ("print('right')\n", None),
        ("if True:\n\ta = 1\n\tb = 2\n", None),
        ("text = '''\n        a\n\tb\n'''\n", None),
        ("if True:\n\t(\n", None),
        ("\x00\n\t", None),
        ("", None),
    ],
)
def test_the_line_that_only_python_2_reads(source: str, line: int | None) -> None:
    assert python2_line(source.encode()) == line
