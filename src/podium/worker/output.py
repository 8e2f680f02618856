"""Programs' output on its way to the platform: capped, numbered, never lost."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from typing import Protocol

from podium.protocol import MAX_FRAME_BYTES, Frame, Stream

BATCH_BYTES = 64 * 1024
BATCH_SECONDS = 0.1
# Base64 makes four bytes of three, so this stays well below the protocol's cap on one beat.
MAX_BATCH_BYTES = 2 * 1024 * 1024


class OutputSink(Protocol):
    """Takes what programs print."""

    def write(self, stream: Stream, data: bytes) -> None:
        """Take a chunk of output; called from the event loop as it arrives."""
        ...

    def mark_truncated(self, stream: Stream) -> None:
        """Say that the sandbox already dropped output of this stream."""
        ...


def truncation_mark(cap_bytes: int) -> bytes:
    """Return the line that ends a truncated stream."""
    size = f"{cap_bytes / 2**20:g} MiB" if cap_bytes >= 2**20 else f"{cap_bytes} bytes"
    return f"\n[output truncated at {size}]\n".encode()


class _Channel:
    """One stream: what is not yet accepted by the platform, and where it begins."""

    def __init__(self, cap_bytes: int) -> None:
        self.room = cap_bytes
        self.truncation_mark = truncation_mark(cap_bytes)
        self.truncated = False
        self.acknowledged = 0
        self.pending = bytearray()

    def write(self, data: bytes) -> None:
        if self.truncated:
            return
        kept = data[: self.room]
        self.pending += kept
        self.room -= len(kept)
        if len(kept) < len(data):
            self.mark()

    def mark(self) -> None:
        if not self.truncated:
            self.truncated = True
            self.pending += self.truncation_mark

    def acknowledge(self, size: int) -> None:
        self.acknowledged += size
        del self.pending[:size]


class OutputCollector:
    """Collects the streams of one step's programs until the platform has accepted them.

    At most `cap_bytes` of each stream are kept; what follows is dropped and the stream ends with a mark that says so.
    Frames carry their offset, so a repeated beat changes nothing on the platform.

    Args:
        cap_bytes: the most that is kept of one stream.
    """

    def __init__(self, cap_bytes: int) -> None:
        self.cap_bytes = cap_bytes
        self._channels = {stream: _Channel(cap_bytes) for stream in Stream}
        self.changed = asyncio.Event()

    def write(self, stream: Stream, data: bytes) -> None:
        """Take a chunk of output; called from the event loop as it arrives."""
        self._channels[stream].write(data)
        self.changed.set()

    def mark_truncated(self, stream: Stream) -> None:
        """Say that the sandbox already dropped output of this stream."""
        self._channels[stream].mark()
        self.changed.set()

    @property
    def pending_bytes(self) -> int:
        """How many bytes the platform has not accepted yet."""
        return sum(len(channel.pending) for channel in self._channels.values())

    def batch(self) -> list[Frame]:
        """Return the next frames to send, within the protocol's bounds."""
        return list(self._frames())

    def _frames(self) -> Iterator[Frame]:
        room = MAX_BATCH_BYTES
        for stream, channel in self._channels.items():
            data = bytes(channel.pending[:room])
            room -= len(data)
            for start in range(0, len(data), MAX_FRAME_BYTES):
                piece = data[start : start + MAX_FRAME_BYTES]
                # model_construct: validation would take the bytes for base64 text and decode them.
                yield Frame.model_construct(stream=stream, offset=channel.acknowledged + start, data=piece)

    def acknowledge(self, frames: list[Frame]) -> None:
        """Forget frames that the platform has accepted."""
        for frame in frames:
            self._channels[frame.stream].acknowledge(len(frame.data))
