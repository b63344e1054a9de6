"""The page of one run: what it is, how far, how good, what is wrong, what is kept, how to go on."""

from __future__ import annotations

import textwrap
import time
from collections.abc import Iterable, Iterator
from typing import Final

from guardrun.cli.output import own_words, padded, screen_width, shortened
from guardrun.cli.run_words import age_seconds, local_time, reason_words, signal_place, status_words
from guardrun.cli.signal_block import signal_block, worst_standing_first
from guardrun.cli.terminal import styled
from guardrun.reading.plain_text import plain
from guardrun.state.model import Attempt, CheckpointRef, RunState
from guardrun.state.money import money_words
from guardtui import formatting
from guardtui.glyphs import Glyphs, choose

_WIDEST: Final = 100
_LABEL: Final = 13
_MOST_CLEARED: Final = 5
_MOST_ATTEMPTS: Final = 8
_MOST_NOTES: Final = 8
_LONGEST_ERROR: Final = 400
_DOT: Final = " · "
_JOB: Final = (("partition", "partition"), ("nodes", "on"))
_SEEDED: Final = ("python", "numpy", "torch", "cuda")


def run_page(
    state: RunState,
    *,
    efficiency: Iterable[str] = (),
    checklist: Iterable[str] = (),
    offers: Iterable[str] = (),
    width: int | None = None,
    now: float | None = None,
) -> list[str]:
    """The lines to print, at most ``width`` cells each (default: the terminal's, up to 100).

    ``offers``: what can be used in place of damaged checkpoints.
    """
    width = screen_width(_WIDEST) if width is None else width
    now = time.time() if now is None else now
    glyphs = choose()
    sections = (
        _title(state, glyphs, width),
        _block("source", _source(state), width),
        _block("job", _job(state), width),
        _block("progress", _progress(state, now), width),
        _block("monitor", _monitor(state, glyphs), width),
        _block("checkpoints", [*_checkpoints(state, glyphs), *offers], width),
        _signals(state, glyphs, width),
        _block("stop", _stop(state), width),
        _block("seeds", _seeds(state), width),
        _block("data", _data(state), width),
        _block("environment", _environment(state), width),
        _block("git", _git(state), width),
        _block("command", [shortened(plain(" ".join(state.command)), 400)] if state.command else [], width),
        _block("cost", _cost(state), width),
        _block("efficiency", map(plain, efficiency), width),
        _ready_made("checklist", checklist),
        _block("attempts", _attempts(state), width),
        _block("tags", ["  ".join(f"#{plain(tag)}" for tag in state.tags)] if state.tags else [], width),
        _block("notes", _said(state), width),
        _block("log", _log(state), width),
        _block("next", _next(state), width),
    )
    return [line for section in sections for line in section]


def _title(state: RunState, glyphs: Glyphs, width: int) -> list[str]:
    words, styles = status_words(state, glyphs)
    reason = reason_words(state.reason)
    code = f"exit code {state.exit_code}" if state.exit_code not in (None, 0) else ""
    after = ", ".join(dict.fromkeys(part for part in (reason, code) if part))
    name = plain(state.name)
    group = f"  group {plain(state.group)}" if state.group else ""
    head = f"{styled(words, *styles, 'bold')}  {styled(shortened(name, 40), 'bold')}{styled(group, 'dim')}"
    lines = [head]
    if after:
        lines += [f"  {line}" for line in textwrap.wrap(after, width - 2)]
    if state.error:
        told = textwrap.wrap(shortened(plain(state.error), _LONGEST_ERROR), width - 2)
        lines += [f"  {styled(line, 'red')}" for line in told]
    lines.append(styled(f"  {shortened(plain(state.path), width - 2)}", "dim"))
    lines.append("")
    return lines


def _block(label: str, lines: Iterable[str], width: int) -> Iterator[str]:
    """A label, and its lines wrapped beside it; nothing without lines."""
    head = styled(padded(label, _LABEL), "dim")
    for line in lines:
        for part in textwrap.wrap(line, max(20, width - _LABEL), break_on_hyphens=False) or [""]:
            yield head + part
            head = " " * _LABEL


def _ready_made(label: str, lines: Iterable[str]) -> Iterator[str]:
    """A label, and beside it lines that have their width and colours already."""
    for line in lines:
        yield styled(padded(label, _LABEL), "dim") + line
        label = ""


