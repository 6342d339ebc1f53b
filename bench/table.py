"""Results as values: to and from JSON, and to Markdown with bars. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from bench.stats import HIGH, LOW, Summary, ratios, summarize

BAR_WIDTH = 24
EIGHTHS = " ▏▎▍▌▋▊▉█"


@dataclass(frozen=True)
class Row:
    """A measured quantity; `ratio` compares it with the table's `base`, sample by sample."""

    name: str
    unit: str
    values: Summary
    ratio: Summary | None = None


@dataclass(frozen=True)
class Target:
    """A target of a table: a value between two bounds."""

    text: str
    value: float
    at_most: float
    at_least: float = 0

    @property
    def met(self) -> bool:
        """Whether the value is within the bounds."""
        return self.at_least <= self.value <= self.at_most


@dataclass(frozen=True)
class Table:
    """The results of one measurement; `base` names the row that others are compared with."""

    title: str
    about: str
    rows: tuple[Row, ...]
    targets: tuple[Target, ...] = ()
    base: str = ""


@dataclass(frozen=True)
class Report:
    """The tables of one run, and facts about its machine and versions."""

    name: str
    facts: Mapping[str, str]
    tables: tuple[Table, ...]


Old = Mapping[tuple[str, str], Row]
"""Rows by their table's title and their own name."""


def compared(
    samples: Mapping[str, Sequence[float]], base: str, unit: str = "ms"
) -> tuple[Row, ...]:
    """Return a row for each name, with its ratio to `base`; samples pair up by round."""
    return tuple(
        Row(name, unit, summarize(taken), ratios(taken, samples[base]))
        for name, taken in samples.items()
    )


def median_ratio(rows: Iterable[Row], name: str) -> float:
    """Return the median ratio of the row of that name, which must have one."""
    return next(row.ratio.median for row in rows if row.name == name and row.ratio)


def from_json(data: Any) -> Report:
    """Return a report from the JSON of ``dataclasses.asdict(report)``."""
    return Report(data["name"], data["facts"], tuple(map(_table, data["tables"])))


def _table(data: Any) -> Table:
    rows = tuple(map(_row, data["rows"]))
    return Table(**{**data, "rows": rows, "targets": tuple(Target(**t) for t in data["targets"])})


def _row(data: Any) -> Row:
    ratio = data["ratio"]
    return Row(**{**data, "values": Summary(**data["values"]), "ratio": ratio and Summary(**ratio)})


def markdown(reports: Iterable[Report], before: Report | None = None) -> str:
    """Return a page of Markdown with the reports.

    Rows that ``before`` has, too, in a table of the same title, show its figures beside theirs.
    """
    old: Old = {}
    parts = [
        "# Benchmark results",
        f"Medians, with the span from the {LOW}th to the {HIGH}th percentile.",
    ]
    if before:
        old = {(table.title, row.name): row for table in before.tables for row in table.rows}
        parts.append(f"Before: the figures of commit {before.facts['commit']}.")
    for report in reports:
        parts += [f"## {report.name}", "\n".join(_facts(report.facts))]
        parts += ["\n".join(_lines(table, old)) for table in report.tables]
    return "\n\n".join(parts) + "\n"


def _facts(facts: Mapping[str, str]) -> Iterator[str]:
    yield "| | |"
    yield "|---|---|"
    for name, value in facts.items():
        yield f"| {name} | {value} |"


def _lines(table: Table, old: Old) -> Iterator[str]:
    has_old = any((table.title, row.name) in old for row in table.rows)
    yield f"### {table.title}"
    yield ""
    yield table.about
    yield ""
    head = f"| | median | {LOW}–{HIGH} % | | {f'× {table.base}' if table.base else ''} | n |"
    yield head + (" before |" if has_old else "")
    yield "|---|--:|--:|---|--:|--:|" + ("--:|" if has_old else "")
    for row in table.rows:
        values = row.values
        longest = max(other.values.median for other in table.rows if other.unit == row.unit)
        yield (
            f"| {row.name} | {_median(row)} "
            f"| {figure(values.low)}–{figure(values.high)} "
            f"| `{bar(values.median, longest)}` "
            f"| {_ratio(row)} | {values.count} |"
            + (f" {_median(old.get((table.title, row.name)))} |" if has_old else "")
        )
    if table.targets:
        yield ""
    for target in table.targets:
        yield f"- {_verdict(target)}"


def _median(row: Row | None) -> str:
    return f"{figure(row.values.median)} {row.unit}" if row else ""


def _ratio(row: Row) -> str:
    if row.ratio is None:
        return ""
    return f"{row.ratio.median:.2f} ({row.ratio.low:.2f}–{row.ratio.high:.2f})"


def _verdict(target: Target) -> str:
    least = f"at least {figure(target.at_least)}, " if target.at_least else ""
    wanted = f"{least}at most {figure(target.at_most)}"
    said = "met" if target.met else "**missed**"
    return f"{target.text}: {figure(target.value)}; target {wanted}: {said}"


def figure(value: float) -> str:
    """Return a number as text with about three digits."""
    if abs(value) >= 100:
        return f"{value:.0f}"
    if abs(value) >= 10:
        return f"{value:.1f}"
    return f"{value:.2f}" if abs(value) >= 0.1 or not value else f"{value:.3f}"


def bar(value: float, longest: float) -> str:
    """Return a bar for a value, to an eighth of a character; `longest` has BAR_WIDTH."""
    eighths = round(BAR_WIDTH * 8 * value / longest) if longest else 0
    return (EIGHTHS[8] * (eighths // 8) + EIGHTHS[eighths % 8].strip()).ljust(BAR_WIDTH)
