"""A safe stop in words: what would happen, what is happening, what was kept."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, NamedTuple

from guardrun.state.log_words import log_words
from guardrun.state.model import RunState, StopStage
from guardrun.state.values import real, table
from guardtui import formatting
from guardtui.glyphs import Glyphs
from guardtui.snapshot import RunView
from guardtui.text import Line, Tone, clean, fit, line, shorten, wrapped
from guardtui.viewmodel.faces import status_face
from guardtui.viewmodel.progress import steps_words
from guardtui.viewmodel.reach import Fate, steps_at_risk
from guardtui.viewmodel.run_header import proof, reason_words
from guardtui.viewmodel.stages import stage_words

_GRACE_S: Final = 60.0
_EXPECTED_SUPERVISED: Final = ("requested", "acknowledged", "saved", "ended", "gone", "verified")
_EXPECTED_ALONE: Final = ("requested", "acknowledged", "saved", "ended")
_ENDS: Final = {"saving": ("saved",), "verifying": ("verified", "damaged")}
"""Stages that go on until one of these is reached."""
_TOLD: Final = frozenset(("saved", "verified", "damaged", "offer", "SIGINT", "SIGTERM", "SIGKILL"))
"""Stages whose own text says more than the stage does."""
_TONES: Final[dict[str, Tone]] = {"damaged": "bad", "offer": "warn", "SIGTERM": "warn", "SIGKILL": "bad"}


class Question(NamedTuple):
    """What the dialog says before anything is sent."""

    lines: list[Line]
    allowed: bool
    loses_work: bool
    """Whether Enter alone must not confirm."""


def heading(view: RunView, width: int, g: Glyphs) -> list[Line]:
    """Which run this is about."""
    state = view.state
    face = status_face(state.status, g)
    name = shorten(clean(state.name) or clean(view.path.name), width - 14)
    return [
        line((name, "title"), (f"  {face.shape} {face.word}", face.tone)),
        fit(line((f"{steps_words(state)}  {clean(state.run_id)}", "dim")), width),
        (),
    ]


def question(view: RunView, width: int, g: Glyphs, *, now: bool = False) -> Question:
    """Which run, what will happen to it, which checkpoint is kept; or why it can't be stopped."""
    lines = heading(view, width, g)
    refusal = _refusal(view)
    if refusal:
        return Question(lines + wrapped(refusal, width, "warn"), allowed=False, loses_work=False)
    for text, tone in [*_promises(view, now), *(_climbs(view.state) if now else [])]:
        lines.extend(wrapped(text, width, tone))
    return Question(lines, allowed=True, loses_work=now or not view.state.can_save)


def intro(meant: Sequence[Fate], of: int, *, now: bool) -> list[tuple[str, Tone]]:
    """What will happen to several."""
    if not meant:
        return [("None of these can be stopped.", "warn")]
    which = f"{len(meant)} of {of} runs" if len(meant) < of else f"{of} runs"
    rest = "finish their step, write a last checkpoint and end"
    if not now:
        return [(f"{which} {rest}; a running evaluation comes first. Best checkpoints stay.", "text")]
    said: list[tuple[str, Tone]] = [
        (f"{which} {rest}; a running evaluation is discarded. Best checkpoints stay.", "text")
    ]
    return said + _climbs(meant[0].view.state)


def _refusal(view: RunView) -> str:
    state = view.state
    if state.source:
        return (
            f"This is a {clean(log_words(state.source))}: guard did not start its training and cannot stop "
            "it. Stop it where it was started."
        )
    if not state.status.live:
        reason = reason_words(state)
        because = f" ({reason})" if reason else ""
        if state.status.value == "lost":
            return f"Nothing answers for this run{because}: there is nobody to stop it."
        return f"This run is over: {state.status.value}{because}. There is nothing to stop."
    if view.owner:
        return f"This run belongs to {clean(view.owner)}. A training obeys only its owner: ask them."
    if view.unwritable:
        return f"Nothing can be asked of this run: its folder {clean(view.unwritable)}."
    return ""


def _climbs(state: RunState) -> list[tuple[str, Tone]]:
    """This stop was asked for in a hurry, and says that it climbs by itself."""
    if not state.supervised:
        return []
    grace = real(table(state.config.get("stop")).get("grace")) or _GRACE_S
    return [
        (
            f"Where nothing moves for {formatting.duration(grace)} it climbs by itself: SIGINT, SIGTERM, "
            "SIGKILL. Steps since the last checkpoint may then be lost.",
            "warn",
        )
    ]


