"""How far a training has come, in a line now and then, for a front whose training prints nothing itself."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from guardrun.events.decode import as_number, decode
from guardrun.events.schema import EVAL, HEADER, RUN_START
from guardrun.reading.tailer import Tailer

if TYPE_CHECKING:
    from guardrun.events.paths import RunPaths
    from guardrun.events.schema import Event

_BATCH = 1024 * 1024
_TOTALS = ("total_steps", "total_epochs")


class ProgressTail:
    """Follows rank 0's events of one attempt; ``line`` says what the newest evaluation and step are.

    Of the steps in a batch only the last is decoded: a front costs next to nothing.
    """

    def __init__(self, paths: RunPaths, attempt: int) -> None:
        self._tailer = Tailer(paths.events())
        self._attempt = attempt
        self._monitor = ""
        self._ours = False
        self._facts: dict[str, Any] = {}
        self._said = ""

    def line(self) -> str:
        """``step 114 of 1,368 · epoch 3 of 36 · val/loss 0.2041, the best so far``; "" if nothing is new."""
        self._poll()
        said = self._words()
        if said == self._said:
            return ""
        self._said = said
        return said

    def _poll(self) -> None:
        while True:
            chunk = self._tailer.read(_BATCH)
            lines = chunk.lines.splitlines()
            for number, line in enumerate(lines):
                if number == len(lines) - 1 or b'"kind":"metrics"' not in line:
                    event = decode(line)
                    if event is not None:
                        self._take(event)
            if not chunk.more:
                return

    def _take(self, event: Event) -> None:
        if event["kind"] == HEADER:
            self._ours = event.get("attempt") == self._attempt
        if not self._ours:
            return
        if event["kind"] == RUN_START:
            self._monitor = str(event.get("monitor") or "")
        for key in ("step", *_TOTALS):
            if isinstance(event.get(key), int):
                self._facts[key] = event[key]
        if isinstance(event.get("epoch"), int):
            self._facts["epoch"] = event["epoch"] + 1
        if event["kind"] == EVAL and as_number(event.get(self._monitor)) is not None:
            self._facts["value"] = as_number(event[self._monitor])
            self._facts["improved"] = event.get("improved") is True

    def _words(self) -> str:
        from guardtui import formatting

        facts = self._facts
        if "step" not in facts:
            return ""
        parts = [_of("step", facts["step"], facts.get("total_steps"))]
        if facts.get("total_epochs"):
            parts.append(_of("epoch", facts.get("epoch", 1), facts["total_epochs"]))
        if "value" in facts:
            best = ", the best so far" if facts["improved"] else ""
            parts.append(f"{self._monitor} {formatting.number(facts['value'])}{best}")
        return " · ".join(parts)


def _of(what: str, done: int, total: int | None) -> str:
    return f"{what} {done:,}" + (f" of {total:,}" if total else "")
