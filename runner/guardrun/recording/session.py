"""What every part of a run shares: where it writes, which attempt and rank it is, and how far it has come."""

from __future__ import annotations

import sys
import time
from typing import TYPE_CHECKING, Any

from guardrun.events.names import canonical_metric
from guardrun.events.schema import NOTE

if TYPE_CHECKING:
    from guardrun.events.paths import RunPaths
    from guardrun.recording.config_view import ConfigView
    from guardrun.recording.ranks import RankIdentity
    from guardrun.recording.writer import EventWriter


class Progress:
    """How far training has come. ``step`` counts completed optimizer steps."""

    __slots__ = (
        "begun",
        "epoch",
        "in_steps",
        "logged_steps",
        "seen",
        "step",
        "step_in_body",
        "total_epochs",
        "total_steps",
    )

    def __init__(self) -> None:
        self.step = 0
        self.epoch = 0
        self.total_steps: int | None = None
        self.total_epochs: int | None = None
        self.begun = time.monotonic()
        """Earlier than it was, after a resume, by what the attempts before had taken."""
        self.in_steps = False
        """Inside the body of ``for batch in run.steps(...)``."""
        self.step_in_body = 0
        """Within the body: the number that the step in progress will have."""
        self.logged_steps: int | None = 0
        """Steps that only calls of ``log`` in a plain loop have counted; None once run.steps counts them."""
        self.seen: tuple[str, ...] = ()
        """Outside of run.steps: what has been logged for the present step."""

    def count_by_loops(self) -> None:
        """From now on run.steps alone counts: what was logged before its first batch was no step."""
        if self.logged_steps is not None:
            self.step -= self.logged_steps
            self.logged_steps = None

    def elapsed_s(self) -> float:
        """Training time so far, of earlier attempts as far as their last checkpoint knew it."""
        return time.monotonic() - self.begun

    def now(self) -> int:
        """The step that what happens now belongs to."""
        return self.step_in_body if self.in_steps else self.step


class Session:
    """One attempt of one run, as one rank sees it. ``paths`` None: nothing can be recorded."""

    def __init__(
        self,
        *,
        paths: RunPaths | None,
        writer: EventWriter,
        attempt: int,
        rank: RankIdentity,
        config: ConfigView,
        resume_from: str | None,
        supervised: bool,
        ordinal: int = 0,
    ) -> None:
        self.paths = paths
        self.writer = writer
        self.attempt = attempt
        self.rank = rank
        self.config = config
        self.resume_from = resume_from
        self.supervised = supervised
        self.ordinal = ordinal
        """How many runs this process had started before; alike on every rank."""
        self.facts: dict[str, Any] = {}
        """commit, dirty and config_sha256, for the checkpoints."""
        self.progress = Progress()
        self.monitor: str = canonical_metric(str(config["monitor"]["metric"]))
        self.mode: str = config["monitor"].get("mode") or "min"
        self.cuttable = False
        """Whether SIGINT reaches us, so that a running evaluation can be discarded."""
        self.evaluating = False
        """Between an epoch's last step and its evaluation's result: what is lost by a stop at once."""
        self._said: set[str] = set()

    @property
    def inert(self) -> bool:
        return self.writer.inert

    def emit(self, kind: str, **fields: Any) -> None:
        self.writer.emit(kind, fields)

    def note(self, text: str, **fields: Any) -> None:
        """A plain remark for whoever looks at the run."""
        self.writer.emit(NOTE, {"text": text, **fields})

    def note_once(self, text: str) -> None:
        if text not in self._said:
            self._said.add(text)
            self.note(text)

    def tell(self, text: str) -> None:
        """A remark that the person at the console must see as well."""
        self.note(text)
        say(text)

    def tell_once(self, text: str) -> None:
        if text not in self._said:
            self._said.add(text)
            self.tell(text)

    def trouble(self, what: str, error: BaseException) -> None:
        """Something of ours failed: told once, and training goes on."""
        self.note_once(f"{what}: {type(error).__name__}: {brief(error)}")


def say(text: str) -> None:
    """One line on standard error, which may be closed."""
    try:
        print(f"guard: {text}", file=sys.stderr, flush=True)
    except (OSError, ValueError, AttributeError):
        pass


def brief(error: BaseException, most: int = 400) -> str:
    """An exception's message on one line."""
    try:
        text = " ".join(str(error).split())
    except Exception:
        text = ""
    return text if len(text) <= most else f"{text[:most]}…"


def failure_of(error: BaseException) -> dict[str, Any]:
    """``run_end``'s fields for an error that ended the script.

    >>> failure_of(ValueError("no data")) == {
    ...     "status": "failed", "reason": "exception", "error": "ValueError: no data"}
    True
    >>> failure_of(SystemExit(3))["reason"]
    'exit code 3'
    """
    text = brief(error)
    if isinstance(error, SystemExit):
        code = error.code if isinstance(error.code, int) else 1
        told = f"sys.exit({text}) in the middle of the run"
        return {"status": "failed", "reason": f"exit code {code}", "error": told}
    name = type(error).__name__
    return {"status": "failed", "reason": "exception", "error": f"{name}: {text}" if text else name}
