"""A comparison as JSON, CSV and Markdown. Pure."""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence
from typing import Any, Final

from guardrun.judging.compare import Comparison, Pair
from guardrun.judging.compare_words import (
    DASH,
    claim_sentence,
    cost_sentence,
    duration,
    group_interval,
    group_value,
    mean_of,
    pair_details,
    pair_head,
    pair_sentence,
    title,
    unit_of,
    winner_sentence,
)
from guardrun.judging.efficiency import margin
from guardrun.judging.facts import RunFacts
from guardrun.judging.groups import Group
from guardrun.state.money import money_words

MARKS: Final = {"unfair": "!", "unknown": "?", "note": "·"}
_COSTS: Final = (
    "hours", "gpu_hours", "energy_kwh", "cost", "samples_per_s", "tokens_per_s", "step_time", "data_time",
    "data_share", "peak_gpu_bytes", "peak_host_bytes", "effective_batch", "mfu",
)  # fmt: skip


def efficiency_of(runs: Sequence[RunFacts]) -> dict[str, Any]:
    """Means over the runs; null where one of them does not tell."""
    means: dict[str, Any] = {name: mean_of([getattr(run, name) for run in runs]) for name in _COSTS}
    means["margin_over_baseline"] = mean_of([margin(run) for run in runs])
    return means


def comparison_json(comparison: Comparison) -> dict[str, Any]:
    """Everything, with the sentences that people read."""
    unit = unit_of(comparison)
    claim = comparison.claim
    return {
        "metric": comparison.metric,
        "mode": comparison.mode,
        "at": comparison.at,
        "groups": [_group_json(group) for group in comparison.groups],
        "pairs": [_pair_json(pair, comparison) for pair in comparison.pairs],
        "findings": [_finding_json(finding) for finding in comparison.findings],
        "left_out": [{"run_id": each.run.run_id, "why": each.why} for each in comparison.left_out],
        "winner": None if comparison.winner is None else comparison.winner.label,
        "conclusion": winner_sentence(comparison),
        "claim": None if claim is None else {
            "text": claim.text, "supported": claim.supported, "sentence": claim_sentence(comparison, unit),
            "pair": _pair_json(claim.pair, comparison),
        },
    }  # fmt: skip


def _group_json(group: Group) -> dict[str, Any]:
    found = group.summary
    return {
        "letter": group.letter,
        "label": group.label,
        "settings": dict(group.differing),
        "n": found.n,
        "mean": found.mean,
        "std": found.std,
        "low": found.low,
        "high": found.high,
        "runs": [
            {"run_id": each.run.run_id, "path": each.run.path, "seed": each.run.seed, "value": each.value,
             "step": each.step}
            for each in group.results
        ],
        "efficiency": efficiency_of(group.runs),
        "currency": group.runs[0].currency,
    }  # fmt: skip


def _pair_json(pair: Pair, comparison: Comparison) -> dict[str, Any]:
    unit, found = unit_of(comparison), pair.difference
    return {
        "a": pair.a.letter, "b": pair.b.letter, "paired": bool(pair.seeds), "seeds": list(pair.seeds),
        "n": found.n, "difference": found.mean, "low": found.low, "high": found.high, "test": found.test,
        "p": found.p, "p_corrected": pair.p, "comparisons": pair.comparisons, "effect_size": found.effect,
        "gain": pair.gain, "relative_gain": pair.relative, "verdict": pair.verdict,
        "cost": None if pair.cost is None else {
            "kind": pair.cost.kind, "a": pair.cost.a, "b": pair.cost.b, "ratio": pair.cost.ratio,
        },
        "at_equal_cost": pair.at_equal_cost,
        "sentence": pair_sentence(pair, unit), "cost_sentence": cost_sentence(pair, unit),
        "findings": [_finding_json(finding) for finding in pair.findings],
    }  # fmt: skip


def _finding_json(finding: Any) -> dict[str, Any]:
    return {"id": finding.id, "level": finding.level, "blocks": finding.blocks, "text": finding.text}


def comparison_csv(comparison: Comparison) -> str:
    """One line a group; empty cells for what is not known."""
    best = {pair.b.letter: pair for pair in comparison.pairs}
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(
        ["group", "label", "metric", "n", "seeds", "mean", "std", "low", "high", "difference_to_best", "p",
         "verdict", *_COSTS, "currency", "runs"]
    )  # fmt: skip
    for group in comparison.groups:
        found, pair = group.summary, best.get(group.letter)
        costs = efficiency_of(group.runs)
        writer.writerow(
            [group.letter, _cell(group.label), _cell(comparison.metric), found.n,
             " ".join(map(str, sorted(group.seeds))), found.mean, found.std, found.low, found.high,
             None if pair is None else -pair.difference.mean, None if pair is None else pair.p,
             None if pair is None else pair.verdict, *(costs[name] for name in _COSTS),
             _cell(group.runs[0].currency), " ".join(_cell(run.run_id) for run in group.runs)]
        )  # fmt: skip
    return text.getvalue()


def _cell(text: str) -> str:
    """No spreadsheet takes it for a formula."""
    return f"'{text}" if text[:1] in ("=", "+", "-", "@", "\t", "\r") else text


def comparison_markdown(comparison: Comparison) -> str:
    """A table, the sentences, and what is not the same: for a pull request or a lab book."""
    unit = unit_of(comparison)
    lines = [f"**{_escaped(title(comparison))}**", ""]
    heads = ("", "group", "n", "mean ± std", "95 % interval", "time", "cost", "MFU")
    lines += [f"| {' | '.join(heads)} |", "|---" * len(heads) + "|"]
    for group in comparison.groups:
        cells = (group.letter, group.label, str(group.summary.n), group_value(group, unit),
                 group_interval(group, unit), time_of(group), cost_of(group), mfu_of(group))  # fmt: skip
        lines.append("| " + " | ".join(map(_escaped, cells)) + " |")
    lines.append("")
    for pair in comparison.pairs:
        parts = (
            f"{pair_head(pair)}: {pair_sentence(pair, unit)}",
            pair_details(pair),
            cost_sentence(pair, unit),
        )
        lines.append("- " + _escaped("; ".join(part for part in parts if part)))
    lines += ["", _escaped(winner_sentence(comparison))]
    if comparison.claim is not None:
        lines += ["", _escaped(claim_sentence(comparison, unit))]
    if comparison.findings:
        lines += ["", "Not the same:", ""]
        lines += [f"- {finding.level}: {_escaped(finding.text)}" for finding in comparison.findings]
    if comparison.left_out:
        lines += ["", "Left out:", ""]
        lines += [f"- {_escaped(each.run.run_id)}: {_escaped(each.why)}" for each in comparison.left_out]
    return "\n".join(lines) + "\n"


def _escaped(text: str) -> str:
    """Untrusted text in Markdown: no table, link, emphasis or HTML of its own."""
    for char in "\\`*_[]<>|#":
        text = text.replace(char, f"\\{char}")
    return " ".join(text.split())


def mfu_of(group: Group) -> str:
    """Mean model FLOPs utilisation, where every run tells one."""
    share = mean_of([run.mfu for run in group.runs])
    return DASH if share is None else f"{share:.1%}"


def time_of(group: Group) -> str:
    """Mean time of a run."""
    hours = mean_of([run.hours for run in group.runs])
    return DASH if hours is None else duration(hours)


def cost_of(group: Group) -> str:
    """Mean cost of a run."""
    cost = mean_of([run.cost for run in group.runs])
    return DASH if cost is None else money_words(cost, group.runs[0].currency)
