"""The causes of failure in a few words, as headings and lists show them."""

from __future__ import annotations

from typing import Final

from django.utils.translation import gettext_lazy as _

from podium.protocol import Cause
from podium.site.words import Words

CAUSE_TITLES: Final[dict[Cause, Words]] = {
    Cause.IMAGE_PULL: _("The image could not be fetched"),
    Cause.UNPACK: _("The archive could not be unpacked"),
    Cause.BAD_LAYOUT: _("Files are missing or misplaced"),
    Cause.TIME_LIMIT: _("The time limit was reached"),
    Cause.MEMORY_LIMIT: _("The memory limit was reached"),
    Cause.DISK_LIMIT: _("The disk limit was reached"),
    Cause.OUTPUT_LIMIT: _("Too much was printed"),
    Cause.EXIT_CODE: _("The program ended with an error"),
    Cause.MISSING_OUTPUT: _("The output is missing"),
    Cause.BAD_SCORES: _("The scores cannot be used"),
    Cause.SCORER_FAILED: _("The scoring program failed"),
    Cause.WORKER_LOST: _("The worker was lost"),
    Cause.CANCELLED: _("This submission was cancelled"),
    Cause.PLATFORM: _("The platform failed"),
}
