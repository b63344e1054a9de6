"""The sixteen items: a sound run passes all, each fault is told by its own item, nothing ever raises."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from audited_facts import T0, curve, kept_check, sound_around, sound_facts
from guardrun.judging.audit import QUESTIONS, audit, audits_json, exit_code
from guardrun.judging.checklist import ITEMS, judge_items
from guardrun.judging.checklist_model import Around, Proof
from guardrun.judging.checklist_origin import twins
from guardrun.judging.facts import Baseline, Deciding, Mark, RunFacts
from guardrun.signals.model import Signal
from guardrun.state.model import Status


def states(facts: RunFacts, around: Around) -> dict[int, str]:
    return {each.item.id: each.answer.state for each in judge_items(facts, around)}


def text(facts: RunFacts, around: Around, number: int) -> str:
    return next(each.answer.text for each in judge_items(facts, around) if each.item.id == number)


def test_the_table_has_sixteen_items_and_every_one_but_the_audit_answers_a_question() -> None:
    assert [item.id for item in ITEMS] == list(range(1, 17))
    asked = sorted(number for question in QUESTIONS for number in question.items)
    assert asked == list(range(1, 16))
    assert all(len(item.name) <= 23 for item in ITEMS)


def test_a_sound_run_passes_everything_and_the_audit_says_yes() -> None:
    found = audit(sound_facts(), sound_around())

    assert {each.item.id: each.answer.state for each in found.items} == dict.fromkeys(range(1, 17), "pass")
    assert found.verdict == "pass"
    assert exit_code([found], strict=True) == 0


def signal(id: str) -> Signal:
    return Signal(id=id, severity="act", action="abort", first_step=1, raised_at=2, message="m")


def finding(id: str, severity: str = "act") -> dict[str, Any]:
    return {
        "id": id,
        "severity": severity,
        "message": f"{id} was found",
        "next": "mend it",
        "evidence": {"n": 3},
    }


def with_finding(id: str) -> dict[str, Any]:
    data = dict(sound_facts().data)
    return {"data": {**data, "val": {**data["val"], "findings": [finding(id)]}}}


FAULTS: dict[str, tuple[int, dict[str, Any]]] = {
    "no seed": (1, {"seed": None, "seeds": {}}),
    "no configuration": (2, {"config": {}}),
    "no packages": (2, {"environment": {"python": "3.11"}}),
    "no data": (3, {"data": {}}),
    "data without a hash": (3, {"data": {"train": {"sha256": "1"}, "val": {"count": 3}}}),
    "no commit and no sources": (4, {"git": {"commit": None, "problem": "not a git repository"}}),
    "a difference that was not kept": (4, {"git": {"commit": "c" * 40, "dirty": True}}),
    "no better than the baseline": (5, {"baseline": Baseline("val/loss", 0.2, "mean")}),
    "a class that train lacks": (8, with_finding("class_missing_in_train")),
    "NaN in the features": (8, with_finding("values_missing")),
    "the run was killed": (9, {"status": Status.KILLED}),
    "no validation": (9, {"curves": {"train/loss": curve("train/loss", [2, 1])}}),
    "no checkpoint": (9, {"best_checkpoint": None}),
    "a sanity training": (9, {"sanity": ({"mode": "overfit", "acknowledged": True},)}),
    "the test set decides": (10, {"monitor": Deciding("test/loss", "min")}),
    "nothing decides": (10, {"monitor": None, "best": None}),
    "out of memory": (11, {"signals": (signal("out_of_memory"),)}),
    "memory full": (11, {"system": {"memory/used_bytes": curve("a", [7.9e9]),
                                    "memory/total_bytes": curve("b", [8e9])}}),
    "NaN": (12, {"signals": (signal("nan"),)}),
    "another precision than its siblings": (12, {"precision": "bfloat16"}),
    "shared examples": (14, with_finding("duplicates_across_splits")),
    "the label in a feature": (14, with_finding("label_leak")),
    "normalised on the test set": (14, with_finding("normalised_on_other_data")),
    "test metrics every epoch": (14, {"curves": {**sound_facts().curves, "test/acc": curve("t", [1, 2, 3])}}),
    "a test before the end": (14, {"curves": {**sound_facts().curves, "test/acc": curve("t", [1.0])}}),
    "other hyper-parameters than its siblings": (15, {"config": {"seed": 1, "params": {"lr": 0.2}}}),
}  # fmt: skip


@pytest.mark.parametrize("fault", FAULTS)
def test_each_fault_is_told_by_its_item_with_evidence_and_a_way_out(fault: str) -> None:
    number, changes = FAULTS[fault]

    judged = {each.item.id: each.answer for each in judge_items(sound_facts(**changes), sound_around())}

    assert judged[number].state == "fail"
    assert judged[number].text
    assert judged[number].next
    found = audit(sound_facts(**changes), sound_around())
    assert found.verdict == "fail"
    assert exit_code([found], strict=False) == 4


def test_two_seeds_with_one_curve_say_that_the_seed_does_not_reach_the_script() -> None:
    one, other = sound_facts(1), sound_facts(2, curves=sound_facts(1).curves)

    assert twins([one, other, sound_facts(3)])["run-1"].run_id == "run-2"
    around = sound_around(twin=other)
    assert states(one, around)[1] == "fail"
    assert "seeds 1 and 2" in text(one, around, 1)


def test_a_curve_that_stays_equal_by_its_nature_is_no_twin() -> None:
    flat = {"train/loss": curve("train/loss", [0.0] * 20)}

    assert twins([sound_facts(1, curves=flat), sound_facts(2, curves=flat)]) == {}


def test_data_that_changed_between_the_seeds_is_told_with_both_hashes() -> None:
    changed = dict(sound_facts().data)
    changed["val"] = {**changed["val"], "sha256": "9" * 64}
    around = sound_around(siblings=(sound_facts(2, data=changed), sound_facts(3)))

    judged = judge_items(sound_facts(), around)[2].answer

    assert judged.state == "fail"
    assert judged.value == {"val": ["2" * 64, "9" * 64]}


@pytest.mark.parametrize(("name", "number"), [("shuffled_labels", 6), ("overfit", 7), ("baseline", 5)])
def test_a_check_that_failed_fails_its_item_and_one_that_was_not_acknowledged_leaves_it_open(
    name: str, number: int
) -> None:
    facts = sound_facts(baseline=None)

    assert states(facts, sound_around(check=kept_check(**{name: "fail"})))[number] == "fail"
    assert states(facts, sound_around(check=kept_check(**{name: "unknown"})))[number] == "unknown"
    assert states(facts, sound_around(check=None))[number] == "unknown"


def test_a_check_beside_the_one_that_an_item_asks_for_does_not_stand_for_it() -> None:
    """A first loss of ln K is no proof that a batch can be learnt by heart, though both are of item 7."""
    kept = kept_check()
    others = [item for item in kept.result["items"] if item["seed_item"] != 7]
    first_loss = {"id": "initial-loss", "seed_item": 7, "verdict": "pass", "evidence": {"text": "ln 10"}}
    kept.result["items"] = [first_loss, *others]
    assert states(sound_facts(), sound_around(check=kept))[7] == "unknown"


def test_a_check_of_other_code_proves_nothing() -> None:
    around = sound_around(check=kept_check(same_code=False))

    assert states(sound_facts(), around)[6] == "unknown"
    assert "other code" in text(sound_facts(), around, 6)


def test_a_baseline_that_was_checked_names_its_file_and_counts_for_its_code_alone() -> None:
    evidence = {"metric": "val/loss", "value": 1.2, "model": "majority class", "text": "measured"}
    item = {"id": "baseline", "seed_item": 5, "verdict": "pass", "evidence": evidence}
    check = kept_check()._replace(result={"items": [item]})

    judged = judge_items(sound_facts(), sound_around(check=check))[4].answer
    stale = judge_items(sound_facts(), sound_around(check=check._replace(same_code=False)))[4].answer

    assert (judged.state, judged.file) == ("pass", "/p/check.json")
    assert stale.state == "unknown"
    assert "other code" in stale.text


def test_a_metric_whose_better_side_nobody_told_is_left_open() -> None:
    curves = {**sound_facts().curves, "val/zeal": curve("val/zeal", [1, 2, 3])}
    facts = sound_facts(curves=curves, baseline=Baseline("val/zeal", 0.5, "mean"))

    assert states(facts, sound_around())[5] == "unknown"


def test_one_seed_is_no_and_its_way_out_names_the_command() -> None:
    found = audit(sound_facts(), sound_around(siblings=()))
    seeds = next(each for each in found.answers if each.question.id == "seeds")

    assert seeds.state == "fail"
    assert seeds.as_json()["next"] == "guard repeat run-1 --seeds 1,2,3"


def test_a_failed_repeat_does_not_count_as_a_seed() -> None:
    failed = sound_facts(3, status=Status.FAILED)

    assert states(sound_facts(), sound_around(siblings=(sound_facts(2), failed)))[15] == "fail"


def test_a_damaged_checkpoint_is_no_whatever_was_recorded() -> None:
    damaged = Proof(verified=False, file="checkpoints/step-200-a1/meta.json", problem="rank0.pt: other hash")
    found = audit(sound_facts(), sound_around(proof=damaged))

    item = next(item for item in found.as_json()["items"] if item["id"] == "checkpoint")
    assert item["verdict"] == "fail"
    assert "rank0.pt" in item["evidence"]["text"]
    assert item["next"]


def test_code_that_was_neither_committed_nor_kept_is_open() -> None:
    facts = sound_facts()
    lost = replace(facts, git={**facts.git, "untracked_left_out": ["big.py"]})

    assert states(lost, sound_around())[4] == "unknown"
    assert "big.py" in text(lost, sound_around(), 4)


def test_a_checkpoint_of_another_commit_is_told() -> None:
    proof = Proof(verified=True, file="meta.json", meta={"commit": "f" * 40, "config_sha256": "e" * 64})

    assert states(sound_facts(), sound_around(proof=proof))[4] == "fail"


def test_what_is_not_known_is_open_and_only_strict_makes_it_a_no() -> None:
    found = audit(sound_facts(precision=None), sound_around())

    assert found.verdict == "unknown"
    assert exit_code([found], strict=False) == 0
    assert exit_code([found], strict=True) == 4


def test_a_kept_audit_shows_in_the_list_until_the_run_grows() -> None:
    facts = sound_facts()

    assert states(facts, sound_around())[16] == "unknown"
    assert states(facts, sound_around(audited={"verdict": "pass"}))[16] == "pass"
    assert states(facts, sound_around(audited={"verdict": "fail"}))[16] == "fail"
    assert states(facts, sound_around(audited={"verdict": "pass"}, grown_since_audit=True))[16] == "unknown"


def test_several_runs_give_the_worst_answer_of_each_question_and_whose_it_is() -> None:
    good = audit(sound_facts(1), sound_around())
    bad = audit(sound_facts(2, monitor=Deciding("test/loss", "min")), sound_around())

    document = audits_json([good, bad])

    assert document["verdict"] == "fail"
    assert [item["id"] for item in document["items"]] == [question.id for question in QUESTIONS]
    checkpoint = next(item for item in document["items"] if item["id"] == "checkpoint")
    assert (checkpoint["verdict"], checkpoint["run_id"]) == ("fail", "run-2")
    assert len(document["runs"]) == 2


SOUND, AROUND = sound_facts(), sound_around()
OPTIONAL = {
    "seed": None, "seeds": {}, "config": {}, "config_origins": {}, "git": {}, "environment": {}, "data": {},
    "monitor": None, "best": None, "last": None, "curves": {}, "system": {}, "best_checkpoint": None,
    "last_checkpoint": None, "baseline": None, "precision": None, "effective_batch": None, "hours": None,
    "gpus": None, "step_time": None, "attempts": (), "split": {"path": 3}, "status": Status.LOST,
}  # fmt: skip
ODD = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=6,
)
KEYS = st.sampled_from(
    [
        "sha256",
        "count",
        "classes",
        "fields",
        "findings",
        "duplicates_with",
        "commit",
        "dirty",
        "stop",
        "params",
    ]
)


@settings(max_examples=60, deadline=None)
@given(
    absent=st.sets(st.sampled_from(sorted(OPTIONAL))),
    record=st.dictionaries(KEYS, ODD, max_size=5),
    items=st.lists(
        st.dictionaries(st.sampled_from(["id", "seed_item", "verdict", "evidence"]), ODD), max_size=3
    ),
    alone=st.booleans(),
)
def test_no_gap_and_no_odd_value_in_a_record_ever_raises(
    absent: set[str], record: dict[str, Any], items: list[Any], alone: bool
) -> None:
    facts = replace(SOUND, **{key: OPTIONAL[key] for key in absent})
    odd = replace(facts, data={"train": record}, git=record, config=record, environment=record)
    check = kept_check()._replace(result={"items": items})
    around = Around() if alone else replace(AROUND, check=check)

    for each in (facts, odd, replace(odd, best=Mark(1.0, 5, None, None), created=T0)):
        found = audit(each, around)
        assert {item.answer.state for item in found.items} <= {"pass", "fail", "unknown"}
        assert all(item.answer.next for item in found.items if item.answer.state != "pass")


@pytest.mark.parametrize(
    ("changes", "told"),
    [({}, "no price"), ({"cost": 0.00041, "currency": "USD"}, "0.0004 USD"), ({"cost": 0.0}, "0.00 EUR")],
)
def test_what_a_result_cost_in_money_is_told_or_that_nobody_gave_a_price(
    changes: dict[str, Any], told: str
) -> None:
    (judged,) = [each for each in judge_items(sound_facts(**changes), sound_around()) if each.item.id == 13]

    assert (judged.answer.state, told in judged.answer.text) == ("pass", True)
