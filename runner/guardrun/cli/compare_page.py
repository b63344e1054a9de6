"""The page of a comparison: table, differences, what is not the same."""

from __future__ import annotations

import sys
import textwrap
from collections.abc import Iterator, Mapping, Sequence
from typing import Final

from guardrun.cli.output import cells, padded, screen_width, shortened_middle
from guardrun.cli.terminal import styled
from guardrun.judging.compare import Comparison, Pair
from guardrun.judging.compare_tables import MARKS, cost_of, mfu_of, time_of
from guardrun.judging.compare_words import (
    DASH,
    Unit,
    claim_sentence,
    cost_sentence,
    group_interval,
    group_value,
    pair_details,
    pair_head,
    pair_sentence,
    title,
    unit_of,
    winner_sentence,
)
from guardrun.reading.plain_text import plain

_WIDEST: Final = 110
_GAP: Final = "  "
_NARROWEST_LABEL: Final = 12
_MOST_GROUPS: Final = 40
_MOST_PAIRS: Final = 12
_FEW_PAIRS: Final = 3
_MOST_LEFT_OUT: Final = 10
_HEADS: Final = ("", "group", "n", "mean ± std", "95 % interval", "time", "cost", "MFU")
_ALWAYS: Final = 5
"""Columns that are shown however narrow the terminal is; the others go from the last on (--json has all)."""
_STYLES: Final = {"unfair": ("yellow",), "unknown": ("dim",), "note": ()}
_ASCII: Final = str.maketrans({"−": "-", "–": "-", "±": "+-", "×": "x", "·": "-", "…": "."})


def compare_page(comparison: Comparison, *, width: int | None = None) -> list[str]:
    """The lines to print, at most ``width`` cells each (default: the terminal's, up to 110)."""
    width = screen_width(_WIDEST) if width is None else width
    unit = unit_of(comparison)
    lines = [*(styled(line, "bold") for line in _wrapped(plain(title(comparison)), width)), ""]
    lines += [*_table(comparison, unit, width), ""]
    compact = len(comparison.pairs) > _FEW_PAIRS
    for pair in comparison.pairs[:_MOST_PAIRS]:
        if compact and pair.verdict == "one run":
            lines += _wrapped(f"{pair_head(pair)}: {unit.difference(pair.difference.mean)}, n = 1", width)
        else:
            lines += [*_pair(pair, unit, width), ""]
    if len(comparison.pairs) > _MOST_PAIRS:
        lines += [f"and {len(comparison.pairs) - _MOST_PAIRS} more pairs (--json has them all)"]
    if lines[-1]:
        lines.append("")
    lines += [*_wrapped(styled(winner_sentence(comparison), "bold"), width)]
    if comparison.claim is not None:
        style = "green" if comparison.claim.supported else "red"
        lines += [styled(line, style) for line in _wrapped(plain(claim_sentence(comparison, unit)), width)]
    lines += _findings(comparison, width)
    lines += _left_out(comparison, width)
    return [_for_this_terminal(line) for line in lines]


def _table(comparison: Comparison, unit: Unit, width: int) -> Iterator[str]:
    groups = comparison.groups[:_MOST_GROUPS]
    rows = [
        (group.letter, plain(group.label), str(group.summary.n), group_value(group, unit),
         group_interval(group, unit), time_of(group), plain(cost_of(group)), mfu_of(group))
        for group in groups
    ]  # fmt: skip
    shown = [
        column
        for column in range(len(_HEADS))
        if column < _ALWAYS or any(row[column] != DASH for row in rows)
    ]
    widths = {column: max(cells(text[column]) for text in (_HEADS, *rows)) for column in shown}
    least = min(widths[1], _NARROWEST_LABEL)
    spare = _spare(width, shown, widths)
    while widths[1] + spare < least and len(shown) > _ALWAYS:
        del widths[shown.pop()]
        spare = _spare(width, shown, widths)
    widths[1] = max(least, min(widths[1], widths[1] + spare))
    yield styled(_row(_HEADS, shown, widths), "dim")
    for row in rows:
        yield _row(row, shown, widths)
    if len(comparison.groups) > _MOST_GROUPS:
        yield styled(f"and {len(comparison.groups) - _MOST_GROUPS} more groups", "dim")


def _spare(width: int, shown: Sequence[int], widths: Mapping[int, int]) -> int:
    return width - sum(widths.values()) - len(_GAP) * (len(shown) - 1)


def _row(row: Sequence[str], shown: Sequence[int], widths: dict[int, int]) -> str:
    parts = [
        padded(shortened_middle(row[column], widths[column]), widths[column], right=column >= 2)
        for column in shown
    ]
    return _GAP.join(parts).rstrip()


def _pair(pair: Pair, unit: Unit, width: int) -> Iterator[str]:
    yield styled(pair_head(pair), "bold")
    for text in (pair_sentence(pair, unit), pair_details(pair), cost_sentence(pair, unit)):
        if text:
            yield from _wrapped(plain(text), width, "  ")


def _findings(comparison: Comparison, width: int) -> Iterator[str]:
    if not comparison.findings:
        return
    yield ""
    yield styled("not the same", "bold")
    for finding in comparison.findings:
        first, *rest = _wrapped(plain(finding.text), width - 4)
        styles = ("red",) if finding.blocks else _STYLES[finding.level]
        yield f"  {styled(MARKS[finding.level], *styles)} {first}"
        yield from (f"    {line}" for line in rest)


def _left_out(comparison: Comparison, width: int) -> Iterator[str]:
    if not comparison.left_out:
        return
    yield ""
    yield styled("left out", "bold")
    for each in comparison.left_out[:_MOST_LEFT_OUT]:
        yield from _wrapped(f"{plain(each.run.run_id)}: {plain(each.why)}", width, "  ")
    if len(comparison.left_out) > _MOST_LEFT_OUT:
        yield f"  and {len(comparison.left_out) - _MOST_LEFT_OUT} more"


def _wrapped(text: str, width: int, indent: str = "") -> list[str]:
    return textwrap.wrap(
        text, width, initial_indent=indent, subsequent_indent=indent, break_on_hyphens=False
    ) or [""]


def _for_this_terminal(line: str) -> str:
    """A terminal that knows only ASCII gets the signs' plain neighbours, not question marks."""
    try:
        line.encode(sys.stdout.encoding or "utf-8")
    except UnicodeEncodeError:
        return line.translate(_ASCII)
    return line
