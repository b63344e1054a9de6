"""The ladder as a pure machine: what it offers, when it climbs, that it always ends."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from guardrun.supervising.ladder import (
    COUNTED_STEPS,
    MOST_GRACES,
    RUNGS,
    GiveUp,
    Ladder,
    Request,
    Send,
    Stage,
)

PERSON = Request("a1", "watch")


def stages(effects):
    return [effect.stage for effect in effects if isinstance(effect, Stage)]


def sent(effects):
    return [effect.rung for effect in effects if isinstance(effect, Send)]


def test_a_safe_stop_goes_through_its_stages_without_any_signal():
    ladder = Ladder(library=True, grace=10)
    effects = [
        *ladder.asked(PERSON, 0.0),
        *ladder.acknowledged(0, 1.0),
        *ladder.acknowledged(1, 1.2),
        *ladder.saving(1.3, 0),
        *ladder.saved(2.0, "checkpoints/step-7-a1", 0),
        *ladder.ended(2.1, "stop:watch", 0),
        *ladder.gone(),
    ]
    assert stages(effects) == [
        "requested", "acknowledged", "acknowledged", "saving", "saved", "ended", "gone",
    ]  # fmt: skip
    assert sent(effects) == []
    assert ladder.over
    assert not ladder.forced


def test_each_stage_is_told_once_a_rank():
    ladder = Ladder(library=True)
    ladder.asked(PERSON, 0.0)
    assert stages(ladder.acknowledged(0, 1.0)) == ["acknowledged"]
    assert ladder.acknowledged(0, 2.0) == []


def test_a_checkpoint_of_before_the_training_saw_the_request_is_not_the_stops():
    ladder = Ladder(library=True, grace=10)
    ladder.asked(PERSON, 0.0)
    assert ladder.saving(8.0, 0) == ladder.saved(8.1, "checkpoints/step-7-a1", 0) == []
    assert ladder.tick(18.0) == []  # but a sign of life it is
    ladder.acknowledged(0, 18.0)
    (stage,) = ladder.saved(18.5, "checkpoints/step-8-a1", 0)
    assert stage == Stage("saved", "checkpoints/step-8-a1", 0)


def test_a_persons_stop_offers_the_next_rung_once_and_climbs_only_when_asked_again():
    ladder = Ladder(library=True, grace=10)
    ladder.asked(PERSON, 0.0)
    assert ladder.tick(9.9) == []
    (offer,) = ladder.tick(10.0)
    assert isinstance(offer, Stage)
    assert (offer.stage, offer.text) == ("offer", "no progress for 10 s; ask again for SIGINT")
    assert ladder.tick(1000.0) == []
    assert sent(ladder.asked(hurry(), 1001.0)) == ["SIGINT"]
    assert stages(ladder.tick(1011.0)) == ["offer"]
    assert sent(ladder.asked(hurry(), 1012.0)) == ["SIGTERM"]
    assert sent(ladder.asked(hurry(), 1013.0)) == ["SIGKILL"]
    assert sent(ladder.asked(hurry(), 1014.0)) == []


def test_no_rung_above_the_highest_is_offered_or_climbed_however_often_it_is_asked_for():
    ladder = Ladder(library=True, grace=10, highest="SIGINT")
    ladder.asked(Request("a", "cli"), 0)
    assert sent(ladder.asked(hurry(), 1)) == ["SIGINT"]
    assert sent(ladder.asked(hurry(), 2)) == []
    assert ladder.tick(1000) == []


def hurry() -> Request:
    return Request("a2", "watch", hurry=True)


def test_asking_twice_without_hurry_changes_nothing():
    ladder = Ladder(library=True, grace=10)
    ladder.asked(PERSON, 0.0)
    assert ladder.asked(Request("b", "cli"), 1.0) == []
    assert ladder.request is PERSON


@pytest.mark.parametrize(
    "request_",
    [
        Request("p", "policy", "abort:nan"),
        Request("b", "budget", "budget:time"),
        Request("s", "scheduler"),
        Request("n", "cli", now=True),
        Request("g", "cli", grace=10.0),
    ],
)
def test_a_stop_that_nobody_watches_climbs_by_itself(request_):
    ladder = Ladder(library=True, grace=10)
    ladder.asked(request_, 0.0)
    assert sent(ladder.tick(10.0)) == ["SIGINT"]
    assert sent(ladder.tick(19.0)) == []
    assert sent(ladder.tick(20.0)) == ["SIGTERM"]
    assert sent(ladder.tick(30.0)) == ["SIGKILL"]
    assert ladder.forced
    assert ladder.tick(59.9) == []
    assert ladder.tick(60.0) == [GiveUp()]


def test_a_grace_that_is_given_later_lets_a_waiting_stop_climb():
    ladder = Ladder(library=True, grace=60)
    ladder.asked(PERSON, 0.0)
    assert stages(ladder.asked(Request("c", "cli", grace=5.0), 10.0)) == ["requested"]
    assert sent(ladder.tick(10.0)) == ["SIGINT"]


@pytest.mark.parametrize("kind", ["step", "event", "checkpoint"])
def test_the_grace_starts_again_at_every_sign_of_progress(kind):
    ladder = Ladder(library=True, grace=10)
    ladder.asked(Request("p", "policy"), 0.0)
    ladder.progressed(kind, 9.0)
    assert ladder.tick(18.9) == []
    assert sent(ladder.tick(19.0)) == ["SIGINT"]


def test_a_training_that_steps_on_and_on_does_not_count_as_progress():
    ladder = Ladder(library=True, grace=10)
    ladder.asked(Request("p", "policy"), 0.0)
    for step in range(100):
        ladder.progressed("step", step * 1.0)
    assert sent(ladder.tick(COUNTED_STEPS - 1 + 10.0)) == ["SIGINT"]


def test_a_growing_checkpoint_is_waited_for_however_long_it_takes():
    ladder = Ladder(library=True, grace=10)
    ladder.asked(Request("p", "policy"), 0.0)
    for second in range(0, 10_000, 5):
        ladder.progressed("checkpoint", second)
        assert ladder.tick(second) == []


def test_other_events_do_not_put_a_rung_off_for_ever():
    ladder = Ladder(library=True, grace=10)
    ladder.asked(Request("p", "policy"), 0.0)
    climbed = [
        second
        for second in range(0, 1000, 5)
        if (ladder.progressed("event", second), sent(ladder.tick(second)))[1]
    ]
    assert climbed[0] == MOST_GRACES * 10 + 10


def test_a_command_that_does_not_read_commands_gets_sigint_at_once():
    ladder = Ladder(library=False, grace=10)
    assert sent(ladder.asked(PERSON, 0.0)) == ["SIGINT"]
    assert stages(ladder.tick(10.0)) == ["offer"]


REQUESTS = st.builds(
    Request,
    id=st.just("x"),
    via=st.sampled_from(["watch", "cli", "sigint", "sigterm", "policy", "budget", "scheduler"]),
    now=st.booleans(),
    grace=st.none() | st.floats(0, 30),
    hurry=st.booleans(),
)
MOVES = st.one_of(
    st.tuples(st.just("ask"), REQUESTS),
    st.tuples(st.just("move"), st.sampled_from(["step", "event", "checkpoint"])),
    st.tuples(st.sampled_from(["ack", "saving", "saved", "ended", "wait"]), st.integers(0, 3)),
)


def play(ladder: Ladder, moves, deltas):
    """All effects, with the request (if any) that directly caused them."""
    now = 0.0
    played = []
    for (what, value), delta in zip(moves, deltas, strict=False):
        now += delta
        cause = None
        if what == "ask":
            cause, effects = value, ladder.asked(value, now)
        elif what == "move":
            effects = ladder.progressed(value, now) or []
        elif what == "wait":
            effects = []
        else:
            name = {"ack": "acknowledged"}.get(what, what)
            effects = (
                ladder.acknowledged(value, now)
                if name == "acknowledged"
                else getattr(ladder, name)(now, rank=value)
            )
        played.append((cause, effects))
        played.append((None, ladder.tick(now)))
    return played, now


@given(st.lists(MOVES, max_size=60), st.lists(st.floats(0, 40), min_size=60, max_size=60), st.booleans())
@settings(max_examples=300)
def test_no_rung_is_climbed_unasked_for_a_person(moves, deltas, library):
    """Only hurry climbs, as long as no request gave a grace, said now, or came from where nobody sits."""
    ladder = Ladder(library=library, grace=10)
    allowed = False
    played, _ = play(ladder, moves, deltas)
    for cause, effects in played:
        if cause is not None:
            allowed = allowed or cause.unasked
        rungs = sent(effects)
        assert len(rungs) <= 2
        if rungs and not allowed:
            assert cause is not None
            assert cause.hurry or not library


@given(st.lists(MOVES, max_size=60), st.lists(st.floats(0, 40), min_size=60, max_size=60), st.booleans())
@settings(max_examples=300)
def test_rungs_are_climbed_in_order_and_each_once(moves, deltas, library):
    ladder = Ladder(library=library, grace=10)
    played, _ = play(ladder, moves, deltas)
    climbed = [rung for _, effects in played for rung in sent(effects)]
    assert tuple(climbed) == RUNGS[: len(climbed)]


@given(st.lists(MOVES, max_size=40), st.lists(st.floats(0, 40), min_size=40, max_size=40))
@settings(max_examples=200)
def test_a_stop_that_climbs_unasked_always_ends(moves, deltas):
    """Whatever came before and whatever events go on: after a policy's request it ends in finite time."""
    ladder = Ladder(library=True, grace=10)
    _, now = play(ladder, moves, deltas)
    ladder.asked(Request("p", "policy", "abort:nan"), now)
    for _ in range(3 * (MOST_GRACES + 2) * 40):
        now += 1.0
        ladder.progressed("event", now)
        ladder.progressed("step", now)
        ladder.tick(now)
        if ladder.over:
            return
    raise AssertionError(f"still on rung {ladder.rung} after {now} s")


@given(st.lists(MOVES, max_size=30), st.lists(st.floats(0, 40), min_size=30, max_size=30))
def test_nothing_happens_after_the_end(moves, deltas):
    ladder = Ladder(library=True, grace=1)
    ladder.asked(PERSON, 0.0)
    ladder.gone()
    played, _ = play(ladder, moves, deltas)
    assert all(effects == [] for _, effects in played)


def test_of_several_ranks_those_that_have_not_seen_the_request_are_named():
    ladder = Ladder(library=True, grace=10.0)
    ladder.ranks |= {0, 1, 2}
    ladder.asked(Request("a", "cli", grace=10.0), 0.0)
    ladder.acknowledged(0, 1.0)
    ladder.acknowledged(2, 1.0)
    stage, _ = ladder.tick(12.0)
    assert stage.text == "no progress for 11 s; rank 1 has not acknowledged"
    alone = Ladder(library=True, grace=10.0)
    alone.ranks |= {0}
    alone.asked(Request("a", "cli", grace=10.0), 0.0)
    assert alone.tick(11.0)[0].text == "no progress for 11 s"
