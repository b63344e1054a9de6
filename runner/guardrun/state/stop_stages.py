"""The stages of a stop, from whoever told them."""

from __future__ import annotations

from typing import Final

from guardrun.state.model import StopStage
from guardrun.state.source import SourceFold
from guardrun.state.values import real, whole, words

_RUNGS: Final = ("SIGINT", "SIGTERM", "SIGKILL")


def stages_of(watcher: SourceFold, trainer: SourceFold) -> tuple[StopStage, ...]:
    """The stop's stages as the supervisor wrote them; without one, as the training's answers tell them."""
    if watcher.stages or not trainer.acks:
        return tuple(watcher.stages)
    stages = [
        StopStage("acknowledged", real(ack.get("t")) or 0.0, whole(ack.get("rank")), words(ack.get("via")))
        for ack in trainer.acks
    ]
    last = trainer.checkpoints.get("last")
    if last is not None and last.t is not None and last.t >= stages[0].t:
        stages.append(StopStage("saved", last.t, None, last.path))
    attempt = trainer.attempts.get(trainer.attempt)
    end = attempt.end if attempt is not None else None
    if end is not None:
        stages.append(StopStage("ended", real(end.get("t")) or 0.0, None, words(end.get("reason"))))
    return tuple(stages)


def offered_rung(stages: tuple[StopStage, ...]) -> str:
    """The rung that the newest stage offers; "" once something happened after the offer."""
    if not stages or stages[-1].stage != "offer":
        return ""
    return next((rung for rung in _RUNGS if rung in stages[-1].text), "")
