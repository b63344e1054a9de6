"""Where steps lie in epochs, time and tokens; which steps a resume did again; where a rate jumped."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from guardrun.series.store import Series
from guardrun.signals.model import Signal
from guardrun.state.model import Attempt
from guardtui.chart.model import Curve
from guardtui.viewmodel.chart_choice import choose_charts
from guardtui.viewmodel.chart_groups import group_curve
from guardtui.viewmodel.chart_models import ChartOptions, chart_model
from guardtui.viewmodel.lr_changes import lr_changes
from guardtui.viewmodel.timeline import Timeline
from run_factory import T0, run_state

NUMBER = st.one_of(st.floats(), st.floats(0, 1), st.sampled_from([math.nan, 0.0, 1e300, 1e-300]))


def series(name, step, value, *, attempt=None, every=0.5):
    step = np.array(step, float)
    attempts = np.ones(len(step), np.int32) if attempt is None else np.array(attempt, np.int32)
    t = T0 + every * np.arange(1.0, len(step) + 1)
    return Series(name, step, t, np.full(len(step), np.nan), np.array(value, float), attempts)


def timeline(*of, state=None):
    named = {each.name: each for each in of}
    return named, Timeline.of(named, state or run_state(steps_per_epoch=None))


RESUMED = run_state(steps_per_epoch=None, attempts=(Attempt(1, 0.0), Attempt(2, 9.0, 3)))


def test_tokens_are_rate_times_time_of_a_step_times_the_steps_of_an_event():
    """As guard's own meter writes them, here every second step: 100 tokens a step, however long it took."""
    step, seconds = [2, 4, 6, 8], np.array([0.5, 1.0, 0.25, 2.0])
    named, line = timeline(
        series("tokens_per_s", step, 100 / seconds), series("step_time", step, seconds),
        series("val/loss", [4, 7], [1, 1]),
    )  # fmt: skip

    assert line.has("tokens")
    assert line.x(named["tokens_per_s"], "tokens").tolist() == pytest.approx([200, 400, 600, 800])
    assert line.x(named["val/loss"], "tokens").tolist() == pytest.approx([400, 700])
    assert line.place(6, "tokens") == pytest.approx(600)


def test_a_resume_goes_on_from_the_tokens_of_its_step():
    step, attempt = [1, 2, 3, 4, 5, 4, 5, 6], [1, 1, 1, 1, 1, 2, 2, 2]
    named, line = timeline(
        series("tokens_per_s", step, [100.0] * 8, attempt=attempt),
        series("step_time", step, [1.0] * 8, attempt=attempt),
        state=RESUMED,
    )

    assert line.x(named["step_time"], "tokens").tolist() == pytest.approx(
        [100, 200, 300, 400, 500, 400, 500, 600]
    )


def test_a_rate_alone_is_integrated_over_time():
    named, line = timeline(series("tokens_per_s", [1, 2, 3], [100, 200, math.nan]))

    assert line.x(named["tokens_per_s"], "tokens").tolist() == pytest.approx([50, 150, 225])


def test_a_count_that_the_run_logs_is_taken_as_it_is():
    named, line = timeline(
        series("consumed_tokens", [10, 20], [1000, 2500]), series("tokens_per_s", [10, 20], [1, 1]),
        series("loss", [15], [1]),
    )  # fmt: skip

    assert line.x(named["loss"], "tokens").tolist() == [1750]


def test_the_tokens_of_each_batch_are_no_count_of_all():
    _, line = timeline(series("tokens", [1, 2, 3], [512, 498, 512]))

    assert not line.has("tokens")


def test_without_tokens_the_axis_falls_back_to_steps():
    named, line = timeline(series("train/loss", [1, 2], [1, 1]))
    choice = choose_charts(named, None)[0]

    model = chart_model(choice, named, run_state(), line, ChartOptions(axis="tokens"))

    assert model.x_label == "step"
    assert not line.has("tokens")


