"""What a browser is called by people, of the long text by which it names itself."""

from __future__ import annotations

import re
from typing import Final

from django.utils.translation import gettext as _

# The order matters: most browsers name others as well, to be taken for them.
_BROWSERS: Final = (
    ("Edg", "Edge"),
    ("OPR", "Opera"),
    ("SamsungBrowser", "Samsung Internet"),
    ("Firefox", "Firefox"),
    ("FxiOS", "Firefox"),
    ("CriOS", "Chrome"),
    ("Chrome", "Chrome"),
    ("Safari", "Safari"),
)
_SYSTEMS: Final = (
    ("iPhone", "iPhone"),
    ("iPad", "iPad"),
    ("Android", "Android"),
    ("Windows", "Windows"),
    ("CrOS", "ChromeOS"),
    ("Mac OS X", "macOS"),
    ("Linux", "Linux"),
)
_PROGRAM: Final = re.compile(r"[\w.+-]{1,40}/[\w.+-]{1,20}")


def browser_name(user_agent: str) -> str:
    """Browser and system, as "Firefox on Linux"; of a program its name and version, else "unknown"."""
    browser = next((name for mark, name in _BROWSERS if f"{mark}/" in user_agent), "")
    if not browser:
        program = _PROGRAM.match(user_agent)
        return program[0] if program and not user_agent.startswith("Mozilla/") else _("unknown")
    system = next((name for mark, name in _SYSTEMS if mark in user_agent), "")
    return _("%(browser)s on %(system)s") % {"browser": browser, "system": system} if system else browser
