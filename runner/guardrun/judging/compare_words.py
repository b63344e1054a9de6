"""A comparison in plain sentences, in the unit of its metric. Pure."""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from guardrun.judging.compare import Comparison, Pair
from guardrun.judging.groups import Group
from guardrun.state.money import amount_words

_SHARES: Final = re.compile(
    r"acc|f1|auc|precision|recall|top_?\d|iou|dice|(?:^|[/_])map|exact_match|error_rate|(?:^|[/_])(?:wer|cer)"
)
_MOST_DECIMALS: Final = 6
MINUS: Final = "−"
DASH: Final = "–"
_ALIKE: Final = 1.05


@dataclass(frozen=True, slots=True)
class Unit:
    """How values of the metric are written."""

    share: bool
    """A share of one, told in per cent; its differences in points."""
    decimals: int

    def value(self, number: float) -> str:
        """``98.21 %`` or ``0.0512``."""
        text = fixed(number * 100 if self.share else number, self.decimals)
        return f"{text} %" if self.share else text

    def bare(self, number: float) -> str:
        """The same without its unit."""
        return fixed(number * 100 if self.share else number, self.decimals)

    def difference(self, number: float) -> str:
        """``+0.3 points`` or ``−0.0031``."""
        text = self.bare(number)
        sign = "" if text.startswith(MINUS) else "+"
        return f"{sign}{text} points" if self.share else f"{sign}{text}"


def unit_of(comparison: Comparison) -> Unit:
    """Per cent for shares of one; as many decimals as the smallest spread has two digits for."""
    values = [value for group in comparison.groups for value in group.values]
    share = bool(_SHARES.search(comparison.metric.lower())) and all(0 <= value <= 1 for value in values)
    spreads = [group.summary.std for group in comparison.groups if group.summary.std]
    if not spreads:
        spreads = [abs(pair.difference.mean) for pair in comparison.pairs if pair.difference.mean]
    scale = min(spreads, default=max(map(abs, values), default=1.0) / 100) or 1.0
    scale *= 100 if share else 1
    decimals = 1 - math.floor(math.log10(float(f"{scale:.1e}")))
    return Unit(share, min(_MOST_DECIMALS, max(1 if share else 0, decimals)))


def fixed(number: float, decimals: int) -> str:
    """With that many decimals, and a real minus sign; very large and very small numbers by powers of ten.

    >>> [fixed(n, 2) for n in (-0.125, 3.14159, 1e9, -0.001)]
    ['−0.12', '3.14', '1.00e9', '0.00']
    """
    if abs(number) >= 1e7 or (decimals >= _MOST_DECIMALS and 0 < abs(number) < 1e-5):
        mantissa, exponent = f"{number:.2e}".split("e")
        return f"{mantissa}e{int(exponent)}".replace("-", MINUS)
    text = f"{number:.{decimals}f}"
    if not any(digit in text for digit in "123456789"):
        text = text.removeprefix("-")
    return text.replace("-", MINUS)


def title(comparison: Comparison) -> str:
    """The metric, which way is better, and which of its values counts."""
    way = "more is better" if comparison.mode == "max" else "less is better"
    at = "at the best evaluation of each run" if comparison.at == "best" else "at the end of each run"
    return f"{comparison.metric} ({way}), {at}"


def group_value(group: Group, unit: Unit) -> str:
    """``98.21 ± 0.13 %``; one run has no spread."""
    found = group.summary
    mean = unit.bare(found.mean)
    text = mean if found.std is None else f"{mean} ± {unit.bare(found.std)}"
    return f"{text} %" if unit.share else text


def group_interval(group: Group, unit: Unit) -> str:
    """``98.0 to 98.4``; a dash for one run."""
    found = group.summary
    return (
        DASH
        if found.low is None or found.high is None
        else f"{unit.bare(found.low)} to {unit.bare(found.high)}"
    )


def pair_head(pair: Pair) -> str:
    """Who against whom, and how they were matched."""
    if pair.seeds:
        seeds = ", ".join(map(str, pair.seeds[:8])) + (" …" if len(pair.seeds) > 8 else "")
        return f"{pair.a.letter} {MINUS} {pair.b.letter}, paired by seed ({seeds})"
    if pair.difference.n < 2:
        return f"{pair.a.letter} {MINUS} {pair.b.letter}"
    counts = f"n = {len(pair.a.results)} and {len(pair.b.results)}"
    return f"{pair.a.letter} {MINUS} {pair.b.letter}, not paired ({counts}, no common seeds enough)"


def pair_sentence(pair: Pair, unit: Unit) -> str:
    """``+0.3 points, 95 % interval −0.1 to 0.7, n = 3: not shown``."""
    found = pair.difference
    head = unit.difference(found.mean)
    if found.low is not None and found.high is not None:
        head += f", 95 % interval {unit.bare(found.low)} to {unit.bare(found.high)}"
    return f"{head}, n = {found.n}: {_outcome(pair)}"


def _outcome(pair: Pair) -> str:
    better = pair.a if pair.gain > 0 else pair.b
    if pair.verdict == "shown":
        return f"{better.letter} is better"
    if pair.verdict == "one run":
        return "not shown (one run a side shows nothing)"
    if pair.verdict == "unfounded":
        return "not shown (" + next(finding.text for finding in pair.findings if finding.blocks) + ")"
    if pair.difference.constant:
        return f"not shown ({_why_constant(pair)})"
    if pair.difference.shown and pair.comparisons > 1:
        return f"not shown (one of {pair.comparisons} comparisons; alone it would be)"
    return "not shown"


