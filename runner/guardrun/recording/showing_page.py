"""What a run looks like in a notebook: a few lines and curves, no scripts. Pure: a state in, HTML out."""

from __future__ import annotations

import html
from typing import TYPE_CHECKING, Final

import numpy as np

from guardrun.reading.plain_text import plain
from guardrun.series.curve_svg import Line, curve_svg
from guardrun.series.difference import final_course

if TYPE_CHECKING:
    from collections.abc import Iterator

    from guardrun.series.store import SeriesStore
    from guardrun.signals.model import Signal
    from guardrun.state.model import CheckpointRef, RunState

_ALARM, _CARE = "#d64545", "#c98a1b"
_MUTED: Final = "opacity:.7"
_LONGEST: Final = 200


def drawn(state: RunState, series: SeriesStore) -> str:
    """One ``<div>``. Everything that a run says is escaped; colours suit a light page and a dark one."""
    lines = [_head(state), *map(_signal, _standing(state)), *_checkpoints(state)]
    pictures = "".join(curve_svg(one) for one in _curves(state, series))
    if pictures:
        lines.append(f'<div style="display:flex;flex-wrap:wrap;gap:4px 14px;margin:6px 0">{pictures}</div>')
    lines.append(f'<div style="{_MUTED};font-size:90%">{_text(state.path)}</div>')
    return f'<div style="font:13px/1.5 sans-serif;max-width:720px">{"".join(lines)}</div>'


def _head(state: RunState) -> str:
    reason = f" · {_text(state.reason)}" if state.reason and state.reason != "completed" else ""
    steps = f"step {state.step:,}" + (f" of {state.total_steps:,}" if state.total_steps else "")
    epochs = "" if not state.total_epochs else f", epoch {(state.epoch or 0) + 1} of {state.total_epochs}"
    if state.total_epochs and (state.epoch or 0) >= state.total_epochs:
        epochs = f", {state.total_epochs} epochs"
    left = "" if not (state.status.live and state.eta_s) else f", about {_duration(state.eta_s)} left"
    return (
        f"<div><b>{_text(state.name)}</b> \u00a0{state.status.value}{reason} \u00a0"
        f'<span style="{_MUTED}">{steps}{epochs}{left}</span></div>'
    )


def _standing(state: RunState) -> list[Signal]:
    return [signal for signal in state.signals if signal.cleared_at is None][-4:]


def _signal(signal: Signal) -> str:
    colour = {"act": _ALARM, "warn": _CARE}.get(signal.severity, "inherit")
    return (
        f'<div><b style="color:{colour}">▲ {_text(signal.id)}</b> {_text(signal.message)} '
        f'<span style="{_MUTED}">step {signal.raised_at:,}</span></div>'
    )


def _checkpoints(state: RunState) -> Iterator[str]:
    for word, found in (("best", state.best), ("last", state.last)):
        if found is not None:
            yield f"<div>{word} {_checkpoint(found)}</div>"


def _checkpoint(found: CheckpointRef) -> str:
    metric = "" if found.metric is None else f"{found.metric:.5g} "
    known = {True: ", verified", False: ", damaged", None: ""}[found.verified]
    return f'{metric}<span style="{_MUTED}">at step {found.step:,}{known}: {_text(found.path)}</span>'


def _curves(state: RunState, series: SeriesStore) -> Iterator[list[Line]]:
    """The losses in one picture, then what decides which checkpoint is best, the gradients' norm and lr."""
    monitor = state.monitor.name if state.monitor is not None else ""
    wanted = [["train/loss", "val/loss"], [monitor], ["grad_norm"], ["lr"]]
    names = set(series.names())
    if "lr" in names and np.unique(series.get("lr").value).size < 2:
        names.remove("lr")
    told: set[str] = set()
    for group in wanted:
        lines = [_line(name, series) for name in group if name in names and name not in told]
        told.update(group)
        if lines:
            yield lines


def _line(name: str, series: SeriesStore) -> Line:
    x, y = final_course(series.get(name))
    placed = np.isfinite(x)
    return Line(name, x[placed], y[placed])


def _text(text: str) -> str:
    short = plain(text)
    return html.escape(short if len(short) <= _LONGEST else f"{short[: _LONGEST - 1]}…")


def _duration(seconds: float) -> str:
    """
    >>> [_duration(s) for s in (12.4, 340, 9000)]
    ['12 s', '5 min', '2.5 h']
    """
    if seconds < 90:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 5400 else f"{seconds / 3600:.1f} h"
