"""The judgement as text of at most 100 columns."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from benchmarks.signal_judging.baselines import BASELINES
from benchmarks.signal_judging.binomial import upper_bound
from benchmarks.signal_judging.bulk import POLICY, Tally, Verdicts, by_file, by_part, rule_names, tally

WIDTH = 100
_NAME = 28
_SIDE_BY_SIDE = 3


def bulk_tables(judged: Sequence[Verdicts]) -> list[str]:
    """Rules and baselines over the bulk files, three files side by side."""
    lines = [
        "BULK CURVES   wrong: validation later improves its best by 1 % or more",
        "  'rule': warned or acted; 'rule!': stopped or aborted by itself; policy: any rule did",
    ]
    files = list(by_file(judged).items())
    names = [POLICY, *rule_names(judged), *BASELINES]
    for start in range(0, len(files), _SIDE_BY_SIDE):
        lines += ["", *_side_by_side(dict(files[start : start + _SIDE_BY_SIDE]), names)]
    lines += ["", *_side_by_side(by_part(judged), [POLICY, *rule_names(judged)])]
    total = tally(judged, POLICY)
    bound = upper_bound(total.wrong, total.fired)
    lines.append(
        f"  automatic stops: {total.fired}, wrong: {total.wrong}"
        f" ({share(total.wrong, total.fired)}; one-sided 95 % Clopper-Pearson bound {bound:.2%})"
    )
    return lines


def _side_by_side(parts: Mapping[str, Sequence[Verdicts]], names: Sequence[str]) -> list[str]:
    heads = "".join(f" | {f'{title[:14]} ({len(part)})':<21}" for title, part in parts.items())
    lines = [f"{'':{_NAME}}{heads}", f"{'':{_NAME}}" + " | fired   wrong  saved" * len(parts)]
    for name in names:
        cells = "".join(" | " + _cell(tally(part, name)) for part in parts.values())
        lines.append(f"{name[:_NAME]:{_NAME}}{cells}")
    return lines


def _cell(found: Tally) -> str:
    if not found.fired:
        return f"{'0':>5}{'':16}"
    return f"{found.fired:>5} {found.wrong:>4} {share(found.wrong, found.fired):>4} {found.saved:>5.0%}"


def share(part: int, whole: int) -> str:
    """A percentage; one decimal below 10 %, so that 0.4 % isn't told as 0 %."""
    if not whole:
        return "-"
    percent = 100 * part / whole
    return f"{percent:.0f}%" if percent >= 9.95 or not part else f"{percent:.1f}%"


def named_curves(judged: Sequence[Verdicts], names: Sequence[str]) -> list[str]:
    """Every curve that one of the rules fired on: file, id, evaluation, wrong or right."""
    lines = []
    for item in judged:
        for name in names:
            stop = item.stops.get(name)
            if stop is not None:
                verdict = "WRONG" if stop.wrong else "right"
                where = f"eval {stop.place} of {item.evaluations}"
                lines.append(f"  {verdict} {name}: {where}  {item.file}: {item.id}")
    return lines
