"""The collector of output: capped, numbered, kept until the platform has it."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from podium.protocol import MAX_BEAT_BYTES, MAX_FRAME_BYTES, Beat, Frame, Phase, Stream
from podium.worker.output import OutputCollector, truncation_mark


def received(frames: list[Frame]) -> bytes:
    """What a platform makes of frames: bytes put at their offset."""
    kept = bytearray()
    for frame in frames:
        assert frame.offset <= len(kept)
        kept[frame.offset : frame.offset + len(frame.data)] = frame.data
    return bytes(kept)


def test_what_is_beyond_the_cap_is_dropped_and_marked_once() -> None:
    collector = OutputCollector(10)
    for piece in (b"12345678", b"90AB", b"CD"):
        collector.write(Stream.STDOUT, piece)
    collector.mark_truncated(Stream.STDOUT)
    assert received(collector.batch()) == b"1234567890\n[output truncated at 10 bytes]\n"


def test_output_of_exactly_the_cap_has_no_mark() -> None:
    collector = OutputCollector(10)
    collector.write(Stream.STDOUT, b"1234567890")
    assert received(collector.batch()) == b"1234567890"


def test_the_mark_names_megabytes() -> None:
    assert truncation_mark(10 * 2**20) == b"\n[output truncated at 10 MiB]\n"


def test_streams_are_capped_one_by_one() -> None:
    collector = OutputCollector(4)
    collector.write(Stream.STDOUT, b"too long")
    collector.write(Stream.INGESTION_STDERR, b"fits")
    assert [frame.data for frame in collector.batch() if frame.stream is Stream.INGESTION_STDERR] == [b"fits"]


def test_what_is_not_acknowledged_is_sent_again_from_the_same_offset() -> None:
    collector = OutputCollector(1000)
    collector.write(Stream.STDOUT, b"lost ")
    first = collector.batch()
    collector.write(Stream.STDOUT, b"and found")
    again = collector.batch()
    assert [frame.offset for frame in first + again] == [0, 0]
    assert received(first + again) == b"lost and found"
    collector.acknowledge(again)
    collector.write(Stream.STDOUT, b"!")
    assert received(first + again + collector.batch()) == b"lost and found!"


def test_one_batch_fits_into_one_beat_whatever_waits() -> None:
    collector = OutputCollector(100 * 2**20)
    for stream in Stream:
        collector.write(stream, bytes(range(256)) * 4 * 4096)
    sent = 0
    while frames := collector.batch():
        assert all(len(frame.data) <= MAX_FRAME_BYTES for frame in frames)
        body = Beat(phase=Phase.RUNNING, frames=frames).model_dump_json()
        assert len(body) <= MAX_BEAT_BYTES
        sent += sum(len(frame.data) for frame in Beat.model_validate_json(body).frames)
        collector.acknowledge(frames)
    assert sent == 4 * 4 * 2**20


@given(st.lists(st.tuples(st.binary(max_size=40), st.booleans()), max_size=30), st.integers(1, 200))
def test_the_platform_has_the_capped_output_however_it_was_cut_and_acknowledged(
    pieces: list[tuple[bytes, bool]], cap: int
) -> None:
    collector = OutputCollector(cap)
    sent: list[Frame] = []
    for data, acknowledged in pieces:
        collector.write(Stream.STDERR, data)
        frames = collector.batch()
        sent += frames
        if acknowledged:
            collector.acknowledge(frames)
    sent += collector.batch()
    everything = b"".join(data for data, _ in pieces)
    assert received(sent) == (everything if len(everything) <= cap else everything[:cap] + truncation_mark(cap))
