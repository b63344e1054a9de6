"""The ladder of a safe stop as a pure state machine: what to record, and which signal to send when.

It knows no process and no clock: times come in (seconds of any monotonic clock), effects go out. A person's
stop only *offers* the next rung when nothing moves any more, and climbs when asked again; a stop with a
grace of its own, ``--now``, or one that nobody watches (policy, budget, scheduler) climbs by itself.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Literal, TypeAlias

Rung = Literal["SIGINT", "SIGTERM", "SIGKILL"]
RUNGS: Final[tuple[Rung, ...]] = ("SIGINT", "SIGTERM", "SIGKILL")

UNATTENDED: Final = frozenset(("policy", "budget", "scheduler"))
"""Who can't be asked whether to climb."""

COUNTED_STEPS: Final = 10
"""A training that obeys stops at the next step boundary. Steps beyond these show that it does not, and no
longer restart the grace."""

MOST_GRACES: Final = 20
"""After so many graces on one rung only a growing checkpoint still counts as progress: a stop that climbs
unasked must end."""

Progress = Literal["step", "event", "checkpoint"]


@dataclass(frozen=True, slots=True)
class Request:
    """Somebody asks for a stop, or asks again."""

    id: str
    via: str
    reason: str = ""
    now: bool = False
    """Climb unasked; a running evaluation is discarded."""
    grace: float | None = None
    """Seconds without progress after which the next rung is climbed unasked."""
    hurry: bool = False
    """Climb one rung at once."""

    @property
    def unasked(self) -> bool:
        return self.now or self.grace is not None or self.via in UNATTENDED


@dataclass(frozen=True, slots=True)
class Stage:
    """Something to record: a phase event of the stop."""

    stage: str
    text: str = ""
    rank: int | None = None


@dataclass(frozen=True, slots=True)
class Send:
    """A rung was climbed: send this signal (SIGKILL: to the whole tree; else to the ranks)."""

    rung: Rung


@dataclass(frozen=True, slots=True)
class GiveUp:
    """SIGKILL did not end it: the processes hang in the kernel and nothing more can be done."""


Effect: TypeAlias = Stage | Send | GiveUp


