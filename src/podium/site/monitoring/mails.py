"""Mails about errors of the web server: few, and without secrets."""

from __future__ import annotations

import logging
import re
import threading
import time
from collections import deque
from typing import Any

from django.utils.log import AdminEmailHandler
from django.views.debug import SafeExceptionReporterFilter

from podium.logs import redact_text

MOST_AN_HOUR = 10
"""Mails an hour from one process; a page that fails would otherwise write one for each visitor."""


class ReportFilter(SafeExceptionReporterFilter):
    """Hides the settings module's own object and every address of a service beside what Django hides."""

    hidden_settings = re.compile(
        SafeExceptionReporterFilter.hidden_settings.pattern + "|CONFIG|URL|DATABASES|COOKIE|SESSION|AUTHORIZATION", re.I
    )


class ErrorMailHandler(AdminEmailHandler):
    """Mails errors to `PODIUM_ERROR_MAILS`."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._sending = threading.Lock()
        self._sent: deque[float] = deque(maxlen=MOST_AN_HOUR)

    def emit(self, record: logging.LogRecord) -> None:
        """Send a mail, unless there were many within the hour: the log has every error."""
        now = time.monotonic()
        with self._sending:
            if len(self._sent) == MOST_AN_HOUR and now - self._sent[0] < 3600:
                return
            self._sent.append(now)
        super().emit(record)

    def send_mail(self, subject: object, message: object, *args: Any, **kwargs: Any) -> None:
        """Send it with secrets blanked out; never as HTML, which would show more."""
        kwargs["html_message"] = None
        super().send_mail(redact_text(str(subject)), redact_text(str(message)), *args, **kwargs)