@given(st.lists(st.tuples(NUMBER, NUMBER), max_size=12), st.integers(0, 12))
def test_any_rates_give_counts_that_do_not_fall_within_an_attempt(rows, cut):
    step = list(range(1, len(rows) + 1))
    attempt = [1 if number < cut else 2 for number in range(len(rows))]
    named, line = timeline(
        series("tokens_per_s", step, [r for r, _ in rows], attempt=attempt),
        series("step_time", step, [s for _, s in rows], attempt=attempt),
    )
    if not rows:
        assert line.counted is None
        return

    with np.errstate(all="raise", under="ignore"):
        tokens = line.x(named["tokens_per_s"], "tokens")

    assert np.isfinite(tokens).all()
    parts = [tokens[:cut], tokens[cut:]]
    assert all((np.diff(part) >= 0).all() for part in parts)


def resumed_loss():
    step, attempt = [1, 2, 3, 4, 5, 4, 5, 6], [1, 1, 1, 1, 1, 2, 2, 2]
    return series("train/loss", step, [8, 7, 6, 5, 4, 3, 2, 1], attempt=attempt)


@pytest.mark.parametrize("axis", ["step", "time"])
def test_what_a_resume_did_again_is_the_curves_past(axis):
    named, line = timeline(resumed_loss(), state=RESUMED)

    model = chart_model(choose_charts(named, None)[0], named, RESUMED, line, ChartOptions(axis=axis))

    curve = model.curves[0]
    assert curve.y.tolist() == [8, 7, 6, 3, 2, 1]
    assert curve.breaks == (3,)
    assert curve.past is not None
    assert curve.past.y.tolist() == [5, 4]
    assert ("resume", "resumed (attempt 2)") in {(mark.kind, mark.text) for mark in model.marks}


def test_curves_that_share_their_steps_share_their_places():
    loss = resumed_loss()
    other = Series("train/acc", loss.step, loss.t, loss.epoch, loss.value + 1, loss.attempt)
    named, line = timeline(loss, other, state=RESUMED)

    first, second = (
        chart_model(choice, named, RESUMED, line, ChartOptions(axis="time")).curves[0]
        for choice in choose_charts(named, None)
    )

    assert first.x is second.x
    assert second.y.tolist() == [9, 8, 7, 4, 3, 2]


def test_a_resume_that_has_not_logged_anything_yet_overwrites_nothing():
    loss = series("train/loss", [1, 2, 3, 4, 5], [5, 4, 3, 2, 1])
    named, line = timeline(loss, state=RESUMED)

    curve = chart_model(choose_charts(named, None)[0], named, RESUMED, line, ChartOptions()).curves[0]

    assert curve.past is None
    assert curve.y is loss.value


def test_a_run_started_anew_from_zero_has_overwritten_all():
    state = run_state(steps_per_epoch=None, attempts=(Attempt(1, 0.0), Attempt(2, 9.0, 0)))
    named, line = timeline(series("loss", [1, 2, 1], [3, 2, 1], attempt=[1, 1, 2]), state=state)

    curve = chart_model(choose_charts(named, None)[0], named, state, line, ChartOptions()).curves[0]

    assert (curve.y.tolist(), curve.past and curve.past.y.tolist()) == ([1], [3, 2])


def test_places_of_a_resumed_run_are_those_of_the_last_time():
    _, line = timeline(resumed_loss(), state=RESUMED)

    assert line.place(5, "time") == pytest.approx(6 * 0.5)
    assert line.place(3, "time") == pytest.approx(2 * 0.5)
    assert line.place(0, "time") is None


def jumps(values, **more):
    return [
        (change.step, change.before, change.after)
        for change in lr_changes(series("lr", range(1, len(values) + 1), values, **more))
    ]


def test_step_decays_are_jumps():
    assert jumps([0.1] * 5 + [0.01] * 5 + [0.005] * 5) == [(6, 0.1, 0.01), (11, 0.01, 0.005)]


