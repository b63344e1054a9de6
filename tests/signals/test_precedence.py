"""One trouble, one signal: what is stronger takes the place of what says less, and gives it back."""

from __future__ import annotations

import math

from hypothesis import given
from hypothesis import strategies as st

from guardrun.signals.model import SEVERITY_ORDER, Severity, Signal
from guardrun.signals.policy import DEFAULT_POLICY
from guardrun.signals.precedence import STRONGER, Precedence
from signal_curves import Judged, decreasing, metrics


def raised(rule: str, severity: Severity, step: int) -> Signal:
    return Signal(rule, severity, "warn", step, step, "told")


def cleared(rule: str, step: int) -> Signal:
    return Signal(rule, "warn", "warn", step, step, "told", cleared_at=step)


def brief(signals: list[Signal]) -> list[tuple[str, int | None, str | None]]:
    return [(signal.id, signal.cleared_at, signal.superseded_by) for signal in signals]


def test_a_stronger_signal_ends_the_weaker_one_and_says_which_took_its_place():
    precedence = Precedence()
    assert brief(precedence.take(raised("loss_spike", "info", 10), 10)) == [("loss_spike", None, None)]
    assert brief(precedence.take(raised("loss_explosion", "warn", 20), 20)) == [
        ("loss_explosion", None, None),
        ("loss_spike", 20, "loss_explosion"),
    ]
    assert [signal.id for signal in precedence.told] == ["loss_explosion"]


def test_a_weaker_signal_is_withheld_beside_a_stronger_one_and_told_when_that_is_over():
    precedence = Precedence()
    precedence.take(raised("loss_explosion", "warn", 10), 10)
    assert precedence.take(raised("collapse", "warn", 12), 12) == []
    assert brief(precedence.take(cleared("loss_explosion", 40), 40)) == [
        ("loss_explosion", 40, None),
        ("collapse", None, None),
    ]
    assert precedence.told[0].raised_at == 40


def test_a_weaker_signal_that_ended_meanwhile_is_never_told():
    precedence = Precedence()
    precedence.take(raised("loss_explosion", "warn", 10), 10)
    precedence.take(raised("collapse", "warn", 12), 12)
    assert precedence.take(cleared("collapse", 30), 30) == []
    assert brief(precedence.take(cleared("loss_explosion", 40), 40)) == [("loss_explosion", 40, None)]


def test_information_never_hides_what_is_severe():
    """A single skipped step is information of the rule nan; it must not take the place of an explosion."""
    precedence = Precedence()
    precedence.take(raised("nan", "info", 5), 5)
    assert brief(precedence.take(raised("loss_explosion", "act", 10), 10)) == [("loss_explosion", None, None)]
    assert brief(precedence.take(raised("nan", "act", 20), 20)) == [
        ("nan", None, None),
        ("loss_explosion", 20, "nan"),
    ]


def test_the_table_names_only_rules_and_has_no_circle():
    assert set(STRONGER) | {rule for each in STRONGER.values() for rule in each} <= set(DEFAULT_POLICY)

    def depth(rule: str, seen: tuple[str, ...] = ()) -> int:
        assert rule not in seen, f"{rule} supersedes itself: {seen}"
        return 1 + max((depth(each, (*seen, rule)) for each in STRONGER.get(rule, ())), default=0)

    assert max(depth(rule) for rule in STRONGER) < 6


rules = st.sampled_from(sorted(DEFAULT_POLICY))


@given(
    st.lists(st.tuples(rules, st.sampled_from(["raise", "clear"]), st.sampled_from(["info", "warn", "act"])))
)
def test_every_told_signal_is_cleared_once_and_nothing_severe_is_hidden_by_less(
    moves: list[tuple[str, str, Severity]],
):
    """A model of many rules that raise, grow worse and clear in any order."""
    precedence, holding, shown = Precedence(), dict[str, Severity](), set[str]()
    for step, (rule, move, severity) in enumerate(moves):
        if move == "clear" and rule not in holding:
            continue
        if move == "raise" and rule in holding and SEVERITY_ORDER[severity] <= SEVERITY_ORDER[holding[rule]]:
            continue
        if move == "clear":
            del holding[rule]
            told = precedence.take(cleared(rule, step), step)
        else:
            holding[rule] = severity
            told = precedence.take(raised(rule, severity, step), step)
        for signal in told:
            if signal.cleared_at is None:
                shown.add(signal.id)
            else:
                assert signal.id in shown
                shown.remove(signal.id)
        assert shown == {signal.id for signal in precedence.told} <= set(holding)
        for hidden in set(holding) - shown:
            stronger = [holding[each] for each in STRONGER[hidden] if each in shown]
            assert any(SEVERITY_ORDER[each] >= SEVERITY_ORDER[holding[hidden]] for each in stronger)


def test_a_run_that_explodes_into_nan_ends_with_one_trouble():
    judged = Judged()
    losses = [*decreasing(200), *[40.0 + i for i in range(60)], *[math.nan] * 20]
    for step, loss in enumerate(losses):
        judged.feed(metrics(step, loss=loss))
    assert [signal.id for signal in judged.active] == ["nan"]
    ended = {s.id: s.superseded_by for s in judged.history if s.superseded_by}
    assert ended == {"loss_spike": "loss_explosion", "loss_explosion": "nan"}


def test_what_was_hidden_by_a_signal_that_another_replaces_is_told_again():
    precedence = Precedence()
    for id in ("collapse", "oscillation"):
        precedence.take(raised(id, "info", 1), 1)
    told = precedence.take(raised("nan", "info", 2), 2)
    assert [(s.id, s.cleared_at is None) for s in told] == [
        ("nan", True), ("collapse", False), ("oscillation", True)
    ]  # fmt: skip