def _promises(view: RunView, now: bool = False) -> list[tuple[str, Tone]]:
    state = view.state
    said: list[tuple[str, Tone]] = []
    if state.can_save and now and state.phase == "eval":
        risk = steps_at_risk(view)
        kept = f" behind the last checkpoint (step {formatting.count(state.last.step)})" if state.last else ""
        lost = f"{risk}{kept} are discarded" if risk else " is discarded, and nothing else"
        said += [
            (f"It is evaluating. That evaluation{lost}.", "bad"),
            ("The safe stop (s) waits for its end and loses nothing.", "text"),
        ]
    elif state.can_save and now:
        said.append(
            ("It finishes its step, writes a last checkpoint and ends; no evaluation follows.", "text")
        )
    elif state.can_save:
        said.append(
            (
                "It finishes its step (or a running evaluation), writes a last checkpoint and ends.",
                "text",
            )
        )
    elif not state.phase:
        said.append(("The command does not use guard's library: it gets SIGINT, and no checkpoint is "
                     "promised. Everything since its last own save is lost.", "bad"))  # fmt: skip
    else:
        said.append(("guard cannot save this run: it neither tracks a model nor saves by itself. "
                     "Everything since its last own save is lost.", "bad"))  # fmt: skip
    if state.best is not None:
        metric = f" ({formatting.number(state.best.metric)})" if state.best.metric is not None else ""
        said.append((f"The best checkpoint stays: step {formatting.count(state.best.step)}{metric}.", "good"))
    elif state.can_save:
        said.append(("There is no best checkpoint yet.", "warn"))
    if view.elsewhere:
        said.append(
            (
                f"It runs on {clean(state.host)}: the request goes by the shared folder, in up to a minute.",
                "warn",
            )
        )
    if not state.supervised:
        said.append(("No supervisor watches it: nothing but the training itself can answer.", "dim"))
    return said


def stage_lines(state: RunState, sent: float | None, width: int, g: Glyphs) -> list[Line]:
    """Each stage with its time since the request; what goes on or is still to come is dim."""
    silent = ("offer",) if state.best or state.last or state.status.live else ("offer", "verifying")
    stages = [stage for stage in state.stop if stage.stage not in silent]
    reached = {stage.stage for stage in stages}
    start = stages[0].t if stages else sent or 0.0
    lines = [
        fit(_reached(stage, start, g), width)
        for stage in stages
        if not reached.intersection(_ENDS.get(stage.stage, ()))
    ]
    if not stages:
        lines.append(line((f"{g.pending} ", "dim"), "request sent, waiting for an answer"))
    return [*lines, *(line((f"{g.pending} {stage_words(name)}", "dim")) for name in _to_come(state, reached))]


def newest(lines: list[Line], room: int, g: Glyphs) -> list[Line]:
    """What fits into ``room`` lines: which run this is about, and the end, where the news are."""
    if len(lines) <= room:
        return lines
    return (
        [*lines[:1], line((g.pending, "dim")), *lines[len(lines) - room + 2 :]] if room > 2 else lines[-room:]
    )


def _to_come(state: RunState, reached: set[str]) -> list[str]:
    """Stages that are expected after those reached; nothing of a run that is over is promised."""
    if not state.status.live:
        return []
    expected = _EXPECTED_SUPERVISED if state.supervised else _EXPECTED_ALONE
    going_on = {end for name in reached for end in _ENDS.get(name, ())}
    return [
        name
        for name in expected
        if name not in reached | going_on
        and not (name in ("saved", "verified") and not state.can_save)
        and not (name == "acknowledged" and not state.can_save and not state.phase)
        and not (name == "requested" and reached)
    ]


def _reached(stage: StopStage, start: float, g: Glyphs) -> Line:
    going_on = stage.stage in _ENDS
    tone: Tone = "dim" if going_on else _TONES.get(stage.stage, "good")
    shape = {"good": g.done, "warn": g.warn, "bad": g.bad, "dim": g.pending}[tone]
    rank = f" (rank {stage.rank})" if stage.rank else ""
    text = clean(stage.text) if stage.stage in _TOLD else ""
    return line(
        (f"{shape} ", tone),
        f"{stage_words(stage.stage)}{rank}",
        (f"  {_after(stage.t - start)}", "dim"),
        (f"  {text}" if text else "", "dim"),
    )


def _after(seconds: float) -> str:
    if seconds <= 0:
        return "0.0s"
    return f"{seconds:.1f}s" if seconds < 60 else formatting.duration(seconds)


def offer_lines(state: RunState, width: int) -> list[Line]:
    """The next rung, when the stop makes no progress; empty otherwise."""
    if not state.stop_offer or not state.status.live:
        return []
    rung = clean(state.stop_offer)
    lost = {
        "SIGTERM": "The training may still save.",
        "SIGKILL": "Steps since the last checkpoint are lost; kept checkpoints stay.",
    }.get(rung, "")
    return wrapped(f"No progress. Next rung: {rung}. {lost}", width, "warn")


def result_lines(state: RunState, width: int, g: Glyphs) -> list[Line]:
    """What stands after the end."""
    if state.status.live:
        return []
    face = status_face(state.status, g)
    lines = [line((f"{face.shape} {face.word}", face.tone), f" at step {formatting.count(state.step)}")]
    for role, ref in (("best", state.best), ("last", state.last)):
        if ref is not None:
            lines.append((*line((f"{role}: ", "dim"), clean(ref.path)), *proof(ref, g)))
    if state.last is not None:
        lines.append(line(("go on with: ", "dim"), f"guard run --resume {clean(state.run_id)}"))
    return lines
