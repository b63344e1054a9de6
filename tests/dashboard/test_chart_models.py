"""Which charts a run gets, and what is on them."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dashboard_pilot import BEST, LAST, OVERFIT, curves
from guardrun.series.store import Series
from guardrun.state.model import Attempt, Status
from guardtui.viewmodel.chart_choice import choose_charts
from guardtui.viewmodel.chart_models import ChartOptions, Timeline, chart_model
from guardtui.viewmodel.grid import Grid, choose_grid, pages
from run_factory import T0, run_state


def titles(names, monitor="val/loss"):
    return [choice.title for choice in choose_charts(names, monitor)]


def test_train_and_validation_of_one_metric_share_a_chart():
    charts = choose_charts(["train/loss", "val/loss", "test/loss"], "val/loss")

    assert [[(each.name, each.label) for each in chart.lines] for chart in charts] == [
        [("train/loss", "train"), ("val/loss", "val"), ("test/loss", "test")]
    ]


def test_the_most_telling_charts_come_first():
    names = [
        "cpu/percent",
        "lr",
        "my_metric",
        "step_time",
        "grad_norm",
        "val/f1",
        "train/f1",
        "val/accuracy",
        "train/loss",
        "val/loss",
        "data_time",
        "samples_per_s",
        "gpu0/utilization",
        "gpu1/utilization",
        "gpu0/memory_total_bytes",
    ]

    assert titles(names, "val/accuracy") == [
        "loss",
        "accuracy",
        "f1",
        "gradient norm",
        "learning rate",
        "samples per second",
        "step and data time",
        "my_metric",
        "GPU load",
        "CPU load",
    ]


def test_a_monitored_metric_of_ones_own_comes_before_the_gradient_norm():
    assert titles(["grad_norm", "score", "lr"], "score") == ["score", "gradient norm", "learning rate"]


@given(st.lists(st.text(max_size=12), max_size=12, unique=True))
def test_no_name_is_lost_or_shown_twice(names):
    shown = [each.name for chart in choose_charts(names, None) for each in chart.lines]

    assert sorted(shown) == sorted(names) or {"memory/total_bytes", "tree/processes"} & set(names)


def model(axis="step", state=None, series=None, number=0, **options):
    series = series or curves()
    state = state or run_state(best=BEST, last=LAST, signals=(OVERFIT,))
    choice = choose_charts(series, "val/loss")[number]
    return chart_model(choice, series, state, Timeline.of(series, state), ChartOptions(axis=axis, **options))


def test_marks_tell_what_happened_where():
    state = run_state(
        best=BEST,
        last=LAST,
        signals=(OVERFIT,),
        status=Status.STOPPED,
        attempts=(Attempt(1, 0.0), Attempt(2, 9.0, 300)),
    )

    marks = {(mark.kind, mark.x) for mark in model(state=state).marks}

    assert marks == {("resume", 300), ("warning", 400), ("best", 400), ("last", 500), ("stop", 500)}


def test_best_and_last_are_marked_on_metrics_only():
    kinds = {mark.kind for mark in model(number=2).marks}

    assert kinds == {"warning"}


def test_the_axis_can_be_steps_epochs_or_time():
    at_end = {axis: model(axis).curves[0].x[-1] for axis in ("step", "epoch", "time")}

    assert at_end == {"step": 500, "epoch": pytest.approx(5.0), "time": pytest.approx(24.95)}
    assert model("time").x_unit == "s"
    assert model("time").marks[0].x == pytest.approx(19.95)


def test_an_axis_that_a_series_lacks_falls_back():
    nothing = np.full(3, np.nan)
    system = Series(
        "cpu/percent", nothing, T0 + np.arange(3.0), nothing, np.arange(3.0), np.ones(3, np.int32)
    )
    loss = Series(
        "train/loss", np.arange(3.0), T0 + np.arange(3.0), nothing, np.arange(3.0), np.ones(3, np.int32)
    )
    state = run_state(steps_per_epoch=None)

    assert model("step", state, {"cpu/percent": system}).x_label == "time"
    assert model("epoch", state, {"train/loss": loss}).x_label == "step"


def test_logarithm_and_smoothing_are_for_curves_of_the_training():
    assert model(log_y=True, smooth=True).log_y
    assert model(log_y=True, smooth=True).smoothing == 0.9
    cpu = Series(
        "cpu/percent", np.arange(3.0), np.arange(3.0), np.arange(3.0), np.arange(3.0), np.ones(3, np.int32)
    )
    assert not model(series={"cpu/percent": cpu}, log_y=True, smooth=True).log_y


def test_a_run_without_points_has_no_charts_and_no_fault():
    timeline = Timeline.of({}, run_state())

    assert choose_charts({}, "val/loss") == []
    assert timeline.place(3.0, "time") is None


@pytest.mark.parametrize(
    ("size", "charts", "grid"),
    [
        ((80, 15), 8, Grid(2, 1)),
        ((80, 18), 8, Grid(2, 2)),
        ((80, 18), 1, Grid(1, 1)),
        ((120, 28), 9, Grid(2, 3)),
        ((200, 40), 9, Grid(3, 3)),
        ((200, 40), 2, Grid(1, 2)),
        ((20, 4), 5, Grid(1, 1)),
    ],
)
def test_as_many_charts_as_can_be_read(size, charts, grid):
    assert choose_grid(*size, charts) == grid


@given(st.integers(1, 400), st.integers(1, 100), st.integers(0, 60))
def test_every_chart_has_a_page(width, height, charts):
    grid = choose_grid(width, height, charts)

    assert 1 <= grid.page <= 16
    assert grid.page * pages(charts, grid) >= charts
