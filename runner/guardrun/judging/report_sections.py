"""The parts of a report as HTML. Everything that comes from a run goes through ``text``. Pure."""

from __future__ import annotations

import html
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, Final

from guardrun.judging.audit import Answered, Audit, ways_out, worst_state
from guardrun.judging.checklist_model import Answer, State
from guardrun.judging.compare import Comparison
from guardrun.judging.compare_tables import cost_of, time_of
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
from guardrun.judging.facts import RunFacts, flattened
from guardrun.judging.report_charts import Repeats, last_values
from guardrun.reading.plain_text import plain
from guardrun.signals.model import Signal
from guardrun.state.money import money_words

SIGNS: Final[Mapping[State, str]] = {"pass": "✓", "fail": "✗", "unknown": "?"}
VERDICTS: Final[Mapping[State, str]] = {
    "pass": "may be declared", "fail": "not to be declared", "unknown": "questions are open",
}  # fmt: skip
_ORDER: Final = {"act": 0, "warn": 1, "info": 2}
_MOST_RUNS: Final = 60
_MOST_SIGNALS: Final = 40
_MOST_AUDITS: Final = 6
_LAUNCHER: Final = ("command", "entry", "args", "name", "group", "seed")


def text(value: Any, most: int = 400) -> str:
    """Untrusted text as HTML: no control characters, no tag, no attribute, of bounded length."""
    shown = plain(str(value))
    if len(shown) > most:
        shown = f"{shown[: most - 1]}…"
    return html.escape(shown, quote=True)


def code(value: Any, most: int = 400) -> str:
    return f"<code>{text(value, most)}</code>"


def number(value: float | None) -> str:
    return "–" if value is None else f"{value:.4g}".replace("-", "−")


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
            yield "over the baseline", f"{sign}{number(by)}", f"{model}: {number(run.baseline.value)}"


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
         text(group_interval(group, unit)), text(time_of(group)), text(cost_of(group)))
        for group in comparison.groups
    ]  # fmt: skip
    heads = ("", "configuration", "n", "mean ± std", "95 % interval", "time", "cost")
    parts = [f'<p class="sub">{text(title(comparison))}</p>', table(heads, rows, "wide")]
    if len(comparison.groups) > 1:
        parts.append(f"<p><strong>{text(winner_sentence(comparison))}.</strong></p>")
    for pair in comparison.pairs:
        lines = (pair_sentence(pair, unit), pair_details(pair), cost_sentence(pair, unit))
        told = "<br>".join(text(line) for line in lines if line)
        parts.append(f"<h3>{text(pair_head(pair))}</h3><p>{told}</p>")
    if comparison.findings:
        items = "".join(f"<li>{text(finding.text)}</li>" for finding in comparison.findings)
        parts.append(f"<h3>What is not the same</h3><ul>{items}</ul>")
    if comparison.left_out:
        items = "".join(
            f"<li>{code(each.run.run_id)}: {text(each.why)}</li>" for each in comparison.left_out[:_MOST_RUNS]
        )
        parts.append(f"<h3>Left out</h3><ul>{items}</ul>")
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
    return f"{value:.4g}" if isinstance(value, float) else str(value)


# -- audit


def audit_section(audits: Sequence[Audit]) -> str:
    """All six questions with all items; of many runs the table, and the first of those that are not green."""
    if len(audits) == 1:
        return _questions(audits[0])
    rows = [
        (code(audit.facts.run_id), sign(audit.verdict, VERDICTS[audit.verdict]),
         *(sign(answer.state) for answer in audit.answers))
        for audit in audits[:_MOST_RUNS]
    ]  # fmt: skip
    heads = ("run", "verdict", *(answer.question.id for answer in audits[0].answers))
    chosen = sorted(audits, key=lambda audit: ("fail", "unknown", "pass").index(audit.verdict))
    typical = chosen[0]
    return (
        table(heads, rows, "wide") + f"<h3>In full: {code(typical.facts.run_id)}</h3>" + _questions(typical)
    )


def sign(state: State, word: str = "") -> str:
    shown = {"pass": "yes", "fail": "no", "unknown": "open"}[state]
    return f'<span class="{state}">{SIGNS[state]} {text(word or shown)}</span>'


def _questions(audit: Audit) -> str:
    return "".join(_question(answered, audit.facts.config_source) for answered in audit.answers)


def _question(answered: Answered, config: str | None) -> str:
    items = "".join(_part(name, answer) for name, _, answer in answered.parts)
    ways = ways_out((answer for _, _, answer in answered.parts), config)
    todo = f'<p class="todo">to turn it green: {"; ".join(map(code, ways))}</p>' if ways else ""
    head = f"{sign(answered.state)} · {text(answered.question.text)}"
    return f'<div class="question {answered.state}"><h3>{head}</h3><ul>{items}</ul>{todo}</div>'


def _part(name: str, answer: Answer) -> str:
    file = f' <span class="file">{text(answer.file, 80)}</span>' if answer.file else ""
    return (
        f'<li><span class="{answer.state}">{SIGNS[answer.state]}</span>'
        f'<span class="muted">{text(name)}</span>'
        f"<span>{text(answer.text)}{file}</span></li>"
    )


