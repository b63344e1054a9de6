"""A resume in words: from where, with what, how far its start is."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Final

from guardtui import formatting
from guardtui.glyphs import Glyphs
from guardtui.snapshot import RunView
from guardtui.text import Line, Tone, clean, column, fit, line, wrapped
from guardtui.viewmodel.faces import status_face
from guardtui.viewmodel.reach import Fate
from guardtui.viewmodel.run_header import proof
from guardtui.viewmodel.several import counted
from guardtui.viewmodel.stopping import heading

if TYPE_CHECKING:
    from guardtui.resuming import Plan

_NAME: Final = 26
_MARGIN: Final = 9

Told = Sequence[tuple[RunView, int, str, bool]]
"""Run, the attempt before, what went wrong, whether its supervisor has started."""


def question(fate: Fate, plan: Plan | None, width: int, g: Glyphs) -> list[Line]:
    """From which step, as which attempt, with which configuration; or why not."""
    lines = heading(fate.view, width, g)
    if not fate.included:
        return lines + wrapped(f"This run {fate.words}.", width, "warn")
    if plan is None:
        return [*lines, line((f"{g.pending} checking its checkpoint and configuration", "dim"))]
    if plan.waits:
        text = "its supervisor still proves the checkpoints of the attempt before; it is asked again"
        return [*lines, *wrapped(f"{g.pending} {text}", width, "dim")]
    if plan.problem:
        return lines + wrapped(plan.problem, width, "bad")
    state = fate.view.state
    ref = state.last or state.best
    sentence = line(f"It {fate.words}")
    lines.append((*sentence, *proof(ref, g)))
    for name, value in plan.facts:
        for number, row in enumerate(wrapped(value, width - _MARGIN)):
            lines.append((*line((column("" if number else name, _MARGIN), "dim")), *row))
    if plan.remarks:
        lines += wrapped(plan.remarks, width, "warn")
    return [*lines, *wrapped("It runs on by itself when the dashboard is closed.", width, "dim")]


def intro(meant: int, of: int) -> list[tuple[str, Tone]]:
    """About several."""
    return [
        (f"{counted(meant)} of {of} go on from their last checkpoint, one started after the other.", "text"),
        ("They share this machine; each runs on by itself when the dashboard is closed.", "dim"),
    ]


def progress(told: Told, width: int, room: int, g: Glyphs) -> list[Line]:
    """Starting, started, training; or what went wrong."""
    if len(told) == 1:
        view, before, problem, runs = told[0]
        lines = heading(view, width, g)
        if problem:
            return lines + wrapped(problem, width, "bad")
        return [*lines, _stage(view, before, runs, g)]
    rows = []
    for view, before, problem, runs in told:
        words = line((f"{g.bad} {clean(problem)}", "bad")) if problem else _stage(view, before, runs, g)
        rows.append(fit(line(column(clean(view.state.name), _NAME), "  ", *words), width))
    return (
        rows if len(rows) <= room else [*rows[: room - 1], line((f"and {len(rows) - room + 1} more", "dim"))]
    )


def _stage(view: RunView, before: int, runs: bool, g: Glyphs) -> Line:
    state = view.state
    if state.attempt > before and (state.phase not in ("", "setup") or not state.status.live):
        face = status_face(state.status, g)
        return line(
            (f"{g.done} ", "good"), f"attempt {state.attempt}: ", (f"{face.shape} {face.word}", face.tone),
            f" at step {formatting.count(state.step)}",
        )  # fmt: skip
    if runs:
        return line((f"{g.pending} ", "dim"), f"attempt {before + 1} is starting")
    return line((f"{g.pending} starting", "dim"))
