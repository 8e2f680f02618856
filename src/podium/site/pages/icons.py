"""The line icons of the pages, as the inside of a 24 x 24 SVG."""

from __future__ import annotations

from typing import Final

ICONS: Final[dict[str, str]] = {
    "alert": '<path d="M12 3.5 2.5 20h19z"/><path d="M12 10v4.5"/><path d="M12 17.3v.2"/>',
    "archive": '<path d="M3.5 4h17v5h-17z"/><path d="M5 9v11h14V9"/><path d="M10 13h4"/>',
    "arrow": '<path d="M4.5 12h15"/><path d="m13 5.5 6.5 6.5-6.5 6.5"/>',
    "auto": '<circle cx="12" cy="12" r="8.5"/><path d="M12 3.5v17a8.5 8.5 0 0 0 0-17z" fill="currentColor"/>',
    "back": '<path d="M19.5 12h-15"/><path d="M11 5.5 4.5 12l6.5 6.5"/>',
    "bell": '<path d="M6 16.5V10.500a6 6 0 0 1 12 0v6l1.5 2h-15z"/><path d="M10 21h4"/>',
    "book": '<path d="M12 6.500C10 5 7.500 4.500 3.500 4.500v14c4 0 6.500.5 8.500 2"/>'
    '<path d="M12 20.500c2-1.500 4.500-2 8.500-2v-14c-4 0-6.500.5-8.500 2"/>'
    '<path d="M12 6.500v14"/>',
    "calendar": '<path d="M4 5.5h16v15H4z"/><path d="M4 10h16"/><path d="M8 3v4M16 3v4"/>',
    "chart": '<path d="M4 20V4"/><path d="M4 20h16"/><path d="M9 16v-5M14 16V7M19 16v-7"/>',
    "chat": '<path d="M4 4.500h16v12h-9l-4.500 4v-4H4z"/>',
    "check": '<path d="m5 12.5 4.5 4.5L19 7.5"/>',
    "clock": '<circle cx="12" cy="12" r="8.5"/><path d="M12 7v5l3.5 2"/>',
    "copy": '<path d="M8.5 8.5h12v12h-12z"/><path d="M15.5 8.5v-5h-12v12h5"/>',
    "cross": '<path d="m6 6 12 12M18 6 6 18"/>',
    "data": '<ellipse cx="12" cy="6" rx="7.5" ry="3"/><path d="M4.5 6v12c0 1.7 3.4 3 7.5 3s7.5-1.3 7.5-3V6"/>'
    '<path d="M4.5 12c0 1.7 3.4 3 7.5 3s7.5-1.3 7.5-3"/>',
    "download": '<path d="M12 4v11"/><path d="m7 10.5 5 5 5-5"/><path d="M4.5 20h15"/>',
    "eye": '<path d="M2.5 12S6 5.5 12 5.5 21.5 12 21.5 12 18 18.5 12 18.5 2.5 12 2.5 12z"/>'
    '<circle cx="12" cy="12" r="2.8"/>',
    "file": '<path d="M6 3.5h8l4.5 4.5v12.5H6z"/><path d="M13.5 3.5V8.5h5"/>',
    "flag": '<path d="M5.5 21V4"/><path d="M5.5 4.5h12l-2.5 4 2.5 4h-12"/>',
    "inbox": '<path d="M3.5 13 6 5h12l2.5 8v6h-17z"/><path d="M3.5 13h5l1.5 2.5h4l1.5-2.5h5"/>',
    "info": '<circle cx="12" cy="12" r="8.5"/><path d="M12 11v5"/><path d="M12 7.8v.2"/>',
    "lock": '<path d="M5.5 10.5h13v10h-13z"/><path d="M8.5 10.5V7.5a3.5 3.5 0 0 1 7 0v3"/>',
    "moon": '<path d="M20 14.5A8.5 8.5 0 0 1 9.5 4a8.5 8.5 0 1 0 10.5 10.5z"/>',
    "out": '<path d="M10 4H5v16h5"/><path d="M9.5 12h10.5"/><path d="m16 8 4 4-4 4"/>',
    "pencil": '<path d="m4.500 19.500 1-4.500L16 4.500l3.500 3.500L9 18.500z"/>',
    "pin": '<path d="M9 3.500h6l-1 6 3.500 4h-11l3.500-4z"/><path d="M12 13.500v7"/>',
    "play": '<path d="m7 4.5 12 7.5-12 7.5z"/>',
    "plus": '<path d="M12 5v14M5 12h14"/>',
    "queue": '<path d="M4 5.5h16v4H4zM4 14.500h16v4H4z"/><path d="M7 7.500h.2M7 16.500h.2"/>',
    "reward": '<circle cx="12" cy="9" r="5.5"/><path d="m8.5 13.5-1.5 7 5-2.5 5 2.5-1.5-7"/>',
    "search": '<circle cx="10.5" cy="10.5" r="6.5"/><path d="m15.5 15.5 5 5"/>',
    "spin": '<path d="M12 3.5a8.5 8.5 0 1 1-8.5 8.5"/>',
    "stop": '<path d="M6 6h12v12H6z"/>',
    "sun": '<circle cx="12" cy="12" r="4"/>'
    '<path d="M12 2.5v2M12 19.5v2M2.5 12h2M19.5 12h2M5.3 5.3l1.4 1.4M17.3 17.3l1.4 1.4'
    'M5.3 18.7l1.4-1.4M17.3 6.7l1.4-1.4"/>',
    "target": '<circle cx="12" cy="12" r="8.5"/><circle cx="12" cy="12" r="4.5"/><path d="M12 12v.1"/>',
    "upload": '<path d="M12 15.5v-11"/><path d="m7 9 5-5 5 5"/><path d="M4.5 20h15"/>',
    "user": '<circle cx="12" cy="8" r="4"/><path d="M4.5 20.5c.8-4 3.7-6 7.5-6s6.7 2 7.5 6"/>',
    "users": '<circle cx="9" cy="8.5" r="3.5"/><path d="M2.5 20c.6-3.7 3-5.5 6.5-5.500s5.9 1.8 6.5 5.5"/>'
    '<path d="M15.5 5.300a3.5 3.5 0 0 1 0 6.400M18 15c2 .8 3.2 2.5 3.6 5"/>',
}
