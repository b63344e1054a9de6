"""A NaN that the log replaces leaves traces: zeros, a loss that stands still, blind gradient norms."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from guardrun.signals.engine import EngineSettings
from guardrun.signals.hidden_nan import HiddenNan
from signal_curves import Judged, decreasing, judge, metrics, raised

NAN = math.nan


def hf_losses(losses: list[float], every: int) -> list[float]:
    """What Hugging Face's Trainer logs of these step losses, every so many steps, with its filter on."""
    logged, total, since = [], 0.0, 0
    for loss in losses:
        total += loss if math.isfinite(loss) else total / (1 + since)
        since += 1
        if since == every:
            logged.append(round(total / since, 4))
            total, since = 0.0, 0
    return logged


def feed(losses: list[float], norms: list[float | None], **settings: object) -> Judged:
    points = []
    for number, (loss, norm) in enumerate(zip(losses, norms, strict=True), 1):
        extra = {} if norm is None else {"grad_norm": norm}
        points.append(metrics(10 * number, loss=loss, lr=0.001, **extra))
    return judge(points, EngineSettings(**settings))  # type: ignore[arg-type]


def test_a_nan_that_the_trainer_of_hugging_face_hides_is_called_a_nan_and_names_the_switch() -> None:
    losses = hf_losses([*decreasing(303), *[NAN] * 197], 10)
    norms: list[float | None] = [1.0] * 30 + [NAN] * 20
    assert losses[31:] == [0.0] * 19, "the log looks clean"

    (signal,) = raised(feed(losses, norms), "nan")

    assert (signal.action, signal.evidence["where"]) == ("abort", "hidden")
    assert signal.first_step in (310, 320)
    assert signal.raised_at <= 360
    assert "logging_nan_inf_filter" in signal.message
    assert "logging_nan_inf_filter=False" in signal.advice


def test_without_gradient_norms_a_fall_to_exactly_zero_warns() -> None:
    losses = hf_losses([*decreasing(303, floor=0.4), *[NAN] * 197], 10)
    judged = feed(losses, [None] * len(losses))

    assert not raised(judged, "nan")
    (signal,) = raised(judged, "nan", "warn")
    assert (signal.first_step, signal.raised_at) == (320, 360)


def test_a_loss_that_stands_still_to_the_last_bit_beside_blind_norms_acts_after_twenty() -> None:
    judged = feed([*decreasing(30), *[0.6931471805599453] * 25], [*[1.0] * 30, *[NAN] * 25])

    (signal,) = raised(judged, "nan")
    assert signal.raised_at == 500
    assert "0.6931 without any change" in signal.message


def test_a_loss_scale_that_settles_on_one_full_batch_is_no_hidden_nan() -> None:
    judged = feed([0.7] * 16 + decreasing(60, start=0.7), [math.inf] * 16 + [1.0] * 60)

    assert not raised(judged, "nan")
    assert judged.active == ()


@pytest.mark.parametrize(
    "losses",
    [
        [0.0] * 60,
        [0.0, 0.0001, -0.0, 0.0, 0.0, 0.0, 0.0, 0.0002, *[0.0] * 52],
        [max(0.0, 1.0 - 0.02 * n) for n in range(90)],
        [0.0 if n % 3 else 0.5 for n in range(40)] + [0.0] * 20,
    ],
    ids=["always zero", "policy gradients", "a hinge reached", "triplets"],
)
@pytest.mark.parametrize("norm", [None, 0.1])
def test_a_loss_that_may_be_zero_is_left_alone(losses: list[float], norm: float | None) -> None:
    judged = feed(losses, [norm] * len(losses))

    assert not [signal for signal in judged.history if signal.id == "nan"]


def test_zeros_beside_finite_norms_are_no_nan() -> None:
    judged = feed([*decreasing(40, floor=0.5), *[0.0] * 20], [1.0] * 60)

    assert not [signal for signal in judged.history if signal.id == "nan"]


def test_a_hidden_nan_that_ends_is_cleared() -> None:
    judged = feed(
        [*decreasing(30), *[0.0] * 8, *decreasing(60, start=0.2)], [*[1.0] * 30, *[NAN] * 8, *[1.0] * 60]
    )

    assert raised(judged, "nan")
    assert judged.active == ()


_LOSSES = st.sampled_from([0.0, -0.0, 0.25, 0.5, 1.0, NAN, math.inf])
_NORMS = st.sampled_from([None, 0.5, 1.0, NAN, math.inf])


@given(st.lists(st.tuples(_LOSSES, _NORMS), max_size=60), st.integers(1, 20))
def test_rows_taken_at_once_leave_the_state_that_single_rows_leave(
    rows: list[tuple[float, float | None]], size: int
) -> None:
    singly, at_once = HiddenNan(), HiddenNan()
    for start in range(0, len(rows), size):
        part = rows[start : start + size]
        losses = np.array([loss for loss, _ in part])
        norms = np.array([norm for _, norm in part if norm is not None])
        fine = bool(np.isfinite(losses).all() and np.isfinite(norms).all())
        taken = fine and at_once.skim(losses, norms)
        for step, (loss, norm) in enumerate(part, start):
            singly.take(step, loss, norm)
            if not taken:
                at_once.take(step, loss, norm)
        assert _state(at_once) == _state(singly)


def _state(hidden: HiddenNan) -> tuple[object, ...]:
    since = {"blind_from": hidden.blind, "zeros_from": hidden.zeros}
    return tuple(repr(getattr(hidden, name)) for name in HiddenNan.__slots__ if since.get(name, 1))