# -- provenance


def provenance_section(groups: Sequence[Repeats], audits: Sequence[Audit]) -> str:
    """What each configuration was, and every run of it."""
    parts = []
    for group in groups[:_MOST_AUDITS]:
        head = f"<h3>{text(group.label, 80)}</h3>" if len(groups) > 1 else ""
        parts.append(head + _facts_table(group.runs[0]))
    rows = [_run_row(audit.facts) for audit in audits[:_MOST_RUNS]]
    heads = ("run", "seed", "ended", "best", "step", "checkpoint", "time")
    return "".join(parts) + "<h3>Runs</h3>" + table(heads, rows, "wide")


def _facts_table(run: RunFacts) -> str:
    rows = [(text(head), body) for head, body in _facts(run) if body]
    body = "".join(f'<tr><th scope="row">{head}</th><td>{value}</td></tr>' for head, value in rows)
    return f'<table class="facts"><tbody>{body}</tbody></table>'


def _facts(run: RunFacts) -> Iterator[tuple[str, str]]:
    """Head and value (HTML) of each row; a value is empty where nothing is known."""
    git, env = run.git, run.environment
    commit = str(git.get("commit") or "")
    dirty = " with uncommitted changes (git.diff)" if git.get("dirty") is True else ""
    yield "command", code(" ".join(run.command)) if run.command else ""
    yield "configuration", _settings(run)
    yield "code", code(commit[:12]) + dirty if commit else _sources(git)
    yield "data", "<br>".join(_data(name, record) for name, record in run.data.items())
    if run.preprocessing:
        yield "preprocessing", ", ".join(code(sha[:12]) for sha in run.preprocessing_sha256 if sha)
    names = (("Python", "python"), ("torch", "torch"), ("CUDA", "cuda"), ("", "os"))
    words = [(name, _version(env.get(key))) for name, key in names]
    yield "environment", text(" · ".join(f"{name} {value}".strip() for name, value in words if value))
    yield "machine", text(" · ".join(filter(None, (run.host, _gpus(env), _precision(run)))))


def _version(value: Any) -> str:
    """A version, told by itself or within a record of a library."""
    found = value.get("version") if isinstance(value, Mapping) else value
    return str(found) if isinstance(found, str | int | float) else ""


def _settings(run: RunFacts) -> str:
    """What was set by somebody, defaults only counted."""
    flat = flattened(run.config)
    default = {key for key, origin in run.config_origins.items() if origin == "default"}
    told = [f"{code(f'{key} = {value}', 120)}" for key, value in flat.items()
            if key not in default and key not in _LAUNCHER and value not in (None, {}, [])]  # fmt: skip
    count = f' <span class="muted">and {len(default)} defaults</span>' if default else ""
    return " ".join(told[:60]) + count


def _sources(git: Mapping[str, Any]) -> str:
    sha = str(git.get("code_sha256") or "")
    return f"no git; hash of the sources {code(sha[:12])}" if sha else ""


def _data(name: str, record: Mapping[str, Any]) -> str:
    count = record.get("count")
    size = f" · {count:,} examples" if isinstance(count, int) else ""
    sha = str(record.get("sha256") or "")
    return f"{text(name, 60)}{size} · {code(sha[:16]) if sha else 'no hash'}"


def _gpus(env: Mapping[str, Any]) -> str:
    gpus = env.get("gpus")
    names = (
        [str(gpu.get("name")) if isinstance(gpu, Mapping) else str(gpu) for gpu in gpus or ()]
        if isinstance(gpus, list)
        else []
    )
    return f"{len(names)} × {names[0]}" if names else ""


def _precision(run: RunFacts) -> str:
    return f"precision {run.precision}" if run.precision else ""


def _run_row(run: RunFacts) -> tuple[str, ...]:
    best = run.best
    proved = {True: "✓ ", False: "✗ ", None: ""}
    ref = run.best_checkpoint
    kept = f"{proved[ref.verified]}{code(ref.sha256[:12])}" if ref is not None else "none"
    ended = f"{run.status.value}" + (f": {run.reason}" if run.reason else "")
    return (
        code(run.run_id), "–" if run.seed is None else str(run.seed), text(ended, 60),
        number(best.value if best else None), f"{best.step:,}" if best else "–", kept,
        "–" if run.hours is None else duration(run.hours),
    )  # fmt: skip


# -- pieces


def table(heads: Sequence[str], rows: Iterable[Sequence[str]], style: str) -> str:
    """A table whose cells are HTML already; wider than the page, it scrolls."""
    head = "".join(f'<th scope="col">{text(each)}</th>' for each in heads)
    body = "".join(f"<tr>{''.join(f'<td>{cell}</td>' for cell in row)}</tr>" for row in rows)
    inner = f"<thead><tr>{head}</tr></thead><tbody>{body}</tbody>"
    return f'<div class="scroll"><table class="{style}">{inner}</table></div>'


def verdict_of(audits: Sequence[Audit]) -> State:
    return worst_state(audit.verdict for audit in audits)
