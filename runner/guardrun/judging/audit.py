"""The audit before a result is declared: six questions, answered from the sixteen items. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final, NamedTuple

from guardrun.judging.checklist import AUDIT, ITEMS, Judged, judge_items
from guardrun.judging.checklist_intact import log_is_whole, same_story
from guardrun.judging.checklist_model import WORSE, Answer, Around, Proof, State, failed, passed, unknown
from guardrun.judging.facts import RunFacts

_CHECK: Final = "guard check CONFIG --only "
FAILED: Final = 4
"""Exit code of an audit whose answer is no."""


class Question(NamedTuple):
    """One of the six, and the items that answer it."""

    id: str
    text: str
    items: tuple[int, ...]


QUESTIONS: Final = (
    Question("config", "configuration complete", (1, 2, 3, 4)),
    Question("sanity", "sanity checks passed", (5, 6, 7, 8, 12)),
    Question("leakage", "no leakage", (14,)),
    Question("checkpoint", "best checkpoint by a clear criterion, intact", (10,)),
    Question("seeds", "repeated over seeds", (9, 15)),
    Question("cost", "cost measured", (11, 13)),
)


@dataclass(frozen=True, slots=True)
class Answered:
    """A question with its answer and what it rests on, best first."""

    question: Question
    parts: tuple[tuple[str, int, Answer], ...]
    """Name, number in the checklist and answer of each."""

    @property
    def state(self) -> State:
        return worst_state(answer.state for _, _, answer in self.parts)

    @property
    def deciding(self) -> tuple[str, int, Answer]:
        """The part that decides: the first of the worst."""
        return max(self.parts, key=lambda part: WORSE[part[2].state])

    def as_json(self) -> dict[str, Any]:
        name, number, answer = self.deciding
        parts = [
            {"name": part, "seed_item": item, "verdict": found.state, **found.as_json()}
            for part, item, found in self.parts
        ]
        evidence = {"text": f"{name}: {answer.text}", "file": answer.file or None, "value": answer.value}
        return {
            "id": self.question.id,
            "seed_item": number,
            "verdict": self.state,
            "evidence": {**evidence, "parts": parts},
            "next": answer.next or None,
        }


@dataclass(frozen=True, slots=True)
class Audit:
    """All six questions about one run, and the sixteen items."""

    facts: RunFacts
    answers: tuple[Answered, ...]
    items: tuple[Judged, ...]

    @property
    def verdict(self) -> State:
        return worst_state(answer.state for answer in self.answers)

    def as_json(self) -> dict[str, Any]:
        return {
            "run_id": self.facts.run_id,
            "name": self.facts.name,
            "path": self.facts.path,
            "verdict": self.verdict,
            "items": [answer.as_json() for answer in self.answers],
            "checklist": [judged.as_json() for judged in self.items],
        }


def audit(facts: RunFacts, around: Around) -> Audit:
    """Answer the six questions about a run."""
    judged = judge_items(facts, around)
    by_id = {each.item.id: each for each in judged}
    answers = []
    for question in QUESTIONS:
        parts = [(by_id[number].item.name, number, by_id[number].answer) for number in question.items]
        if question.id == "checkpoint":
            parts.append(("hash checked now", 9, _proved(facts, around.proof)))
            parts.append(("as the log tells", 10, same_story(facts, around)))
            parts.append(("log is whole", 9, log_is_whole(facts, around)))
        answers.append(Answered(question, tuple(parts)))
    verdict = worst_state(answer.state for answer in answers)
    own = ITEMS[AUDIT - 1].judge(facts, replace(around, audited_now=verdict))
    items = tuple(each._replace(answer=own) if each.item.id == AUDIT else each for each in judged)
    return Audit(facts, tuple(answers), items)


def ways_of(audit: Audit, answers: Iterable[Answer]) -> list[str]:
    """``ways_out``; for the log of another tool the one that leads to all the others."""
    if audit.facts.imported:
        return [
            "train under `guard run` with guardrun in the script: the log of another tool tells curves alone"
        ]
    return ways_out(answers, audit.facts.config_source)


def ways_out(answers: Iterable[Answer], config: str | None) -> list[str]:
    """What to do about all that is not green, the worst first, each once; one `guard check` for several."""
    parts = [answer for answer in answers if answer.state != "pass"]
    only = {answer.next for answer in parts if answer.next.startswith(_CHECK)}
    ways: dict[str, None] = {}
    for part in sorted(parts, key=lambda answer: answer.state != "fail"):
        way = "guard check CONFIG" if len(only) > 1 and part.next in only else part.next
        if way:
            ways[way.replace("CONFIG", config or "CONFIG")] = None
    return list(ways)


def _proved(facts: RunFacts, proof: Proof | None) -> Answer:
    if facts.status.live:
        return unknown("the run is not over", "audit it when it has ended", value=facts.status.value)
    if proof is None:
        return failed(
            "there is no best checkpoint",
            "call run.track(model=..., optimizer=...) and run.evaluate(), or run.register_checkpoint()",
            "checkpoints/best.json",
        )
    if not proof.verified:
        return failed(
            f"damaged: {proof.problem}",
            f"restore its files, or train again: guard repeat {facts.run_id}",
            proof.file,
            proof.problem,
        )
    metric = "" if proof.metric is None else f", {proof.metric:.4g}"
    return passed(f"every file as its hash says; step {proof.step}{metric}", proof.file, proof.metric)


def worst_state(states: Iterable[State]) -> State:
    """fail before unknown before pass."""
    return max(states, key=lambda state: WORSE[state], default="pass")


def exit_code(audits: Iterable[Audit], *, strict: bool) -> int:
    """0, or 4 when an answer is no; ``strict``: or open."""
    bad = ("fail", "unknown") if strict else ("fail",)
    return FAILED if any(each.verdict in bad for each in audits) else 0


def audits_json(audits: Sequence[Audit]) -> dict[str, Any]:
    """One run: its audit. Several: for each question the worst answer and whose it is; and every audit."""
    if len(audits) == 1:
        return audits[0].as_json()
    items = []
    for number in range(len(QUESTIONS)):
        chosen = max(audits, key=lambda each: WORSE[each.answers[number].state])
        items.append({**chosen.answers[number].as_json(), "run_id": chosen.facts.run_id})
    return {
        "verdict": worst_state(each.verdict for each in audits),
        "items": items,
        "runs": [each.as_json() for each in audits],
    }
