"""Structured logs of every process: one line an event, in words or in JSON, and never a secret in it."""

from podium.logs.redaction import HIDDEN, hide, redact_text, redact_value
from podium.logs.setup import configure_from_environment, logging_config

__all__ = ["HIDDEN", "configure_from_environment", "hide", "logging_config", "redact_text", "redact_value"]
