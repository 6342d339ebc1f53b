"""Figures from samples: medians, spreads, ratios. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

# The percentiles at the ends of a spread.
LOW, HIGH = 10, 90


@dataclass(frozen=True)
class Summary:
    """A summary of samples: the median, the `LOW` and `HIGH` percentiles, and the number."""

    median: float
    low: float
    high: float
    count: int


def summarize(samples: Sequence[float]) -> Summary:
    """Return the summary of samples; there must be at least one."""
    return Summary(
        median=percentile(samples, 50),
        low=percentile(samples, LOW),
        high=percentile(samples, HIGH),
        count=len(samples),
    )


def percentile(samples: Sequence[float], percent: float) -> float:
    """Return a percentile, interpolated between two samples if need be."""
    ordered = sorted(samples)
    place = (len(ordered) - 1) * percent / 100
    below = int(place)
    above = min(below + 1, len(ordered) - 1)
    return ordered[below] + (ordered[above] - ordered[below]) * (place - below)


def ratios(samples: Sequence[float], base: Sequence[float]) -> Summary:
    """Return the summary of each sample divided by its partner in `base`.

    Partners are measured one right after the other, so a slow phase of the machine affects both.
    """
    return summarize([one / other for one, other in zip(samples, base, strict=True)])
