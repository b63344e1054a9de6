"""Numbers, comparison, signals and audit of a report as HTML; what a run says goes through ``text``. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import PurePath
from typing import Any, Final

from guardrun.judging.audit import Answered, Audit, ways_of, worst_state
from guardrun.judging.checklist_model import Answer, State
from guardrun.judging.compare import Comparison
from guardrun.judging.compare_tables import cost_of, mfu_of, time_of
from guardrun.judging.compare_words import (
    cost_sentence,
    duration,
    group_interval,
    group_value,
    pair_details,
    pair_head,
    pair_sentence,
    title,
    unit_of,
    winner_sentence,
)
from guardrun.judging.efficiency import margin
from guardrun.judging.facts import RunFacts
from guardrun.judging.report_charts import Repeats, last_values
from guardrun.judging.report_html import MOST_RUNS, code, number, prose, rest, table, text
from guardrun.signals.model import Signal
from guardrun.state.money import money_words

SIGNS: Final[Mapping[State, str]] = {"pass": "✓", "fail": "✗", "unknown": "?"}
VERDICTS: Final[Mapping[State, str]] = {
    "pass": "may be declared", "fail": "not to be declared", "unknown": "questions are open",
}  # fmt: skip
_ORDER: Final = {"act": 0, "warn": 1, "info": 2}
_MOST_SIGNALS: Final = 40
_MOST_PAIRS: Final = 12
_FEW_PAIRS: Final = 3


# -- headline


def headline(groups: Sequence[Repeats], comparison: Comparison | None, audits: Sequence[Audit]) -> str:
    """The numbers that somebody wants who reads no further."""
    cards = [*_result_cards(groups, comparison), *_cost_cards(audits)]
    body = "".join(
        f'<div class="card"><div class="label">{label}</div><div class="value">{value}</div>'
        f'<div class="sub">{below}</div></div>'
        for label, value, below in cards
    )
    return f'<div class="cards">{body}</div>'


def _result_cards(groups: Sequence[Repeats], comparison: Comparison | None) -> Iterator[tuple[str, str, str]]:
    """Label, value and what stands below it, as HTML."""
    if comparison is not None:
        best = comparison.groups[0]
        seeds = len(best.results)
        below = f"{seeds} seeds, mean ± std" if seeds > 1 else "one seed: no spread is known"
        name = f"{text(best.label, 60)}: " if len(comparison.groups) > 1 else ""
        yield (
            f"best {text(comparison.metric, 40)}",
            text(group_value(best, unit_of(comparison))),
            name + below,
        )
    elif groups and groups[0].runs[0].best is not None and groups[0].runs[0].monitor is not None:
        run = groups[0].runs[0]
        assert run.best is not None
        assert run.monitor is not None
        yield f"best {text(run.monitor.name, 40)}", number(run.best.value), f"at step {run.best.step:,}"
    chosen = comparison.groups[0].runs if comparison is not None else groups[0].runs if groups else ()
    tests = last_values(chosen, "test/")
    for name in sorted(tests, key=lambda each: ("acc" not in each, each))[:1]:
        values = tests[name]
        mean = sum(values) / len(values)
        spread = (
            (sum((value - mean) ** 2 for value in values) / (len(values) - 1)) ** 0.5
            if len(values) > 1
            else None
        )
        shown = number(mean) + (f" ± {spread:.2g}" if spread is not None else "")
        yield text(name, 40), shown, f"test set, {len(values)} {'runs' if len(values) > 1 else 'run'}"
    for run in chosen[:1]:
        by = margin(run)
        if run.baseline is not None and by is not None:
            sign = "+" if by > 0 else ""
            model = text(run.baseline.model or "baseline", 40)
            below = f"{text(run.baseline.metric, 40)}; {model}: {number(run.baseline.value)}"
            yield "over the baseline", f"{sign}{number(by)}", below


def _cost_cards(audits: Sequence[Audit]) -> Iterator[tuple[str, str, str]]:
    runs = [audit.facts for audit in audits]
    hours = [run.hours for run in runs if run.hours is not None]
    if hours:
        gpu = sum(run.gpu_hours or 0.0 for run in runs)
        money = [run.cost for run in runs if run.cost is not None]
        parts = (
            [f"{gpu:.3g} GPU hours"] if gpu else ["on the CPU"] if all(run.gpus == 0 for run in runs) else []
        )
        parts += [text(money_words(sum(money), runs[0].currency), 40)] if money else []
        count = f"{len(runs)} runs" if len(runs) > 1 else "one run"
        yield "training time", duration(sum(hours)), ", ".join([count, *parts])
    standing = [signal for run in runs for signal in run.signals if signal.cleared_at is None]
    worst = min((_ORDER.get(signal.severity, 2) for signal in standing), default=None)
    below = {0: "some ask for an action", 1: "warnings", 2: "for information"}.get(worst, "nothing stands")  # type: ignore[arg-type]
    yield "signals standing", str(len(standing)), below


# -- comparison


def comparison_section(comparison: Comparison) -> str:
    """Groups, differences, what makes them unfair, and what was left out."""
    unit = unit_of(comparison)
    rows = [
        (text(group.letter), text(group.label, 80), str(len(group.results)), text(group_value(group, unit)),
         text(group_interval(group, unit)), text(time_of(group)), text(cost_of(group)), mfu_of(group))
        for group in comparison.groups[:MOST_RUNS]
    ]  # fmt: skip
    heads = ("", "configuration", "n", "mean ± std", "95 % interval", "time", "cost", "MFU")
    parts = [f'<p class="sub">{text(title(comparison))}</p>', table(heads, rows, "wide"),
             rest(len(comparison.groups) - MOST_RUNS, "groups", "guard compare RUNS")]  # fmt: skip
    if len(comparison.groups) > 1:
        parts.append(f"<p><strong>{prose(winner_sentence(comparison))}.</strong></p>")
    shown = comparison.pairs[:_MOST_PAIRS]
    single = [pair for pair in shown if pair.verdict == "one run"] if len(shown) > _FEW_PAIRS else []
    if single:
        rough = (f"{pair_head(pair)}: {unit.difference(pair.difference.mean)}" for pair in single)
        told = "".join(f"<li>{text(line)}</li>" for line in rough)
        parts.append(f"<h3>One run a side, which shows nothing</h3><ul>{told}</ul>")
    for pair in (pair for pair in shown if pair not in single):
        lines = (pair_sentence(pair, unit), pair_details(pair), cost_sentence(pair, unit))
        told = "<br>".join(text(line) for line in lines if line)
        parts.append(f"<h3>{text(pair_head(pair))}</h3><p>{told}</p>")
    parts.append(rest(len(comparison.pairs) - _MOST_PAIRS, "differences", "guard compare RUNS"))
    if comparison.findings:
        items = "".join(f"<li>{text(finding.text)}</li>" for finding in comparison.findings)
        parts.append(f"<h3>What is not the same</h3><ul>{items}</ul>")
    if comparison.left_out:
        items = "".join(
            f"<li>{code(each.run.run_id)}: {text(each.why)}</li>" for each in comparison.left_out[:MOST_RUNS]
        )
        more = rest(len(comparison.left_out) - MOST_RUNS, "runs", "guard ls")
        parts.append(f"<h3>Left out</h3><ul>{items}</ul>{more}")
    return "".join(parts)


# -- signals


def signals_section(audits: Sequence[Audit]) -> str:
    """Every signal with its evidence, those that stand and ask for an action first."""
    told = [(audit.facts, signal) for audit in audits for signal in audit.facts.signals]
    told.sort(key=lambda pair: (pair[1].cleared_at is not None, _ORDER.get(pair[1].severity, 2)))
    if not told:
        return '<p class="muted">No signal was raised.</p>'
    several = len(audits) > 1
    shown = "".join(_signal(run, signal, several) for run, signal in told[:_MOST_SIGNALS])
    rest = len(told) - _MOST_SIGNALS
    return shown + (f'<p class="muted">and {rest} more</p>' if rest > 0 else "")


def _signal(run: RunFacts, signal: Signal, several: bool) -> str:
    over = "" if signal.cleared_at is None else f", cleared at step {signal.cleared_at:,}"
    where = f"step {signal.first_step:,}{over}" + (f" · {text(run.run_id)}" if several else "")
    evidence = ", ".join(f"{key} {_short(value)}" for key, value in list(signal.evidence.items())[:12])
    severity = signal.severity if signal.severity in _ORDER else "info"
    lines = [f'<strong class="{severity}">{text(signal.id)}</strong> <span class="sub">{where}</span>',
             text(signal.message)]  # fmt: skip
    if evidence:
        lines.append(f'<span class="sub">why: {text(evidence)}</span>')
    if signal.advice:
        lines.append(f'<span class="sub">do: {text(signal.advice)}</span>')
    return f'<div class="signal">{"<br>".join(lines)}</div>'


def _short(value: Any) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, Mapping):
        return " ".join(f"{key} {_short(inner)}" for key, inner in list(value.items())[:8])
    return f"{value:.4g}" if isinstance(value, float) else str(value)


# -- audit


def audit_section(audits: Sequence[Audit], best: Sequence[RunFacts] = ()) -> str:
    """All six questions with all items; of many runs the table, and the worst one of the best group."""
    if len(audits) == 1:
        return _questions(audits[0])
    chosen = sorted(audits, key=lambda audit: ("fail", "unknown", "pass").index(audit.verdict))
    rows = [
        (code(audit.facts.run_id), sign(audit.verdict, VERDICTS[audit.verdict]),
         *(sign(answer.state) for answer in audit.answers))
        for audit in chosen[:MOST_RUNS]
    ]  # fmt: skip
    heads = ("run", "verdict", *(answer.question.id for answer in audits[0].answers))
    declared = {run.run_id for run in best}
    typical = next((audit for audit in chosen if audit.facts.run_id in declared), chosen[0])
    return (
        table(heads, rows, "wide")
        + rest(len(audits) - MOST_RUNS, "runs", "guard audit RUNS")
        + f"<h3>In full: {code(typical.facts.run_id)}</h3>"
        + _questions(typical)
    )


def sign(state: State, word: str = "") -> str:
    shown = {"pass": "yes", "fail": "no", "unknown": "open"}[state]
    return f'<span class="{state}">{SIGNS[state]} {text(word or shown)}</span>'


def _questions(audit: Audit) -> str:
    return "".join(_question(answered, audit) for answered in audit.answers)


def _question(answered: Answered, audit: Audit) -> str:
    items = "".join(_part(name, answer) for name, _, answer in answered.parts)
    ways = ways_of(audit, (answer for _, _, answer in answered.parts)) if answered.state != "pass" else []
    steps = "".join(f"<li>{code(way) if way.startswith('guard ') else prose(way)}</li>" for way in ways)
    todo = f'<p class="todo">to turn it green</p><ul class="todo">{steps}</ul>' if ways else ""
    head = f"{sign(answered.state)} · {text(answered.question.text)}"
    return f'<div class="question {answered.state}"><h3>{head}</h3><ul>{items}</ul>{todo}</div>'


def _part(name: str, answer: Answer) -> str:
    place = PurePath(answer.file)
    told = f"{place.parent.name}/{place.name}" if place.is_absolute() else answer.file
    file = f' <span class="file">{text(told, 80)}</span>' if answer.file else ""
    return (
        f'<li><span class="{answer.state}">{SIGNS[answer.state]}</span>'
        f'<span class="muted">{text(name)}</span>'
        f"<span>{prose(answer.text)}{file}</span></li>"
    )


def verdict_of(audits: Sequence[Audit]) -> State:
    return worst_state(audit.verdict for audit in audits)
