"""What the supervisor tells about one attempt, for the one who waits in front of it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from guardrun.events.decode import decode
from guardrun.events.schema import HEADER, NOTE, PHASE, RUN_END, RUN_START, SIGNAL
from guardrun.provenance.host import lease_liveness, read_lease
from guardrun.reading.tailer import Tailer

if TYPE_CHECKING:
    from guardrun.events.paths import RunPaths
    from guardrun.events.schema import Event

_WOULD = {"stop": "stopped", "abort": "aborted"}
_STYLES = {"act": ("red", "bold"), "warn": ("yellow",), "info": ("cyan",)}


def supervisor_end(paths: RunPaths, attempt: int) -> dict[str, Any] | None:
    """How an attempt ended, as its supervisor told it by now; None: without a word, or never begun."""
    tail = SupervisorTail(paths, attempt)
    tail.poll()
    return tail.end


class SupervisorTail:
    """Follows supervisor.jsonl; keeps the start and the end of ``attempt`` and hands out what to say."""

    def __init__(self, paths: RunPaths, attempt: int) -> None:
        self._paths = paths
        self._attempt = attempt
        self._tailer = Tailer(paths.supervisor)
        self._current = 0
        self.started = False
        self.end: dict[str, Any] | None = None

    @property
    def told(self) -> bool:
        """Whether the training was started, or could not be."""
        return self.started or self.end is not None

    def poll(self) -> list[Event]:
        """New events of this attempt."""
        fresh: list[Event] = []
        for line in self._tailer.read().lines.splitlines():
            event = decode(line)
            if event is None:
                continue
            if event["kind"] in (HEADER, RUN_START) and isinstance(event.get("attempt"), int):
                self._current = event["attempt"]
            if self._current != self._attempt:
                continue
            if event["kind"] == RUN_START:
                self.started = True
            elif event["kind"] == RUN_END:
                self.end = event
            fresh.append(event)
        return fresh

    def supervisor_lives(self) -> bool:
        """Whether a supervisor of this attempt holds its lease."""
        facts = read_lease(self._paths.lease("supervisor"))
        return (
            facts is not None and facts.get("attempt") == self._attempt and lease_liveness(facts) == "alive"
        )


def notice(event: Event) -> tuple[str, tuple[str, ...]] | None:
    """One line about an event and its styles; None for what nobody waits for."""
    kind = event["kind"]
    if kind == SIGNAL:
        return _signal_notice(event)
    if kind == PHASE and event.get("phase") == "stop":
        return _stop_notice(event)
    if kind == NOTE and event.get("text"):
        return str(event["text"]), ("dim",)
    return None


def _signal_notice(event: Event) -> tuple[str, tuple[str, ...]]:
    severity = str(event.get("severity"))
    if event.get("state") == "cleared":
        return f"{event.get('id')} is over at step {event.get('cleared_at')}", ("dim",)
    if event.get("state") == "acknowledged":
        return f"{event.get('id')} was acknowledged ({event.get('via')})", ("dim",)
    text = f"[{severity}] {event.get('id')} at step {event.get('raised_at')}: {event.get('message')}"
    if event.get("action") in ("stop", "abort"):
        text += f" → {event['action']}"
    elif event.get("would_do") in _WOULD:
        text += f" → only observed: would have {_WOULD[event['would_do']]} here"
    return text, _STYLES.get(severity, ())


def _stop_notice(event: Event) -> tuple[str, tuple[str, ...]]:
    stage = str(event.get("stage"))
    words = [f"stop: {stage}"]
    if event.get("rank") not in (None, 0):
        words.append(f"(rank {event['rank']})")
    text = str(event.get("text") or "")
    if text:
        words.append(f"· {text}")
    elif stage == "requested" and event.get("via"):
        words.append(f"· via {event['via']}")
    styles: tuple[str, ...] = ("yellow",)
    if stage in ("SIGINT", "SIGTERM", "SIGKILL", "damaged"):
        styles = ("red",)
    elif stage in ("verified", "gone", "ended", "saved"):
        styles = ("green",)
    return " ".join(words), styles
