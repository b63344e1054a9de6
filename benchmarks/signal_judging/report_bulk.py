"""The judgement of the bulk curves as text of at most 100 columns, and as plain data."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any, Final

from benchmarks.signal_judging.baselines import BASELINES
from benchmarks.signal_judging.binomial import upper_bound
from benchmarks.signal_judging.bulk import POLICY, Tally, Verdicts, by_file, by_part, rule_names, tally

_NAME: Final = 28
_SIDE_BY_SIDE: Final = 3


def bulk_tables(judged: Sequence[Verdicts], every_rule_by_part: bool) -> list[str]:
    """Rules and baselines over the bulk files, three files side by side; then by tuned on and held out."""
    if not judged:
        return []
    lines = [
        "BULK CURVES   wrong: validation later improves its best by 1 % or more",
        "  'rule': warned or acted; 'rule!': stopped or aborted by itself; policy: any rule did",
    ]
    files = list(by_file(judged).items())
    names = [POLICY, *rule_names(judged), *BASELINES]
    for start in range(0, len(files), _SIDE_BY_SIDE):
        lines += ["", *_side_by_side(dict(files[start : start + _SIDE_BY_SIDE]), names)]
    parted = names if every_rule_by_part else [POLICY]
    total = tally(judged, POLICY)
    bound = upper_bound(total.wrong, total.fired)
    return [
        *lines,
        "",
        *_side_by_side(by_part(judged), parted),
        "",
        f"  automatic stops: {total.fired}, wrong: {total.wrong}"
        f" ({share(total.wrong, total.fired)}; one-sided 95 % Clopper-Pearson bound {bound:.2%})",
    ]


def _side_by_side(parts: Mapping[str, Sequence[Verdicts]], names: Sequence[str]) -> list[str]:
    heads = "".join(f" | {f'{title[:13]} ({len(part)})':<21}" for title, part in parts.items())
    lines = [f"{'':{_NAME}}{heads}".rstrip(), f"{'':{_NAME}}" + " | fired   wrong  saved" * len(parts)]
    for name in names:
        cells = "".join(" | " + _cell(tally(part, name)) for part in parts.values())
        lines.append(f"{name[:_NAME]:{_NAME}}{cells}".rstrip())
    return lines


def _cell(found: Tally) -> str:
    if not found.fired:
        return f"{'0':>5}{'':16}"
    return f"{found.fired:>5} {found.wrong:>4} {share(found.wrong, found.fired):>4} {found.saved:>5.0%}"


def share(part: float, whole: float) -> str:
    """A percentage; one decimal below 10 %, so that 0.4 % isn't told as 0 %."""
    if not whole:
        return "-"
    percent = 100 * part / whole
    return f"{percent:.0f}%" if percent >= 9.95 or not part else f"{percent:.1f}%"


def named_curves(judged: Sequence[Verdicts], names: Sequence[str]) -> list[str]:
    """Every curve that one of the rules fired on: verdict, rule, evaluation, what came later, which curve."""
    lines = []
    for name in names:
        stopped = [(item, item.stops[name]) for item in judged if name in item.stops]
        for item, stop in sorted(stopped, key=lambda pair: not pair[1].wrong):
            verdict = "WRONG" if stop.wrong else "right"
            by = "" if stop.rule == name.rstrip("!") else f" ({stop.rule})"
            later = f"later {stop.gain:+.1%}" if stop.gain > -1 else "nothing near its best later"
            later = "its first finite value later" if stop.gain == math.inf else later
            where = f"eval {stop.place} of {item.evaluations}, {later}"
            lines.append(f"  {verdict} {name}{by}: {where}  {item.file}: {item.id}")
    return lines


def bulk_data(judged: Sequence[Verdicts]) -> dict[str, Any]:
    """The same as plain data: by file and by part, rule -> counts."""
    return {
        "files": {title: _data(part) for title, part in by_file(judged).items()},
        "parts": {title: _data(part) for title, part in by_part(judged).items()},
        "wrong_stops": [
            {
                "file": item.file,
                "id": item.id,
                "rule": stop.rule,
                "evaluation": stop.place,
                "gain": stop.gain if math.isfinite(stop.gain) else None,
            }
            for item in judged
            if (stop := item.stops.get(POLICY)) is not None and stop.wrong
        ],
    }


def _data(judged: Sequence[Verdicts]) -> dict[str, Any]:
    found = {name: tally(judged, name) for name in (POLICY, *rule_names(judged), *BASELINES)}
    return {
        name: {
            "curves": item.curves,
            "fired": item.fired,
            "wrong": item.wrong,
            "wrong_bound_95": upper_bound(item.wrong, item.fired),
            "saved": item.saved,
        }
        for name, item in found.items()
    }
