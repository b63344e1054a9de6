"""Best and patience, against a naive count over the whole history."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from guardrun.recording.early_stopping import EarlyStopping

histories = st.lists(st.floats(-10, 10) | st.sampled_from([math.nan, math.inf, -math.inf]), max_size=30)


def naive(history: list[float], mode: str, patience: int, min_delta: float) -> tuple[int | None, int | None]:
    """(index of the best, index at which patience ends), worked out from the definition alone."""
    sign = 1.0 if mode == "min" else -1.0
    finite = [(sign * value, index) for index, value in enumerate(history) if math.isfinite(value)]
    best = min(finite)[1] if finite else None
    reference, since = None, 0
    for index, value in enumerate(history):
        better = math.isfinite(value) and (reference is None or reference - sign * value > min_delta)
        reference, since = (sign * value, 0) if better else (reference, since + 1)
        if since >= patience:
            return best, index
    return best, None


@given(histories, st.sampled_from(["min", "max"]), st.integers(1, 6), st.sampled_from([0.0, 0.1, 1.0]))
def test_best_and_patience_are_those_of_the_definition(
    history: list[float], mode: str, patience: int, min_delta: float
) -> None:
    stopping = EarlyStopping(mode, patience, min_delta)
    judged = [stopping.judge(value) for value in history]

    best = max((i for i, one in enumerate(judged) if one.best), default=None)
    ended = next((i for i, one in enumerate(judged) if one.stop), None)

    assert (best, ended) == naive(history, mode, patience, min_delta)


@given(histories, st.integers(0, 30))
def test_a_resume_counts_on_where_the_attempt_before_was(history: list[float], cut: int) -> None:
    whole = EarlyStopping("min", 3, 0.1)
    expected = [whole.judge(value) for value in history]

    first = EarlyStopping("min", 3, 0.1)
    found = [first.judge(value) for value in history[:cut]]
    second = EarlyStopping("min", 3, 0.1)
    second.load_state_dict(first.state_dict())
    found += [second.judge(value) for value in history[cut:]]

    assert found == expected


def test_without_patience_nothing_ever_stops() -> None:
    stopping = EarlyStopping("max")

    assert not any(stopping.judge(0.0).stop for _ in range(100))


def test_the_reason_names_value_best_and_patience() -> None:
    stopping = EarlyStopping("min", patience=1)
    stopping.judge(0.25)

    assert stopping.judge(0.5).reason == (
        "no improvement by more than 0 in 1 evaluations (last 0.5, best 0.25, patience 1)"
    )


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
def test_a_non_finite_value_is_never_best(value: float) -> None:
    judged = EarlyStopping("min").judge(value)

    assert not judged.best
    assert not judged.improved
