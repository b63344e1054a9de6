"""What is remembered of a growing curve changes what a drawing costs, never what it shows."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from guardrun.series.smoothing import Average, debiased_ema
from guardtui.chart.draw import draw
from guardtui.chart.frame import Frame
from guardtui.chart.known import learn
from guardtui.chart.model import ChartModel, Curve

VALUE = st.one_of(
    st.floats(0.1, 5), st.floats(0.1, 5), st.sampled_from([math.nan, -1.0, 0.0, 1e300, math.inf])
)


def column(values: list[float]) -> np.ndarray:
    """As a store hands it out: it may not be written to."""
    made = np.array(values, float)
    made.flags.writeable = False
    return made


def without_limits(frame: Frame) -> Frame:
    """As if the axes had not been seen before: only the facts about the curves are kept."""
    return replace(frame, memory=replace(frame.memory, x=None, y=None, gutter=0, bands=frozenset()))


@settings(max_examples=120, deadline=None)
@given(
    st.lists(st.tuples(st.sampled_from([0.0, 1.0, 1.0, 1.0, -3.0]), VALUE), min_size=1, max_size=60),
    st.lists(st.integers(0, 60), max_size=3),
    st.booleans(),
    st.sampled_from([0.0, 0.9]),
)
def test_a_grown_curve_looks_as_if_it_were_drawn_for_the_first_time(
    points: list[tuple[float, float]], ends: list[int], log_y: bool, smoothing: float
) -> None:
    x, y = column(np.cumsum([step for step, _ in points]).tolist()), column([value for _, value in points])
    memory = None
    for end in [*sorted(min(end, x.size) for end in ends), x.size]:
        model = ChartModel("t", (Curve("a", x[:end], y[:end]),), log_y=log_y, smoothing=smoothing)
        frame = draw(model, 30, 10, memory=memory)
        memory = without_limits(frame).memory

    fresh = draw(ChartModel("t", (Curve("a", x, y),), log_y=log_y, smoothing=smoothing), 30, 10)
    assert frame.text() == fresh.text()
    assert (frame.styles == fresh.styles).all()


def test_only_new_points_are_looked_at() -> None:
    x, y = column(list(range(1000))), column([1.0] * 1000)
    before = learn(Curve("", x[:900], y[:900]), None)

    after = learn(Curve("", x, y), before)

    assert after.plain
    assert after.derived is before.derived
    other = column([1.0] * 1000)
    assert learn(Curve("", x, other), before).derived is not before.derived


def test_a_curve_that_may_be_written_to_is_looked_at_anew() -> None:
    x, y = np.arange(10.0), np.ones(10)
    before = learn(Curve("", x, y), None)
    y[3] = np.nan

    assert before.plain
    assert not learn(Curve("", x, y), before).plain


@given(st.lists(st.floats(-1e6, 1e6), max_size=700), st.integers(0, 700), st.sampled_from([0.5, 0.9, 0.999]))
def test_an_average_that_goes_on_is_the_average_of_all(values: list[float], cut: int, weight: float) -> None:
    y = np.array(values, float)
    average = Average(weight)

    average.of(y[:cut])

    np.testing.assert_allclose(average.of(y), debiased_ema(y, weight), rtol=1e-9, atol=1e-6)
