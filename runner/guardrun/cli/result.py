"""How a run ended, in a few lines for the person who waited for it."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from guardrun.cli.output import own_words
from guardrun.cli.terminal import styled
from guardrun.events.paths import RunPaths
from guardrun.provenance.config import format_duration
from guardrun.reading.plain_text import plain
from guardrun.state.money import money_words

if TYPE_CHECKING:
    from guardrun.signals.model import Signal
    from guardrun.state.model import CheckpointRef, RunState

_READ_S = 20.0
_MAX_SIGNALS = 6
_COLOURS = {"finished": "green", "stopped": "yellow", "aborted": "red", "failed": "red", "killed": "red"}
_SEVERITY = {"act": ("red", "bold"), "warn": ("yellow",), "info": ()}
_RESUMABLE = frozenset(("stopped", "aborted", "failed", "killed"))


def print_result(paths: RunPaths, end: Mapping[str, Any]) -> None:
    """The result block of a finished attempt on standard output."""
    # Only now: it brings numpy along, and the training starts sooner without it.
    from guardrun.following.run_follower import RunFollower

    follower = RunFollower(paths.root)
    follower.catch_up(_READ_S)
    state = follower.state()
    follower.close()
    for label, text, styles in result_lines(state, end, _shown(paths.root)):
        print(f"{styled(f'{label:<10}', 'dim')} {styled(plain(text), *styles)}" if text else "")
    sys.stdout.flush()


def result_lines(
    state: RunState, end: Mapping[str, Any], folder: str
) -> list[tuple[str, str, tuple[str, ...]]]:
    """(label, text, styles) of each line; an empty text is an empty line."""
    from guardrun.state.fold import LOST_END

    status = str(end.get("status") or state.status)
    reason = str(end.get("reason") or state.reason)
    lines: list[tuple[str, str, tuple[str, ...]]] = [("", "", ())]
    told = status if reason in ("", status) else f"{status} · {reason}"
    lines.append(("status", told, (_COLOURS.get(status, "bold"), "bold")))
    if end.get("error"):
        lines.append(("error", str(end["error"]), ("red",)))
    if state.step or state.total_steps:
        lines.append(("steps", _steps(state), ()))
    elif state.elapsed_s is not None:
        lines.append(("time", format_duration(state.elapsed_s), ()))
    if state.best is not None:
        lines.append(("best", _checkpoint(state.best, state), _trust(state.best)))
    if state.last is not None and (state.best is None or state.last.path != state.best.path):
        lines.append(("last", _checkpoint(state.last, state), _trust(state.last)))
    if state.best is None and state.last is None:
        lines.append(("best", "no checkpoint was written", ("dim",)))
    lines.extend(_signals(state))
    lines.extend(("note", note, ("yellow",)) for note in state.notes if note == LOST_END)
    if state.cost is not None:
        lines.append(("cost", money_words(state.cost, state.currency), ()))
    lines.append(("directory", folder, ()))
    if status in _RESUMABLE and (state.last or state.best):
        lines.append(("resume", f"guard run --resume {folder}", ("dim",)))
    return lines


def _steps(state: RunState) -> str:
    text = f"{state.step:,}"
    if state.total_steps:
        text += f" of {state.total_steps:,}"
    if state.epoch is not None:
        text += f", epoch {state.epoch + 1}" + (f" of {state.total_epochs}" if state.total_epochs else "")
    if state.elapsed_s is not None:
        text += f", {format_duration(state.elapsed_s)}"
    return text


def _checkpoint(ref: CheckpointRef, state: RunState) -> str:
    parts = [ref.path + own_words(ref), f"step {ref.step:,}"]
    if ref.metric is not None and state.monitor is not None:
        parts.append(f"{state.monitor.name} {ref.metric:.6g}")
    if ref.verified is None:
        parts.append("not verified")
    else:
        parts.append("verified" if ref.verified else f"DAMAGED: {ref.problem or 'it failed its proof'}")
    return "  ".join(parts)


def _trust(ref: CheckpointRef) -> tuple[str, ...]:
    return ("red",) if ref.verified is False else ()


def _signals(state: RunState) -> list[tuple[str, str, tuple[str, ...]]]:
    """The signals of this run, the gravest first, each with what to do about it."""
    from guardrun.cli.run_words import over_words, would_words

    order = {"act": 0, "warn": 1, "info": 2}
    signals: list[Signal] = sorted(state.signals, key=lambda one: order.get(one.severity, 3))
    lines: list[tuple[str, str, tuple[str, ...]]] = []
    for one in signals[:_MAX_SIGNALS]:
        remarks = [
            over_words(one),
            would_words(one) if one.would_do is not None else "",
            "acknowledged" if one.acknowledged_at is not None else "",
        ]
        told = ", ".join(remark for remark in remarks if remark)
        text = f"[{one.severity}] {one.id} at step {one.raised_at:,}: {one.message}"
        text += f" ({told})" if told else ""
        lines.append(("signal", text, _SEVERITY.get(one.severity, ())))
        if one.advice:
            lines.append(("", f"→ {one.advice}", ()))
    if len(signals) > _MAX_SIGNALS:
        lines.append(("", f"… and {len(signals) - _MAX_SIGNALS} more: guard show", ("dim",)))
    return lines


def _shown(folder: Path) -> str:
    """The folder as somebody standing here would type it."""
    relative = os.path.relpath(folder)
    return str(folder) if relative.startswith("..") else relative
