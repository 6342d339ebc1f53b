"""From samples to what is told of them: medians, spreads, ratios. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

# The percentiles between which the spread is that is told.
LOW, HIGH = 10, 90


@dataclass(frozen=True)
class Summary:
    """Samples in short: the median, the `LOW` and `HIGH` percentiles, and how many there were."""

    median: float
    low: float
    high: float
    count: int


def summarize(samples: Sequence[float]) -> Summary:
    """Return the summary of one sample or more."""
    return Summary(
        median=percentile(samples, 50),
        low=percentile(samples, LOW),
        high=percentile(samples, HIGH),
        count=len(samples),
    )


def percentile(samples: Sequence[float], percent: float) -> float:
    """Return the value that `percent` of the samples don't exceed, between two if need be."""
    ordered = sorted(samples)
    place = (len(ordered) - 1) * percent / 100
    below = int(place)
    above = min(below + 1, len(ordered) - 1)
    return ordered[below] + (ordered[above] - ordered[below]) * (place - below)


def ratios(samples: Sequence[float], base: Sequence[float]) -> Summary:
    """Return the summary of how many times its partner each sample is.

    Partners were taken one right after the other, so that what slows down the machine for a while
    slows down both.
    """
    return summarize([one / other for one, other in zip(samples, base, strict=True)])
