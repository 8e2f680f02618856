"""How log lines are made: by structlog, for its own loggers and for those of the standard library alike."""

from __future__ import annotations

import contextlib
import logging.config
import os
import sys
from collections.abc import Mapping, MutableMapping
from typing import Any, Literal, TextIO

import structlog

from podium.logs.redaction import redact_value

LogFormat = Literal["console", "json"]
_OF_SEVERAL_LINES = {"exception", "stack"}
_CONTROLS = {code: f"\\x{code:02x}" for code in (*range(32), *range(127, 160))} | {9: "\\t", 10: "\\n", 13: "\\r"}
_NOT_DATA = {"request", "websocket", "color_message"}
"""Extras by which libraries hand over live objects; what matters of them is in our own context."""


class StderrHandler(logging.StreamHandler[TextIO]):
    """Writes to standard error; a line that cannot be made is told of without what was in it."""

    def handleError(self, record: logging.LogRecord) -> None:  # noqa: N802 - the standard library's name
        kind = sys.exc_info()[0]
        place = f"{record.pathname}:{record.lineno}"
        with contextlib.suppress(OSError, ValueError):  # nobody reads it any more
            self.stream.write(f"A log line of {place} could not be written: {kind.__name__ if kind else 'error'}\n")


def redact(_logger: object, _method: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    """Blank out secrets in everything that the line says, its traceback included; keeps structlog's own entries."""
    own = {key: value for key, value in event.items() if key.startswith("_")}
    said = {key: value for key, value in event.items() if not key.startswith("_")}
    return {**redact_value(said), **own}


def drop_live_objects(_logger: object, _method: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    """Leave out what is no data."""
    return {key: value for key, value in event.items() if key not in _NOT_DATA}


def one_line(_logger: object, _method: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    """Write control characters as escapes, so that nobody's text forges a line or speaks to a terminal."""
    return {key: _escaped(value, key) for key, value in event.items()}


def _escaped(value: Any, key: str = "") -> Any:
    if isinstance(value, str):
        table = {code: text for code, text in _CONTROLS.items() if not (key in _OF_SEVERAL_LINES and code in {9, 10})}
        return value.translate(table)
    return value


_SHARED: list[Any] = [
    structlog.contextvars.merge_contextvars,
    structlog.stdlib.add_log_level,
    structlog.stdlib.add_logger_name,
    structlog.processors.TimeStamper(fmt="iso", utc=True),
    structlog.stdlib.PositionalArgumentsFormatter(),
]


def logging_config(
    log_format: LogFormat, level: str = "INFO", *, levels: Mapping[str, str] | None = None
) -> dict[str, Any]:
    """The standard library's configuration, after setting up structlog.

    log_format: words for people ("console") or one JSON object a line ("json").
    level: the least level that is written. levels: other levels for single loggers.
    """
    structlog.configure(
        processors=[*_SHARED, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
        cache_logger_on_first_use=True,
    )
    plain = structlog.dev.ConsoleRenderer(colors=False, exception_formatter=structlog.dev.plain_traceback)
    rendering = [structlog.processors.JSONRenderer()] if log_format == "json" else [one_line, plain]
    quiet = {"httpx": "WARNING", "httpcore": "WARNING"}
    return {
        "version": 1,
        "disable_existing_loggers": False,
        "formatters": {
            "structured": {
                "()": structlog.stdlib.ProcessorFormatter,
                "foreign_pre_chain": [*_SHARED, structlog.stdlib.ExtraAdder(), drop_live_objects],
                "processors": [
                    structlog.processors.StackInfoRenderer(),
                    structlog.processors.format_exc_info,
                    # Last before it is written, so that nothing that went into the line has been missed.
                    structlog.stdlib.ProcessorFormatter.remove_processors_meta,
                    redact,
                    *rendering,
                ],
            }
        },
        "handlers": {"stderr": {"()": StderrHandler, "formatter": "structured"}},
        "root": {"handlers": ["stderr"], "level": level},
        "loggers": {name: {"level": least} for name, least in {**quiet, **(levels or {})}.items()},
    }


def configure_from_environment() -> None:
    """Set up the logs of a process without Django: PODIUM_LOG_FORMAT, PODIUM_LOG_LEVEL (or Codabench's LOG_LEVEL)."""
    log_format: LogFormat = "json" if os.environ.get("PODIUM_LOG_FORMAT", "").lower() == "json" else "console"
    level = (os.environ.get("PODIUM_LOG_LEVEL") or os.environ.get("LOG_LEVEL") or "INFO").upper()
    known = level in logging.getLevelNamesMapping()
    logging.config.dictConfig(logging_config(log_format, level if known else "INFO"))
    if not known:
        logging.getLogger("podium.logs").warning("%r is no level of logs; INFO is used", level)
