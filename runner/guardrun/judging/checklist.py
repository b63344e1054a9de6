"""The sixteen items to keep before a result is declared, as one table; and their states for a run. Pure."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import Any, Final, NamedTuple

from guardrun.judging import checklist_origin as origin
from guardrun.judging import checklist_results as results
from guardrun.judging import checklist_sanity as sanity
from guardrun.judging.checklist_model import ATTEMPT, Answer, Around, unknown
from guardrun.judging.facts import RunFacts


class Item(NamedTuple):
    """One item of the checklist."""

    id: int
    name: str
    """At most 22 characters: the page of a run has a narrow column for it."""
    judge: Callable[[RunFacts, Around], Answer]


AUDIT: Final = 16
ITEMS: Final = (
    Item(1, "seeds", origin.seeds),
    Item(2, "config, environment", origin.configuration),
    Item(3, "data and split hashes", origin.data_and_split),
    Item(4, "code of run, checkpoint", origin.code),
    Item(5, "baseline", sanity.baseline),
    Item(6, "shuffled labels", sanity.shuffled_labels),
    Item(7, "overfits one batch", sanity.overfit_batch),
    Item(8, "data statistics", origin.data_statistics),
    Item(9, "curves, mean ± std", results.curves_and_spread),
    Item(10, "limits, best by val", results.stopping_rule),
    Item(11, "batch size, memory", results.batch_size),
    Item(12, "precision, no NaN", results.precision),
    Item(13, "efficiency", results.efficiency),
    Item(14, "no leakage", sanity.no_leakage),
    Item(15, "three seeds or more", results.repeated),
    Item(16, "audit", sanity.audited),
)


class Judged(NamedTuple):
    """An item and what it says of a run."""

    item: Item
    answer: Answer

    def as_json(self) -> dict[str, Any]:
        return {
            "id": self.item.name,
            "seed_item": self.item.id,
            "verdict": self.answer.state,
            "evidence": self.answer.as_json(),
            "next": self.answer.next or None,
        }


def judge_items(facts: RunFacts, around: Around) -> tuple[Judged, ...]:
    """All sixteen, in their order."""
    attempt = f"{ATTEMPT}/{facts.attempts[-1].number}.json" if facts.attempts else ATTEMPT
    judged = _doubting(Judged(item, item.judge(facts, around)) for item in ITEMS)
    return tuple(
        each._replace(answer=each.answer._replace(file=attempt)) if each.answer.file == ATTEMPT else each
        for each in judged
    )


def _doubting(items: Iterable[Judged]) -> Iterator[Judged]:
    """A kept audit that says yes counts only as long as every other item does."""
    bad: list[int] = []
    for each in items:
        if each.item.id == AUDIT and each.answer.state == "pass" and bad:
            text = f"the kept audit says yes, but now item {', '.join(map(str, bad[:4]))} does not"
            yield each._replace(answer=unknown(text, "guard audit RUN", each.answer.file, bad))
            continue
        if each.answer.state != "pass":
            bad.append(each.item.id)
        yield each
