"""Where the runs of a report come from, as HTML. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

from guardrun.judging.audit import Audit
from guardrun.judging.compare_words import duration
from guardrun.judging.facts import RunFacts, flattened
from guardrun.judging.report_charts import Repeats
from guardrun.judging.report_html import MOST_RUNS, code, number, rest, table, text

_IN_FULL: Final = 6
"""Configurations whose facts stand open; those of the others unfold."""
_LAUNCHER: Final = ("command", "entry", "args", "name", "group", "seed")


def provenance_section(groups: Sequence[Repeats], audits: Sequence[Audit]) -> str:
    """What each configuration was, and every run of it."""
    parts = []
    for group in groups[:_IN_FULL]:
        head = f"<h3>{text(group.label, 80)}</h3>" if len(groups) > 1 else ""
        parts.append(head + _facts_table(group.runs[0]))
    parts += [
        f"<details><summary>{text(group.label, 80)}</summary>{_facts_table(group.runs[0])}</details>"
        for group in groups[_IN_FULL:MOST_RUNS]
    ]
    parts.append(rest(len(groups) - MOST_RUNS, "configurations", "guard show --config RUN"))
    rows = [_run_row(audit.facts) for audit in audits[:MOST_RUNS]]
    heads = ("run", "seed", "ended", "best", "step", "checkpoint", "time")
    return "".join(parts) + "<h3>Runs</h3>" + table(heads, rows, "wide") + rest(
        len(audits) - MOST_RUNS, "runs", "guard ls"
    )  # fmt: skip


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
