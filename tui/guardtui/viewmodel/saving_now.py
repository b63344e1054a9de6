"""A checkpoint that somebody asks for, in words: what it will be, how far it is."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import PurePath
from typing import Final

from guardrun.state.model import RunState, SaveAnswer
from guardtui import formatting
from guardtui.glyphs import Glyphs
from guardtui.snapshot import RunView
from guardtui.text import Line, Tone, clean, column, fit, line, shorten, wrapped
from guardtui.viewmodel.reach import Fate
from guardtui.viewmodel.several import counted
from guardtui.viewmodel.stopping import heading

_NAME: Final = 26

Asked = Sequence[tuple[RunView, str]]
"""Runs with the id of the request, "" while it is being written."""


def question(fate: Fate, width: int, g: Glyphs) -> list[Line]:
    """What will be written, or why nothing can be."""
    state = fate.view.state
    lines = heading(fate.view, width, g)
    if not fate.included:
        return lines + wrapped(f"This run {fate.words}: no checkpoint can be asked for.", width, "warn")
    lines += wrapped("It writes a checkpoint at its next step boundary and trains on.", width)
    last = state.last
    if last is None:
        return lines + wrapped("It has none yet.", width, "dim")
    known = [
        f"step {formatting.count(last.step)}",
        f"{formatting.size(last.bytes)}" if last.bytes else "",
        f"took {formatting.duration(last.seconds)}" if last.seconds and last.seconds >= 1 else "",
    ]
    told = ", ".join(each for each in known if each)
    return lines + wrapped(f"The newest one so far: {told}. The best one stays.", width, "dim")


def intro(meant: int, of: int) -> list[tuple[str, Tone]]:
    """About several."""
    return [(f"{counted(meant)} of {of} write a checkpoint at the next step boundary and train on.", "text")]


def settled(asked: Asked) -> bool:
    """Whether nothing more will happen."""
    return all(_is_settled(view.state, _answer(view, name)) for view, name in asked)


def progress(asked: Asked, sent: float, width: int, room: int, g: Glyphs) -> list[Line]:
    """Requested, seen, written; of several one line each."""
    if len(asked) == 1:
        view, name = asked[0]
        return heading(view, width, g) + _stages(view.state, _answer(view, name), sent, width, g)
    rows = [
        fit(
            line(column(clean(view.state.name), _NAME), "  ", *_stage(view.state, _answer(view, name), g)),
            width,
        )
        for view, name in asked
    ]
    return (
        rows if len(rows) <= room else [*rows[: room - 1], line((f"and {len(rows) - room + 1} more", "dim"))]
    )


def _answer(view: RunView, name: str) -> SaveAnswer | None:
    return next((save for save in view.state.saves if name and save.id == name), None)


def _is_settled(state: RunState, answer: SaveAnswer | None) -> bool:
    return not state.status.live or (answer is not None and bool(answer.written or answer.problem))


def _stages(state: RunState, answer: SaveAnswer | None, sent: float, width: int, g: Glyphs) -> list[Line]:
    lines = [line((f"{g.done} ", "good"), "requested")]
    if answer is None:
        waits = (
            "waits for the next step boundary" if state.status.live else "the run ended before it saw that"
        )
        return [*lines, line((f"{g.pending} ", "dim"), (waits, "dim" if state.status.live else "warn"))]
    seen = f"seen at step {formatting.count(answer.step)}"
    lines.append(line((f"{g.done} ", "good"), seen, (f"  {_seconds(answer.seen - sent)}", "dim")))
    if answer.problem:
        return lines + wrapped(f"{g.bad} {clean(answer.problem)}", width, "bad")
    if answer.written is None:
        return [*lines, line((f"{g.pending} writing", "dim"))]
    ref = answer.written
    took = f"  in {_seconds(ref.seconds)}" if ref.seconds is not None else ""
    size = f"  {formatting.size(ref.bytes)}" if ref.bytes else ""
    return [
        *lines,
        line((f"{g.done} ", "good"), "written", (f"{took}{size}", "dim")),
        (),
        *_whole(clean(PurePath(state.path, ref.path)), width),
    ]


def _whole(path: str, width: int) -> list[Line]:
    """A path with all its characters, on as many rows as it takes: somebody will copy it."""
    rows = [path[at : at + width] for at in range(0, len(path), max(1, width))]
    return [line((shorten(row, width), "strong")) for row in rows]


def _stage(state: RunState, answer: SaveAnswer | None, g: Glyphs) -> Line:
    if answer is None and state.status.live:
        return line((f"{g.pending} requested", "dim"))
    if answer is None:
        return line((f"{g.bad} ended before it saw that", "warn"))
    if answer.problem:
        return line((f"{g.bad} {clean(answer.problem)}", "bad"))
    if answer.written is None:
        return line((f"{g.pending} seen at step {formatting.count(answer.step)}", "text"))
    ref = answer.written
    took = f"  in {_seconds(ref.seconds)}" if ref.seconds is not None else ""
    return line((f"{g.done} ", "good"), clean(ref.path), (took, "dim"))


def _seconds(value: float | None) -> str:
    return "" if value is None else f"{max(0.0, value):.1f}s" if value < 60 else formatting.duration(value)