def test_jumps_of_a_long_run_are_found_wherever_they_are():
    border = 1 << 16
    values = np.full(2 * border, 0.1)
    values[border:] = 0.01
    values[border + 500 :] = 0.001

    assert [step for step, _, _ in jumps(values)] == [border + 1, border + 501]


def test_a_warm_restart_is_a_jump_and_the_cosine_before_it_is_not():
    cosine = [0.5 * (1 + math.cos(math.pi * step / 30)) for step in range(31)]

    assert [step for step, _, _ in jumps(cosine + cosine)] == [32]


@pytest.mark.parametrize(
    "values",
    [
        [step / 100 for step in range(101)],
        [0.5 * (1 + math.cos(math.pi * step / steps)) for steps in (10,) for step in range(steps + 1)],
        [0.5 * (1 + math.cos(math.pi * step / 1000)) for step in range(1001)],
        [1 - step / 50 for step in range(51)],
        [0.9**step for step in range(60)],
        [0.5**step for step in range(30)],
        [1 / math.sqrt(step) for step in range(1, 90)],
        [0.0] * 20, [0.1], [], [math.nan] * 9, [0.0, 0.01, 0.02, 0.03],
    ],
    ids=[
        "warm-up", "short cosine", "cosine", "linear", "exponential", "halving", "rsqrt", "zero", "one",
        "none", "nan", "log of tens",
    ],
)  # fmt: skip
def test_smooth_schedules_have_no_jumps(values):
    assert jumps(values) == []


@given(st.lists(NUMBER, max_size=40))
def test_any_rate_is_looked_at(values):
    with np.errstate(all="raise", under="ignore"):
        assert len(jumps(values)) <= 12


def test_marks_tell_rates_and_severities():
    signals = tuple(Signal(kind, kind, "warn", 2, 2, "") for kind in ("act", "warn", "info"))
    state = run_state(steps_per_epoch=None, signals=signals)
    loss, lr = series("train/loss", range(1, 9), [1] * 8), series("lr", range(1, 9), [0.1] * 4 + [0.01] * 4)
    named, line = timeline(loss, lr, state=state)

    marks = chart_model(choose_charts(named, None)[0], named, state, line, ChartOptions()).marks

    assert {(mark.kind, mark.x) for mark in marks} >= {
        ("signal", 2), ("warning", 2), ("notice", 2), ("lr", 5)
    }  # fmt: skip
    assert [mark.text for mark in marks if mark.kind == "lr"] == ["lr 0.1000 to 0.01000"]


def test_a_group_of_seeds_names_the_seed_that_a_nan_took_out():
    x = np.arange(4.0)
    seeds = [
        Curve("seed 1", x, np.array([1, 1, 1, 1.0])),
        Curve("seed 2", x, np.array([3, 3, math.nan, math.nan])),
    ]

    curve, marks = group_curve("lr=0.1", seeds, "run1")

    assert curve.label == "lr=0.1 n=1-2"
    assert curve.y.tolist() == [2, 2, 1, 1]
    assert curve.spread is not None
    assert curve.spread.count.tolist() == [2, 2, 1, 1]
    assert [(mark.kind, mark.x, mark.text) for mark in marks] == [("nonfinite", 2.0, "seed 2 not finite")]


def test_steps_to_the_end_are_counted_from_the_step_that_was_taken_last():
    """Not from the largest: the attempt before had come further."""
    named, line = timeline(
        series("loss", [1, 2, 3, 4, 5, 2, 3], range(7), attempt=[1, 1, 1, 1, 1, 2, 2]),
        series("val/loss", [5], [1]),
        state=RESUMED,
    )

    assert line.last_step == 3
    assert line.x(named["loss"], "to end").tolist() == [-2, -1, 0, 1, 2, -1, 0]
    assert line.place(2, "to end") == -1


def test_what_has_no_steps_has_no_end():
    named, line = timeline(series("gpu0/util_percent", [math.nan, math.nan], [1, 2]))

    assert line.last_step is None
    assert np.isnan(line.x(named["gpu0/util_percent"], "to end")).all()
    assert line.place(2, "to end") is None