def _progress(state: RunState, now: float) -> Iterator[str]:
    total = f" of {state.total_steps:,}" if state.total_steps else ""
    share = f" ({formatting.percent(min(1.0, state.step / state.total_steps))})" if state.total_steps else ""
    parts = [f"step {state.step:,}{total}{share}"]
    if state.epoch is not None:
        number = state.epoch + 1
        epochs = f" of {state.total_epochs:,}" if state.total_epochs else ""
        parts.append(f"epoch {min(number, state.total_epochs or number):,}{epochs}")
    if state.status.live:
        parts.append(formatting.rate(state.step_rate))
        parts.append(f"ETA {formatting.duration(state.eta_s)}" if state.eta_s is not None else "")
    yield _DOT.join(part for part in parts if part)
    second = []
    if state.elapsed_s is not None:
        second.append(f"{formatting.duration(state.elapsed_s)} of training")
    age = age_seconds(state, now)
    if age is not None:
        second.append(f"last event {formatting.ago(age)}")
    if state.status.live and state.phase:
        second.append(f"phase {plain(state.phase)}")
    if state.ranks > 1:
        second.append(f"{state.ranks} ranks")
    if not (state.supervised or state.source):
        second.append("no supervisor")
    if second:
        yield _DOT.join(second)


def _job(state: RunState) -> Iterator[str]:
    job = state.job
    if not job.get("job_id"):
        return
    parts = [f"Slurm {plain(str(job['job_id']))}"]
    parts += [f"{what} {plain(str(job[key]))}" for key, what in _JOB if job.get(key)]
    restarts = job.get("restarts")
    if restarts:
        parts.append(f"requeued {plain(str(restarts))} ×")
    yield _DOT.join(parts)


def _source(state: RunState) -> Iterator[str]:
    if state.source:
        yield f"{plain(state.source)}: not started by guard, watched and judged only"


def _monitor(state: RunState, glyphs: Glyphs) -> Iterator[str]:
    monitor = state.monitor
    if monitor is None:
        return
    arrow = glyphs.rising if monitor.mode == "max" else glyphs.falling
    where = f" at step {monitor.best_step:,}" if monitor.best_step is not None else ""
    if monitor.last is None:
        yield f"{plain(monitor.name)} {arrow}{_DOT}not logged yet"
        return
    best = f"best {formatting.number(monitor.best)}{where}" if monitor.best is not None else "no finite value"
    yield f"{plain(monitor.name)} {arrow}{_DOT}{best}{_DOT}last {formatting.number(monitor.last)}"


def _checkpoints(state: RunState, glyphs: Glyphs) -> Iterator[str]:
    if state.source:
        return
    if state.best is None and state.last is None:
        yield "none yet" if state.can_save else "none: guard cannot save this run (it tracks no model)"
        return
    for role, ref in (("best", state.best), ("last", state.last)):
        if ref is not None:
            yield f"{role}  {_checkpoint(ref, glyphs)}"


def _checkpoint(ref: CheckpointRef, glyphs: Glyphs) -> str:
    parts = [plain(ref.path) + own_words(ref)]
    if f"step-{ref.step}-" not in ref.path:
        parts.append(f"step {ref.step:,}")
    if ref.metric is not None:
        parts.append(formatting.number(ref.metric))
    if ref.bytes is not None:
        parts.append(formatting.size(ref.bytes))
    if ref.verified is None:
        parts.append("not proved yet")
    elif ref.verified:
        parts.append(f"{glyphs.done} verified")
    else:
        parts.append(f"{glyphs.bad} damaged: {plain(ref.problem) or 'its files do not match its hashes'}")
    return _DOT.join(parts)


def _signals(state: RunState, glyphs: Glyphs, width: int) -> Iterator[str]:
    known = worst_standing_first(state.signals)
    if not known:
        yield from _block("signals", ["none"], width)
        return
    cleared = sum(signal.cleared_at is not None for signal in known)
    label = "signals"
    for signal in known[: len(known) - max(0, cleared - _MOST_CLEARED)]:
        for line in signal_block(signal, signal_place(signal), glyphs, width - _LABEL):
            yield styled(padded(label, _LABEL), "dim") + line
            label = ""
    if cleared > _MOST_CLEARED:
        yield " " * _LABEL + styled(f"and {cleared - _MOST_CLEARED} more that were cleared", "dim")


def _stop(state: RunState) -> Iterator[str]:
    if not state.stop:
        return
    start = state.stop[0].t
    parts = []
    for stage in state.stop:
        rank = f" by rank {stage.rank}" if stage.rank else ""
        role = next((f" {role}" for role in ("best", "last") if stage.text.startswith(f"{role}:")), "")
        parts.append(f"{plain(stage.stage)}{role}{rank} {max(0.0, stage.t - start):.1f}s")
    yield _DOT.join(parts[-12:])


