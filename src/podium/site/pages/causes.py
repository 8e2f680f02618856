"""The causes of failure in a few words, as headings and lists show them."""

from __future__ import annotations

from typing import Final

from podium.protocol import Cause

CAUSE_TITLES: Final[dict[Cause, str]] = {
    Cause.IMAGE_PULL: "The image could not be fetched",
    Cause.UNPACK: "The archive could not be unpacked",
    Cause.BAD_LAYOUT: "Files are missing or misplaced",
    Cause.TIME_LIMIT: "The time limit was reached",
    Cause.MEMORY_LIMIT: "The memory limit was reached",
    Cause.DISK_LIMIT: "The disk limit was reached",
    Cause.OUTPUT_LIMIT: "Too much was printed",
    Cause.EXIT_CODE: "The program ended with an error",
    Cause.MISSING_OUTPUT: "The output is missing",
    Cause.BAD_SCORES: "The scores cannot be used",
    Cause.SCORER_FAILED: "The scoring program failed",
    Cause.WORKER_LOST: "The worker was lost",
    Cause.CANCELLED: "This submission was cancelled",
    Cause.PLATFORM: "The platform failed",
}