class Ladder:
    """One attempt's stop, from the request to the last process gone.

    ``library`` is False while the training does not read control files: it then gets SIGINT at once.
    ``grace`` are seconds without progress; ``unkillable`` is how long SIGKILL may take. No rung above
    ``highest`` is climbed, or offered.
    """

    def __init__(
        self, *, library: bool, grace: float = 60.0, unkillable: float = 30.0, highest: Rung = "SIGKILL"
    ) -> None:
        self.request: Request | None = None
        """The first request, which names the reason of the stop."""
        self.rung: Rung | None = None
        self.over = False
        self.library = library
        self.ranks: set[int] = set()
        """Those of which something is known."""
        self._grace = grace
        self._unkillable = unkillable
        self._highest = RUNGS.index(highest)
        self._unasked = False
        self._offered: set[Rung] = set()
        self._moved = 0.0
        self._since = 0.0
        self._steps = 0
        self._once: set[tuple[str, int | None]] = set()

    @property
    def active(self) -> bool:
        """Whether a stop was asked for and is not over."""
        return self.request is not None and not self.over

    @property
    def forced(self) -> bool:
        return self.rung == "SIGKILL"

    @property
    def grace(self) -> float:
        return self._grace

    @property
    def next_rung(self) -> Rung | None:
        """The rung above the present one; None above the highest."""
        index = -1 if self.rung is None else RUNGS.index(self.rung)
        return RUNGS[index + 1] if index + 1 <= self._highest else None

    def asked(self, request: Request, now: float) -> list[Effect]:
        """A request came in: the first starts the stop, later ones may hurry it or let it climb."""
        if self.over:
            return []
        first = self.request is None
        self._unasked = self._unasked or request.unasked
        if request.grace is not None:
            self._grace = max(0.0, request.grace)
        effects: list[Effect] = [Stage("requested", _describe(request))]
        if first:
            self.request = request
            self._moved = self._since = now
            if not self.library:
                return [*effects, *self._climb(now, "it does not read guard's commands")]
        if request.hurry:
            effects += self._climb(now, "asked again")
        return effects if first or request.hurry or request.unasked else []

    def discard_evaluation(self, now: float) -> list[Effect]:
        """A stop that shall not wait meets an evaluation, which no step boundary will end soon."""
        if self.rung is not None or not self.active:
            return []
        return self._climb(now, "a running evaluation is discarded")

    def acknowledged(self, rank: int, now: float) -> list[Effect]:
        """A rank saw the command at a step boundary."""
        return self._reached("acknowledged", now, rank=rank)

    def saving(self, now: float, rank: int | None = None) -> list[Effect]:
        return self._reached("saving", now, rank=rank) if self._obeys(now, rank) else []

    def saved(self, now: float, text: str = "", rank: int | None = None) -> list[Effect]:
        return self._reached("saved", now, text, rank) if self._obeys(now, rank) else []

    def ended(self, now: float, text: str = "", rank: int | None = None) -> list[Effect]:
        """A rank wrote its run_end; its process may still be there."""
        return self._reached("ended", now, text, rank)

    def gone(self) -> list[Effect]:
        """No process of the run is left."""
        if not self.active:
            self.over = True
            return []
        self.over = True
        return [Stage("gone", "no process of the run is left")]

    def progressed(self, kind: Progress, now: float) -> None:
        """A sign of life: the grace starts again, unless steps show that the training does not obey."""
        if not self.active:
            return
        if kind == "step":
            self._steps += 1
            if self._steps > COUNTED_STEPS:
                return
        if kind != "checkpoint" and now - self._since > MOST_GRACES * self._grace:
            return
        self._moved = max(self._moved, now)

    def tick(self, now: float) -> list[Effect]:
        """What is due by the clock alone: an offer, a rung, or giving up."""
        if not self.active:
            return []
        if self.rung == "SIGKILL":
            if now - self._since < self._unkillable:
                return []
            self.over = True
            return [GiveUp()]
        rung = self.next_rung
        if rung is None or now - self._moved < self._grace:
            return []
        quiet = f"no progress for {now - self._moved:.0f} s{self._silent_ranks()}"
        if self._unasked:
            return self._climb(now, quiet)
        if rung in self._offered:
            return []
        self._offered.add(rung)
        return [Stage("offer", f"{quiet}; ask again for {rung}")]

    def _obeys(self, now: float, rank: int | None) -> bool:
        """Whether what a rank saves is the stop's: not yet while it has not seen the request. A sign of life
        it is in any case."""
        self.progressed("event", now)
        return self.rung is not None or ("acknowledged", rank) in self._once

    def _silent_ranks(self) -> str:
        """Which of several ranks have not seen the request yet: the others may wait for them."""
        silent = sorted(rank for rank in self.ranks if ("acknowledged", rank) not in self._once)
        if len(self.ranks) < 2 or not silent:
            return ""
        names = ", ".join(map(str, silent))
        return f"; rank {names} has not acknowledged" if len(silent) == 1 else (
            f"; ranks {names} have not acknowledged"
        )  # fmt: skip

    def _climb(self, now: float, why: str) -> list[Effect]:
        rung = self.next_rung
        if rung is None:
            return []
        self.rung = rung
        self._moved = self._since = now
        self._steps = 0
        return [Stage(rung, why), Send(rung)]

    def _reached(self, stage: str, now: float, text: str = "", rank: int | None = None) -> list[Effect]:
        if not self.active:
            return []
        self.progressed("event", now)
        if (stage, rank) in self._once:
            return []
        self._once.add((stage, rank))
        return [Stage(stage, text, rank)]


def _describe(request: Request) -> str:
    words = [f"by {request.via}"]
    if request.reason:
        words.append(f"({request.reason})")
    if request.now:
        words.append("now")
    if request.grace is not None:
        words.append(f"with {request.grace:g} s of grace")
    if request.hurry:
        words.append("again")
    return " ".join(words)
