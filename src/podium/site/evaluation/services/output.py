"""Keeping what programs print: in chunks while an attempt is under way, in one file when it has ended.

A chunk is a row, and is filled up to `CHUNK` bytes before the next one begins, so a program that prints a line at a
time for a day makes few rows. Sealing makes one zip of an attempt's streams and deletes the rows; it happens soon after
the end, in the site-worker, and costs no request anything. An attempt that has ended takes no output any more, so
whoever seals has all of it. The states of the race between two that seal: whoever first sets `log` by compare-and-set
has sealed; the other's file goes.
"""

from __future__ import annotations

import zipfile
from collections.abc import Iterable, Mapping

import structlog
from django.conf import settings
from django.db import transaction

from podium.protocol import Frame, Stream
from podium.site.evaluation import logs
from podium.site.evaluation.models import Attempt, LogChunk
from podium.site.evaluation.states import AttemptState
from podium.site.resources import storage

log = structlog.get_logger(__name__)

CHUNK = 16 * 1024
ROOM_FOR_MARKS = 1024
"""What a stream of frames may have beyond the cap: the worker's own mark of truncation."""
SEALED_AT_ONCE = 50


def keep(attempt: Attempt, frames: Iterable[Frame]) -> bool:
    """Append a worker's frames, in the caller's transaction, with the attempt locked; returns if there was any output.

    What came before changes nothing, and what does not begin where the stream ends is no output: nothing lies between.
    """
    new = dict[Stream, bytearray]()
    for frame in frames:
        text = new.setdefault(frame.stream, bytearray())
        end = logs.size(attempt, frame.stream) + len(text)
        if frame.offset <= end:
            text += frame.data[end - frame.offset :]
        else:
            log.warning("output with a gap is left out", attempt=attempt.pk, stream=frame.stream, at=frame.offset)
    return add(attempt, new, most=settings.CONFIG.max_log_bytes + ROOM_FOR_MARKS)


def add(attempt: Attempt, new: Mapping[Stream, bytes | bytearray], *, most: int | None = None) -> bool:
    """Append to streams, in the caller's transaction, with the attempt locked; returns whether anything was kept.

    most: bytes of a stream that are kept, by default the configured cap; a mark follows where it is cut.
    """
    cap = settings.CONFIG.max_log_bytes
    most, ends = cap if most is None else most, dict(attempt.log_ends)
    for stream, text in new.items():
        end = logs.size(attempt, stream)
        if not text or end > most:
            continue
        cut = end + len(text) > most
        kept = bytes(text[: most - end]) + (f"\n[output truncated at {cap} bytes]\n".encode() if cut else b"")
        _append(attempt, stream, kept)
        ends[stream.value] = end + len(kept)
    if ends == attempt.log_ends:
        return False
    attempt.log_ends, attempt.has_chunks = ends, True
    Attempt.objects.filter(pk=attempt.pk).update(log_ends=ends, has_chunks=True)
    return True


def replace(attempt: Attempt, streams: Mapping[Stream, bytes]) -> None:
    """Put other text in the place of streams, in the caller's transaction, with the attempt locked."""
    LogChunk.objects.filter(attempt=attempt, stream__in=streams).delete()
    attempt.log_ends = {stream: end for stream, end in attempt.log_ends.items() if stream not in streams}
    Attempt.objects.filter(pk=attempt.pk).update(log_ends=attempt.log_ends)
    add(attempt, streams)


def _append(attempt: Attempt, stream: Stream, text: bytes) -> None:
    end = logs.size(attempt, stream)
    last = LogChunk.objects.filter(attempt=attempt, stream=stream).order_by("-offset")
    begun = last.values_list("pk", "offset").first()
    if begun is not None and end - begun[1] < CHUNK:
        before = LogChunk.objects.values_list("data", flat=True).get(pk=begun[0])
        LogChunk.objects.filter(pk=begun[0]).update(data=bytes(before) + text)
    else:
        LogChunk.objects.create(attempt=attempt, stream=stream, offset=end, data=text)


def seal_ended() -> int:
    """Seal the output of attempts that have ended, some at a time; returns how many were sealed."""
    ended = Attempt.objects.filter(has_chunks=True).exclude(state=AttemptState.ACTIVE)
    return sum(seal(attempt_id=pk) for pk in list(ended.order_by("pk").values_list("pk", flat=True)[:SEALED_AT_ONCE]))


def seal(*, attempt_id: int) -> bool:
    """Put the output of an attempt that has ended into one file, and delete its chunks; returns whether it did."""
    attempt = Attempt.objects.filter(pk=attempt_id, has_chunks=True).exclude(state=AttemptState.ACTIVE).first()
    if attempt is None:
        return False
    # Written before the transaction, so that on SQLite nobody waits for the disk.
    sink = storage.Sink(storage.new_key("log", f"attempt-{attempt.pk}-output.zip"))
    try:
        with sink as stream, zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED) as archive:
            for name in attempt.log_ends:
                with archive.open(logs.member(name), "w", force_zip64=True) as text:
                    for piece in logs.pieces(attempt, name):
                        text.write(piece)
        return _sealed(attempt, sink.key)
    except BaseException:
        storage.remove_content(sink.key)
        raise


@transaction.atomic
def _sealed(attempt: Attempt, key: str) -> bool:
    locked = Attempt.objects.select_for_update(of=("self",)).filter(pk=attempt.pk, has_chunks=True).first()
    if locked is None:  # sealed by another, or deleted meanwhile
        storage.remove_content(key)
        return False
    Attempt.objects.filter(pk=attempt.pk).update(log=storage.record_existing(key), has_chunks=False)
    LogChunk.objects.filter(attempt=attempt).delete()
    return True