def _cost(state: RunState) -> Iterator[str]:
    if state.cost is not None:
        yield plain(money_words(state.cost, state.currency))


def _seeds(state: RunState) -> Iterator[str]:
    if not state.seeds:
        return
    seeded = [name for name in _SEEDED if state.seeds.get(name)]
    of = f" ({', '.join(seeded)})" if seeded else ""
    deterministic = f"{_DOT}deterministic" if state.seeds.get("deterministic") is True else ""
    yield f"{plain(str(state.seeds.get('seed', '?')))}{of}{deterministic}"


def _data(state: RunState) -> Iterator[str]:
    for event in state.data:
        sha = str(event.get("sha256") or "")[:12]
        count = event.get("count")
        parts = [plain(str(event.get("name") or "?"))]
        if isinstance(count, int):
            parts.append(f"{count:,} samples")
        if sha:
            parts.append(f"sha256 {plain(sha)}")
        yield _DOT.join(parts)


def _environment(state: RunState) -> Iterator[str]:
    env = state.env
    parts = []
    for key, label in (("python", "Python"), ("torch", "torch"), ("cuda", "CUDA"), ("platform", "")):
        value = env.get(key)
        if isinstance(value, str | int | float) and value:
            parts.append(f"{label} {plain(str(value))}".strip())
    gpus = env.get("gpus")
    if isinstance(gpus, list) and gpus:
        names = list(dict.fromkeys(plain(str(gpu)) for gpu in gpus))
        parts.append(f"{len(gpus)} × {', '.join(names)}")
    elif state.gpu_note:
        parts.append(plain(state.gpu_note))
    if state.host:
        parts.append(f"host {plain(state.host)}")
    if parts:
        yield _DOT.join(parts)


def _git(state: RunState) -> Iterator[str]:
    git = state.git
    commit = git.get("commit")
    if not isinstance(commit, str) or not commit:
        return
    branch = git.get("branch")
    on = f" on {plain(branch)}" if isinstance(branch, str) and branch else ""
    dirty = f"{_DOT}uncommitted changes, kept in git.diff" if git.get("dirty") else ""
    yield f"{plain(commit)[:12]}{on}{dirty}"


def _attempts(state: RunState) -> Iterator[str]:
    if len(state.attempts) < 2:
        return
    for attempt in state.attempts[-_MOST_ATTEMPTS:]:
        yield _attempt(attempt)


def _attempt(attempt: Attempt) -> str:
    parts = [f"{attempt.number}  {local_time(attempt.started)}", f"from step {attempt.from_step:,}"]
    if attempt.ended is not None:
        parts.append(formatting.duration(max(0.0, attempt.ended - attempt.started)))
    if attempt.status:
        reason = reason_words(attempt.reason)
        parts.append(plain(attempt.status) + (f": {reason}" if reason else ""))
    return _DOT.join(parts)


def _log(state: RunState) -> Iterator[str]:
    if state.bad_lines:
        lines = "line" if state.bad_lines == 1 else "lines"
        yield f"{state.bad_lines:,} {lines} could not be read and were left out"
    if state.dropped_events:
        yield f"{state.dropped_events:,} events could not be written (a full or failing disk)"
    for note in state.notes[:_MOST_NOTES]:
        yield shortened(plain(note), 300)
    if len(state.notes) > _MOST_NOTES:
        yield f"and {len(state.notes) - _MOST_NOTES} more notes"


def _said(state: RunState) -> Iterator[str]:
    """Notes of people, the newest ones."""
    for each in state.remarks[-_MOST_NOTES:]:
        when = time.strftime("%Y-%m-%d %H:%M", time.localtime(each.t)) if 0 < each.t < 2**40 else ""
        yield _DOT.join(part for part in (when, plain(each.by), plain(each.text)) if part)


def _next(state: RunState) -> Iterator[str]:
    """The one command that a person most likely wants now."""
    run = plain(state.run_id)
    if state.source:
        yield f"guard watch {plain(state.path)}{_DOT}guard signals {plain(state.path)}"
    elif state.status.live:
        attach = f"guard run --attach {run}{_DOT}" if state.deserted else ""
        yield f"{attach}guard watch {plain(state.path)}{_DOT}guard stop {run}"
    elif state.reason != "completed" and state.last is not None and state.last.verified is not False:
        yield f"guard run --resume {run}"
