"""Pages of ``guard data``: at most 80 columns, everything from a file made harmless."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from textwrap import wrap
from typing import Any

from guardrun.cli.output import padded, screen_width, shortened_middle
from guardrun.reading.plain_text import plain

COLUMNS_SHOWN = 40
CLASSES_SHOWN = 20
MARKS = {"act": "✗", "warn": "!", "info": "·"}
_UNITS = ("B", "kB", "MB", "GB", "TB")


def page(records: Sequence[Mapping[str, Any]]) -> str:
    """One block for each data set, its findings below it."""
    return "\n\n".join(_record(record) for record in records)


def _record(record: Mapping[str, Any]) -> str:
    width = screen_width(100)
    count = record.get("count")
    of = "files" if "bytes" in (record.get("fields") or {}) else "examples"
    head = [plain(str(record["name"]))]
    if count is not None:
        head.append(f"{count:,} {of if count != 1 else of[:-1]}")
    if record.get("bytes") is not None:
        head.append(size(int(record["bytes"])))
    lines = [shortened_middle("  ".join(head), width)]
    if record.get("sha256"):
        lines += [f"  sha256   {record['sha256']}", *_fold("  rule     ", str(record["rule"]), width)]
    else:
        lines += _fold("  sha256   ", str(record["rule"]), width)
    if record.get("version"):
        lines += _fold("  version  ", plain(str(record["version"])), width)
    if record.get("statistics_rule"):
        lines += _fold("  seen     ", plain(str(record["statistics_rule"])), width)
    classes = record.get("classes")
    if classes:
        shown = ", ".join(f"{plain(str(k))} {v:,}" for k, v in list(classes.items())[:CLASSES_SHOWN])
        more = f" and {len(classes) - CLASSES_SHOWN} more" if len(classes) > CLASSES_SHOWN else ""
        lines += _fold("  classes  ", f"{len(classes)}: {shown}{more}", width)
    for other, number in (record.get("duplicates_with") or {}).items():
        lines += _fold("  shared   ", f"{number:,} with {plain(str(other))}", width)
    lines += _fields(record.get("fields") or {}, width)
    return "\n".join([*lines, *findings_lines(record.get("findings") or [], width)])


def _fields(fields: Mapping[str, Mapping[str, Any]], width: int) -> list[str]:
    if not fields:
        return []
    names = max(8, min(width - 58, 30, max(len(plain(name)) for name in fields)))
    head = ("missing", "min", "max", "mean", "std")
    lines = [
        f"  {padded('column', names)} {padded('kind', 9)}" + "".join(padded(h, 9, right=True) for h in head)
    ]
    for name, facts in list(fields.items())[:COLUMNS_SHOWN]:
        of_text = facts.get("kind") == "text"
        numbers = facts.get("length", {}) if of_text else facts
        cells = [str(facts.get("missing", ""))] + [_number(numbers.get(key)) for key in head[1:]]
        kind = (
            "label"
            if facts.get("label")
            else "length"
            if of_text
            else str(facts.get("dtype") or facts["kind"])
        )
        row = f"  {padded(plain(name), names)} {padded(kind, 9)}"
        lines.append(row + "".join(padded(cell, 9, right=True) for cell in cells))
    if len(fields) > COLUMNS_SHOWN:
        lines.append(f"  and {len(fields) - COLUMNS_SHOWN} more columns (--json has them)")
    return lines


def _number(value: Any) -> str:
    if not isinstance(value, int | float):
        return ""
    return f"{value:.4g}" if abs(value) < 1e6 else f"{value:.3g}"


def findings_lines(findings: Sequence[Mapping[str, Any]], width: int) -> list[str]:
    """Each finding with its way out below it, the worst first."""
    order = {"act": 0, "warn": 1, "info": 2}
    lines = []
    for one in sorted(findings, key=lambda found: order.get(str(found["severity"]), 3)):
        lines += _fold(f"  {MARKS.get(str(one['severity']), '·')} ", plain(str(one["message"])), width)
        lines += _fold("    → ", plain(str(one["next"])), width)
    return lines


def _fold(head: str, text: str, width: int) -> list[str]:
    return wrap(text, width, initial_indent=head, subsequent_indent=" " * len(head)) or [head.rstrip()]


def split_page(document: Mapping[str, Any]) -> str:
    """A split file: its counts, its seal, the uses of its test split, and what is wrong with it."""
    width = screen_width(100)
    counts = ", ".join(f"{plain(str(name))} {count:,}" for name, count in document["counts"].items())
    lines = [plain(str(document["path"])), *_fold("  splits   ", counts, width)]
    lines += [f"  sha256   {document['sha256']}", "  sealed   unchanged since it was first used"]
    measured = [use for use in document["test_uses"] if use.get("via") != "data"]
    runs = {str(use.get("run_id")) for use in measured}
    if measured:
        lines += _fold("  test     ", f"measured on {len(measured)} times, by {len(runs)} runs", width)
        lines += [f"           {plain(run)}" for run in sorted(runs)[-5:]]
    else:
        lines.append("  test     not measured on yet")
    return "\n".join([*lines, *findings_lines(document["findings"], width)])


def duplicates_page(rows: Sequence[Mapping[str, Any]], findings: Sequence[Mapping[str, Any]]) -> str:
    """What each data set shares with those before it."""
    width = screen_width(100)
    lines = []
    for row in rows:
        shares = [f"{count:,} with {plain(str(other))}" for other, count in row["duplicates_with"].items()]
        text = (
            f"{row['count']:,} examples, {row['repeated']:,} repeated" if row["compared"] else "not compared"
        )
        lines += _fold(f"{padded(plain(str(row['name'])), 12)} ", "; ".join([text, *shares]), width)
    found = findings_lines(findings, width)
    return "\n".join(lines + (found or ["nothing is there twice"]))


def size(count: int) -> str:
    """Bytes in words: 1.2 MB."""
    value, unit = float(count), 0
    while value >= 1000 and unit < len(_UNITS) - 1:
        value, unit = value / 1000, unit + 1
    return f"{value:.3g} {_UNITS[unit]}"
