"""What a run's end means: its status, reason and the exit code of ``guard run``, from the facts alone."""

from __future__ import annotations

import signal
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from guardrun.supervising.ladder import Request
from guardrun.supervising.launching import UNKNOWN_EXIT

DONE: Final = 0
"""Finished by itself, by patience or budget, or stopped safely."""
FAILED: Final = 1
ABORTED: Final = 3
"""Ended by the policy because of a signal."""
FORCED: Final = 5
"""A stop that had to be forced: the steps since ``last`` are lost."""


@dataclass(frozen=True, slots=True)
class EndFacts:
    """Everything the verdict rests on."""

    exit_code: int | None
    """Negative: ended by that signal; UNKNOWN_EXIT: not our child; None: never started."""
    training_end: Mapping[str, Any] | None = None
    """The training's own run_end event."""
    request: Request | None = None
    """The stop that was under way."""
    forced: bool = False
    """SIGKILL was ours."""
    signalled: bool = False
    """Some rung (SIGINT or above) was ours."""
    library: bool = False
    """The training writes events and obeys control files."""
    cannot_start: str = ""
    oom: str = ""
    """What the kernel's counters say about memory, when they say something."""


@dataclass(frozen=True, slots=True)
class Outcome:
    status: str
    reason: str
    guard_exit: int
    error: str = ""


def outcome_of(facts: EndFacts) -> Outcome:
    """The end of an attempt in one word, its reason, and what ``guard run`` returns for it."""
    if facts.cannot_start:
        return Outcome("failed", "cannot start", FAILED, facts.cannot_start)
    if facts.training_end is not None:
        return _as_told(facts, facts.training_end)
    if facts.forced and facts.request is not None:
        return _forced(facts.request)
    if facts.request is not None and not _crashed(facts):
        return _stopped_silently(facts, facts.request)
    return _ended_alone(facts)


def _forced(request: Request) -> Outcome:
    error = "the stop had to be forced by SIGKILL"
    if request.reason.startswith("abort:"):
        return Outcome("aborted", request.reason, ABORTED, error)
    return Outcome("killed", _reason(request), FORCED, error)


def _as_told(facts: EndFacts, end: Mapping[str, Any]) -> Outcome:
    """The training said how it ended; a script that fails after that has failed nonetheless."""
    status = str(end.get("status"))
    reason = str(end.get("reason") or status)
    error = str(end.get("error") or "")
    if status == "failed" and facts.request is not None and facts.signalled and "KeyboardInterrupt" in error:
        return Outcome("killed", _reason(facts.request), FORCED, "ended by our SIGINT before it could save")
    if status == "failed":
        return Outcome("failed", reason, FAILED, error)
    if status == "finished" and not facts.signalled and facts.exit_code not in (0, UNKNOWN_EXIT, None):
        told = exit_words(facts.exit_code)
        if end.get("at_exit") is True:
            return Outcome(
                "failed", told, FAILED, f"the script ended with {told} before it had ended its run"
            )
        return Outcome("failed", told, FAILED, "after the run itself had finished")
    if facts.request is not None and facts.request.reason.startswith("abort:") and status == "stopped":
        return Outcome("aborted", facts.request.reason, ABORTED)
    return Outcome(status, reason, ABORTED if status == "aborted" else DONE, error)


def _stopped_silently(facts: EndFacts, request: Request) -> Outcome:
    """It was asked to stop and is gone, without a word of its own."""
    if request.reason.startswith("abort:"):
        return Outcome("aborted", request.reason, ABORTED)
    if facts.library and facts.exit_code != 0:
        return Outcome("killed", _reason(request), FORCED, "it ended before it could save")
    within_limits = request.reason.startswith("budget:") or request.reason == "patience"
    status = "finished" if within_limits else "stopped"
    return Outcome(status, _reason(request), DONE)


def _ended_alone(facts: EndFacts) -> Outcome:
    code = facts.exit_code
    if code == 0:
        return Outcome("finished", "completed", DONE)
    if code == UNKNOWN_EXIT or code is None:
        return Outcome("failed", "ended without a word; its exit code is unknown", FAILED)
    if code == -signal.SIGKILL:
        return Outcome("killed", facts.oom or "SIGKILL", FAILED, "not by guard")
    return Outcome("failed", exit_words(code), FAILED)


def _crashed(facts: EndFacts) -> bool:
    """Whether it ended by a fault of its own while it was asked to stop."""
    code = facts.exit_code
    if code in (0, UNKNOWN_EXIT, None):
        return False
    if code in (-signal.SIGINT, -signal.SIGTERM, 128 + signal.SIGINT, 128 + signal.SIGTERM):
        return False
    # After a rung of ours any exit code of a command that we know nothing of is its way to obey.
    return not facts.signalled or (code is not None and code < 0)


def _reason(request: Request) -> str:
    if request.reason.startswith(("abort:", "budget:")) or request.reason == "patience":
        return request.reason
    return f"stop:{request.via}"


def exit_words(code: int | None) -> str:
    """``exit code 1`` or the signal's name."""
    if code is None or code == UNKNOWN_EXIT:
        return "unknown exit code"
    if code >= 0:
        return f"exit code {code}"
    try:
        return signal.Signals(-code).name
    except ValueError:
        return f"signal {-code}"
