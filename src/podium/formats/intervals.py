"""The uncertainty that a scoring program writes beside a score: `<key>_ci`, `<key>_std` or `<key>_examples`."""

from __future__ import annotations

import math
import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from podium.formats.unpacking import quoted

SUFFIXES: Final = ("ci", "std", "examples")
"""In the order in which they count: what the scoring program says itself comes first."""
MAX_EXAMPLES: Final = 100_000
"""Per-example scores that are read of one column."""
Z: Final = 1.96
"""Standard deviations on either side of a score that make up its 95 % interval."""
RESAMPLES: Final = 1000
RESAMPLED: Final = 200
"""Up to so many examples are resampled; of more, the interval is that of the normal law, which is the same by then."""
_SEED: Final = 20240601
_TAIL: Final = 0.025
Written = Sequence[float] | float | None
"""What stands under a key: numbers, a number, or None for anything else."""


@dataclass(frozen=True)
class Interval:
    """A 95 % interval, finite and around its score; `source` is what it was made of, one of SUFFIXES."""

    low: float
    high: float
    source: str


def companions(key: str) -> list[str]:
    """The keys that say how uncertain the score `key` is, first things first."""
    return [f"{key}_{suffix}" for suffix in SUFFIXES]


def read_interval(score: float, given: Mapping[str, Written]) -> tuple[Interval | None, list[str]]:
    """Return the interval of a score, and remarks about what could not be used.

    given: what stands under each of the score's `companions` that is there, in their order; the first usable one
    counts. Nothing here fails a submission: a score is a score without an interval too.
    """
    notes: list[str] = []
    for key, written in given.items():
        source = key.rsplit("_", 1)[-1]
        found = _bounds(source, score, written)
        if not isinstance(found, str) and all(map(math.isfinite, found)):
            return Interval(min(found[0], score), max(found[1], score), source), notes
        why = found if isinstance(found, str) else "is too large"
        notes.append(f"{quoted(key)} {why}, so the score has no interval from it.")
    return None, notes


def of_examples(values: Sequence[float]) -> tuple[float, float]:
    """Return the 95 % interval of the mean of two or more finite per-example scores.

    Up to `RESAMPLED` of them it is the percentile interval of `RESAMPLES` bootstrap samples, drawn with a fixed seed,
    so that the same scores always have the same interval; of more it is the mean ± 1.96 standard errors.
    """
    count = len(values)
    if count > RESAMPLED:
        mean = _mean(values)
        spread = math.sqrt(_mean([(value - mean) * (value - mean) for value in values]))
        return mean - Z * spread / math.sqrt(count - 1), mean + Z * spread / math.sqrt(count - 1)
    draw = random.Random(_SEED)  # noqa: S311 - statistics, not a secret
    means = sorted(_mean(draw.choices(values, k=count)) for _ in range(RESAMPLES))
    cut = round(RESAMPLES * _TAIL)
    return means[cut], means[-1 - cut]


def _bounds(source: str, score: float, written: Written) -> tuple[float, float] | str:
    """The ends of the interval that one companion gives, or what is wrong with it."""
    numbers = (written,) if isinstance(written, float) else () if written is None else tuple(written)
    if not all(map(math.isfinite, numbers)):
        return "holds a number that is NaN or infinite"
    if source == "examples":
        return (
            "must be a list of numbers" if written is None or isinstance(written, float) else _examples(score, numbers)
        )
    if isinstance(written, float):
        half = written * Z if source == "std" else written
        return (score - half, score + half) if written >= 0 else "is negative"
    if source == "std" or len(numbers) != 2:
        return "must be a number" if source == "std" else "must be a number or a list [low, high]"
    return numbers if numbers[0] <= score <= numbers[1] else "does not contain the score"


def _examples(score: float, values: tuple[float, ...]) -> tuple[float, float] | str:
    """Per-example scores tell something about the score only where it is their mean, within 1 % of their range."""
    if not 2 <= len(values) <= MAX_EXAMPLES:
        return f"must have 2 to {MAX_EXAMPLES:,} numbers and has {len(values):,}"
    mean = _mean(values)
    if abs(mean - score) > 0.01 * (max(values) - min(values)) + 1e-9 * abs(score):
        return f"has the mean {mean:.6g}, which is not the score"
    return of_examples(values)


def _mean(values: Sequence[float]) -> float:
    return math.fsum(value / len(values) for value in values)  # divided first: no sum of doubles is too large then
