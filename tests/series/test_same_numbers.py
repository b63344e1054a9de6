"""Two runs side by side: equal, or where they first part."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from guardrun.series.difference import compare_curves, final_course, of_the_machine
from guardrun.series.store import Series


def curve(*points: tuple[float, float]) -> tuple[np.ndarray, np.ndarray]:
    return np.array([step for step, _ in points], float), np.array([value for _, value in points], float)


POINTS = st.lists(
    st.tuples(st.integers(0, 50), st.floats(allow_nan=True)), min_size=1, max_size=30
).map(lambda points: curve(*sorted(points, key=lambda point: point[0])))  # fmt: skip


@given(st.dictionaries(st.sampled_from("abc"), POINTS, min_size=1))
def test_a_run_equals_itself_whatever_it_logged(curves) -> None:
    verdict = compare_curves(curves, curves)
    assert verdict.equal
    assert verdict.compared == sum(len(steps) for steps, _ in curves.values())


@given(POINTS, st.data())
def test_one_changed_value_is_the_one_that_is_named(points, data) -> None:
    steps, values = points
    place = data.draw(st.integers(0, len(values) - 1))
    other = values.copy()
    other[place] = 1.0 if values[place] != 1.0 else 2.0
    first = compare_curves({"x": points}, {"x": (steps, other)}).first
    assert first is not None
    assert (first.name, first.step) == ("x", steps[place])
    assert first.now == other[place]


def test_the_earliest_difference_comes_first_whichever_curve_it_is_in() -> None:
    was = {"a": curve((1, 1), (9, 1)), "b": curve((1, 1), (4, 1))}
    now = {"a": curve((1, 1), (9, 2)), "b": curve((1, 1), (4, 3))}
    verdict = compare_curves(was, now)
    assert verdict.first is not None
    assert (verdict.first.name, verdict.first.step, verdict.differing) == ("b", 4, 2)
    assert verdict.differing_curves == ("a", "b")


def test_a_shorter_run_a_missing_curve_and_a_new_one_are_differences() -> None:
    was = {"a": curve((1, 1), (2, 2)), "gone": curve((1, 1))}
    verdict = compare_curves(was, {"a": curve((1, 1)), "new": curve((1, 1))})
    assert set(verdict.differing_curves) == {"a", "gone", "new"}
    assert verdict.differing == 3


def test_a_tolerance_is_relative() -> None:
    was, now = {"a": curve((1, 1000.0))}, {"a": curve((1, 1000.5))}
    assert not compare_curves(was, now).equal
    assert compare_curves(was, now, tolerance=1e-3).equal
    assert not compare_curves(was, now, tolerance=1e-4).equal


def test_nothing_compared_is_not_equal() -> None:
    assert not compare_curves({}, {}).equal


def test_of_steps_that_a_resume_repeated_the_repetition_counts() -> None:
    step = np.array([1.0, 2, 3, 2, 3, 4])
    value = np.array([10.0, 20, 30, 21, 31, 41])
    attempt = np.array([1, 1, 1, 2, 2, 2], np.int32)
    steps, values = final_course(Series("x", step, step, step, value, attempt))
    assert steps.tolist() == [1, 2, 3, 4]
    assert values.tolist() == [10, 21, 31, 41]


@pytest.mark.parametrize(
    "name", ["step_time", "data_time", "samples_per_s", "gpu/memory_allocated_bytes", "train/epoch_seconds",
             "perf/throughput", "tokens_per_sec", "gpu0/power_w", "eval/runtime", "fps", "wall_time"],
)  # fmt: skip
def test_curves_of_the_machine(name: str) -> None:
    assert of_the_machine(name)


@pytest.mark.parametrize(
    "name",
    ["train/loss", "lr", "grad_norm", "val/accuracy", "val/times_table", "timestep", "loss_s2", "val/bpb"],
)
def test_curves_of_the_training(name: str) -> None:
    assert not of_the_machine(name)