def _why_constant(pair: Pair) -> str:
    """Equal differences are not equal runs: the same random numbers may be in both sides of each pair."""
    if pair.seeds and any(len({group.seeds[seed] for seed in pair.seeds}) > 1 for group in (pair.a, pair.b)):
        return "every seed gives the same difference: no spread to test it by"
    return "no spread at all: the seeds make no difference"


def pair_details(pair: Pair) -> str:
    """Test, p-value and effect size; "" when nothing was tested."""
    found = pair.difference
    if found.p is None or pair.p is None:
        return ""
    p = f"p {_p(pair.p)}"
    if pair.comparisons > 1:
        p += f" (Holm, {pair.comparisons} comparisons)"
    effect = "" if found.effect is None else f", effect size g = {fixed(found.effect, 1)}"
    return f"{found.test}, {p}{effect}"


def _p(value: float) -> str:
    return "< 0.001" if value < 0.001 else f"= {value:.3f}" if value < 0.1 else f"= {value:.2f}"


def cost_sentence(pair: Pair, unit: Unit) -> str:
    """``A is 0.2 % better at 5.0 times the cost (2.10 against 0.42 EUR)``; "" when no cost is known."""
    ratio = pair.cost
    if ratio is None:
        return ""
    text = f"{_how_good(pair)} {_how_dear(pair)}"
    if pair.at_equal_cost is not None:
        reached = unit.value(pair.at_equal_cost)
        spent = (
            f"in {pair.b.letter}'s time" if ratio.kind == "hours" else f"at {pair.b.letter}'s {ratio.kind}"
        )
        text += f"; {spent} {pair.a.letter} had reached {reached}"
    return text


def _how_good(pair: Pair) -> str:
    if not pair.gain:
        return f"{pair.a.letter} is as good as {pair.b.letter}"
    word = "better" if pair.gain > 0 else "worse"
    who = f"{pair.a.letter} is" if pair.verdict == "shown" else f"{pair.a.letter}'s mean is"
    if pair.relative is None:
        return f"{who} {word}"
    percent = abs(pair.relative) * 100
    text = f"{percent:.0f}" if percent >= 10 else f"{percent:.2g}"
    return f"{who} {text} % {word}"


def _how_dear(pair: Pair) -> str:
    ratio = pair.cost
    assert ratio is not None
    what = {"cost": "cost", "GPU hours": "GPU hours", "hours": "time"}[ratio.kind]
    if 1 / _ALIKE <= ratio.ratio <= _ALIKE:
        return f"at the same {what}"
    times = f"{ratio.ratio:.1f}" if ratio.ratio >= 0.95 else f"{ratio.ratio:.2f}"
    currency = f" {pair.a.runs[0].currency}" if ratio.kind == "cost" else ""
    spell = amount_words if ratio.kind == "cost" else duration
    return f"at {times} times the {what} ({spell(ratio.a)} against {spell(ratio.b)}{currency})"


def winner_sentence(comparison: Comparison) -> str:
    """Which group is best and whether that is shown."""
    if len(comparison.groups) < 2:
        return "one group: nothing to compare it with"
    if comparison.winner is not None:
        others = "the other" if len(comparison.groups) == 2 else "every other"
        return f"{comparison.winner.letter} is best, and shown to be better than {others}"
    single = [group for group in comparison.groups if len(group.results) < 2]
    best = comparison.groups[0]
    if single:
        named = ", ".join(group.letter for group in single[:8]) + (" …" if len(single) > 8 else "")
        return f"no winner: {named} ran once; repeat with `guard repeat RUN --seeds 1,2,3`"
    return f"no winner: {best.letter} has the best mean, but it is not shown to be better than every other"


def claim_sentence(comparison: Comparison, unit: Unit) -> str:
    """Whether the claim holds, and why not."""
    claim = comparison.claim
    assert claim is not None
    word = "supported" if claim.supported else "not supported"
    text = f"claim {claim.text!r}: {word}. {pair_sentence(claim.pair, unit)}"
    if claim.supported and len(comparison.groups) > 2:
        text += f". It is one choice among {len(comparison.groups)} groups: confirm it with fresh seeds"
    return text


def duration(hours: float) -> str:
    """Hours as two units at most.

    >>> [duration(h) for h in (0.001, 0.02, 1.5, 30)]
    ['3.6s', '1m 12s', '1h 30m', '1d 6h']
    """
    seconds = hours * 3600
    if seconds < 60:
        return f"{seconds:.1f}s" if seconds < 10 else f"{seconds:.0f}s"
    if seconds < 3600:
        return f"{int(seconds) // 60}m {int(seconds) % 60:02d}s"
    if hours < 24:
        return f"{int(hours)}h {int(seconds) % 3600 // 60:02d}m"
    return f"{int(hours) // 24}d {int(hours) % 24}h"


def mean_of(numbers: Sequence[float | None]) -> float | None:
    """The mean, where every one is known."""
    known = [number for number in numbers if number is not None]
    return math.fsum(known) / len(known) if known and len(known) == len(numbers) else None
