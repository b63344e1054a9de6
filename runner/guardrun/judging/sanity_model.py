"""What a sanity check has to judge by, and what it says. Pure data."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final, Literal, NamedTuple

Verdict = Literal["pass", "fail", "unknown"]
CHECKS: Final[dict[str, int]] = {
    "data": 8,
    "leakage": 14,
    "initial-loss": 7,
    "baseline": 5,
    "overfit": 7,
    "parameters": 7,
    "shuffled-labels": 6,
    "shuffled-inputs": 6,
    "determinism": 1,
    "precision": 12,
    "batch-size": 11,
}
"""Every check, in the order of the page, with the item of the checklist that it answers."""
OPTIONAL: Final = frozenset(("shuffled-inputs",))
"""Only made when they are asked for by name."""

_EXCEPTION: Final = re.compile(r"(?:[A-Za-z_]\w*\.)*[A-Z]\w*(?:Error|Exception|Interrupt|Exit)\b")
OF_THE_TRAINING: Final = frozenset(("precision",))
"""Modes that only the training itself can answer, once it takes steps: no data set is changed."""

Curve = tuple[Sequence[float], Sequence[float]]
"""Steps and values."""


class Item(NamedTuple):
    """What one check says."""

    id: str
    verdict: Verdict
    text: str
    """One sentence: what was seen."""
    next: str = ""
    """What to look at; empty when nothing is to be done."""
    numbers: Mapping[str, Any] = {}

    def as_json(self) -> dict[str, Any]:
        return {
            "id": self.id,
            "seed_item": CHECKS[self.id],
            "verdict": self.verdict,
            "evidence": {"text": self.text, **self.numbers},
            "next": self.next or None,
        }


def overall(items: Sequence[Item]) -> Verdict:
    """fail when a check failed; unknown when one could not tell, or none was made."""
    verdicts = {item.verdict for item in items}
    return "fail" if "fail" in verdicts else "pass" if verdicts == {"pass"} else "unknown"


@dataclass(frozen=True, slots=True, kw_only=True)
class Trial:
    """One short training, as it recorded itself."""

    mode: str
    steps: int = 0
    wall: float = 0.0
    """Seconds from its start to its end, imports included."""
    end: str = "finished"
    """finished, failed, out of time or out of memory."""
    exit_code: int | None = 0
    console: tuple[str, ...] = ()
    """The last lines of its output."""
    answers: tuple[Mapping[str, Any], ...] = ()
    """Its ``sanity`` events."""
    data: tuple[Mapping[str, Any], ...] = ()
    """Its ``data`` events."""
    findings: tuple[Mapping[str, Any], ...] = ()
    """What looks wrong with its data."""
    curves: Mapping[str, Curve] = field(default_factory=dict)
    monitor: str = "val/loss"
    path: str = ""

    @property
    def own_end(self) -> Mapping[str, Any]:
        """What the process told of itself at its end; empty when it did not come to one."""
        return next((one for one in reversed(self.answers) if one.get("at") == "end"), {})

    def told_of(self, *roles: str) -> Mapping[str, Any]:
        """Its answer about the first data set whose name begins with one of these; empty without one."""
        for role in roles:
            for one in self.answers:
                if str(one.get("name", "")).lower().startswith(role) and one.get("acknowledged"):
                    return one
        return {}

    @property
    def acknowledged(self) -> bool:
        """Whether the training said that it does what the mode asks; of its training data, if it has any.

        An answer that names no data is the script's own (``run.sanity.acknowledge()``), and what counts of a
        mode that changes no data: a training whose data is known may still never have come under autocast.
        """
        told = [one for one in self.answers if "acknowledged" in one]
        own = [bool(one["acknowledged"]) for one in told if not one.get("name")]
        if self.mode in OF_THE_TRAINING:
            return bool(own) and all(own)
        # The last word of each data set: its batches may turn out to come from elsewhere.
        last = {str(one["name"]): bool(one["acknowledged"]) for one in told if one.get("name")}
        train = [word for name, word in last.items() if name.lower().startswith("train")]
        return any(own) or any(train or last.values())

    def values(self, name: str) -> list[float]:
        return list(self.curves[name][1]) if name in self.curves else []

    def last(self, name: str) -> float | None:
        values = self.values(name)
        return values[-1] if values else None


def _last_words(console: Sequence[str]) -> str:
    """What a training failed of: its exception, though that may go on for more lines; else its last line."""
    lines = [line for line in console if line.strip()]
    for line in reversed(lines):
        if _EXCEPTION.match(line):
            return line
    return lines[-1] if lines else "it said nothing"


def troubles(id: str, trial: Trial) -> Item | None:
    """What keeps a trial from being judged at all: it never ran to its end, or never answered."""
    if trial.end == "out of time" and not trial.curves:
        return Item(
            id, "unknown", f"the training logged no number in {trial.wall:.0f} s and was ended",
            "run it once by `guard run`: what does it wait for?",
        )  # fmt: skip
    if trial.end in ("failed", "out of memory") or (trial.exit_code not in (0, None) and not trial.steps):
        tail = _last_words(trial.console)
        what = "ran out of memory" if trial.end == "out of memory" else f"failed: {tail.strip()[:200]}"
        return Item(id, "unknown", f"the training {what}", "run it once by `guard run`, then check it again")
    if not trial.answers:
        return Item(
            id, "unknown", "the training did not acknowledge the mode",
            'the script must call guardrun.start() and hand its data to run.data("train", …)',
        )  # fmt: skip
    if not trial.acknowledged:
        nothing = (
            "it never came to run.steps or run.log"
            if trial.mode in OF_THE_TRAINING
            else "no data passed through guard"
        )
        why = next((str(one["why"]) for one in trial.answers if one.get("why")), nothing)
        return Item(
            id, "unknown", f"the training did not acknowledge the mode: {why[:200]}",
            'hand arrays, tensors or data sets to run.data("train", …) and train on what it returns; '
            "or honour run.sanity and call run.sanity.acknowledge()",
        )  # fmt: skip
    return None
