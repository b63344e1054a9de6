"""Which charts are on the page: choice and page hold while metrics appear, names are typed, sizes change."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from guardtui.viewmodel.chart_choice import Choice, Line, choose_charts
from guardtui.viewmodel.chart_filter import filtered
from guardtui.viewmodel.chart_options import WEIGHTS, axis_after, weight_after
from guardtui.viewmodel.chart_view import (
    ChartView,
    enlarged,
    page_of,
    picked,
    place_of,
    stepped,
    turned,
    with_columns,
    with_words,
)  # fmt: skip
from guardtui.viewmodel.grid import MOST_WISHED, grid_of, most_columns

SIZE = (80, 18)
NAMES = [f"metric{number:03}" for number in range(20)]


def charts(names):
    return [Choice(name, (Line(name, name, "metric"),)) for name in names]


def shown(view, choices, size=SIZE):
    return [choice.title for choice in page_of(view, choices, *size).choices]


def test_pages_turn_and_stop_at_both_ends():
    choices, view = charts(NAMES), ChartView()
    seen = []
    for _ in range(9):
        page = page_of(view, choices, *SIZE)
        seen += [c.title for c in page.choices if c.title not in seen]
        view = turned(view, page, 1)

    assert seen == NAMES
    assert page_of(view, choices, *SIZE).number == page_of(view, choices, *SIZE).pages - 1
    assert turned(ChartView(), page_of(ChartView(), choices, *SIZE), -1) == ChartView()


def test_new_metrics_leave_the_page_with_what_was_on_it():
    choices = charts(NAMES)
    view = turned(ChartView(), page_of(ChartView(), choices, *SIZE), 1)
    first = shown(view, choices)[0]

    assert first in shown(view, charts(["a-new-one", *NAMES]))
    assert first in shown(view, charts([*(f"new{n}" for n in range(33)), *NAMES]))


def test_on_the_first_page_new_metrics_come_where_they_belong():
    assert shown(ChartView(), charts(["loss", *NAMES]))[0] == "loss"


def test_the_chosen_chart_stays_chosen_when_another_curve_joins_it():
    early = choose_charts(["val/loss", "lr"], None)
    view = picked(ChartView(), early[0])
    later = choose_charts(["accuracy", "train/loss", "val/loss", "lr", "val/accuracy"], "val/accuracy")
    page = page_of(view, later, *SIZE)

    assert page.subject is not None
    assert page.subject.title == "loss"


def test_charts_of_one_title_are_told_apart():
    twins = [
        Choice("x", (Line("train/x", "train", "train"),)),
        Choice("x", (Line("x", "x", "metric"),)),
    ]
    view = ChartView()
    numbers = []
    for _ in range(4):
        view = stepped(view, page_of(view, twins, *SIZE), 1)
        numbers.append(page_of(view, twins, *SIZE).chosen)

    assert numbers == [0, 1, 0, 1]


@given(st.lists(st.sampled_from([1, -1]), min_size=1, max_size=30), st.integers(1, 25))
def test_choosing_goes_in_a_circle_and_its_page_is_shown(directions, count):
    choices, view = charts([f"m{n}" for n in range(count)]), ChartView()
    for direction in directions:
        view = stepped(view, page_of(view, choices, *SIZE), direction)
        page = page_of(view, choices, *SIZE)
        assert page.chosen is not None
        assert page.choices[page.chosen] == view.chosen


def test_one_chart_on_the_screen_and_back_to_its_page():
    choices = charts(NAMES)
    view = turned(ChartView(), page_of(ChartView(), choices, *SIZE), 1)
    before = shown(view, choices)
    view = enlarged(view, page_of(view, choices, *SIZE))

    assert shown(view, choices) == before[:1]
    view = turned(view, page_of(view, choices, *SIZE), 1)
    assert shown(view, choices) == before[1:2]
    view = enlarged(view, page_of(view, choices, *SIZE))
    assert shown(view, choices) == before


@given(
    st.integers(20, 320), st.integers(3, 90), st.integers(0, 60),
    st.lists(st.sampled_from([1, -1]), max_size=14),
)  # fmt: skip
def test_any_size_and_any_columns_show_the_chosen_chart(width, height, count, presses):
    choices, view = charts([f"m{n}" for n in range(count)]), ChartView()
    if choices:
        view = picked(view, choices[-1])
    for by in presses:
        view = with_columns(view, page_of(view, choices, width, height), by, width)
        page = page_of(view, choices, width, height)
        assert 1 <= page.grid.columns <= max(MOST_WISHED, 4)
        assert len(page.choices) <= page.grid.page
        assert not choices or page.chosen is not None


def test_columns_are_wished_and_past_either_end_chosen_by_themselves_again():
    choices, width = charts(NAMES), 120
    columns, view = [], ChartView()
    for by in [1] * 5 + [-1] * 6:
        view = with_columns(view, page_of(view, choices, width, 30), by, width)
        columns.append(view.columns)

    assert most_columns(width) == 4
    assert columns == [3, 4, None, 3, 4, 3, 2, 1, None, 1, None]


@pytest.mark.parametrize(
    ("columns", "size", "count", "grid"),
    [(1, (80, 20), 9, (1, 1)), (2, (80, 20), 9, (2, 2)), (3, (80, 20), 9, (3, 3)), (2, (200, 45), 9, (2, 2)),
     (5, (200, 45), 30, (5, 6)), (6, (300, 70), 100, (6, 6)), (4, (300, 70), 3, (3, 1)),
     (9, (20, 4), 5, (1, 1))],
)  # fmt: skip
def test_rows_follow_the_columns(columns, size, count, grid):
    assert grid_of(columns, *size, count) == grid


def test_words_in_any_order_find_charts_by_title_and_by_curve():
    choices = choose_charts(["train/loss", "val/loss", "val/accuracy", "grad_norm", "lr"], None)

    def found(text):
        return [choice.title for choice in filtered(choices, text).choices]

    assert found("ACC") == ["accuracy"]
    assert found("val loss") == ["loss"]
    assert found("grad_norm") == ["gradient norm"]
    assert found("re:^lr$") == ["learning rate"]
    assert found("re: (acc|norm)") == ["accuracy", "gradient norm"]
    assert found("nothing") == []
    assert found("  ") == [choice.title for choice in choices]


def test_a_pattern_that_is_not_finished_says_so_and_hides_nothing():
    choices = charts(NAMES)
    found = filtered(choices, "re:(metric")

    assert found.choices == choices
    assert found.problem.startswith("no pattern yet: ")


def test_a_filter_begins_on_its_first_page_and_keeps_the_choice():
    choices = charts(NAMES)
    view = picked(ChartView(), choices[-1])
    narrowed = with_words(view, "metric00")

    assert page_of(narrowed, choices, *SIZE).number == 0
    assert place_of(with_words(narrowed, "").chosen, choices) == len(choices) - 1


def test_no_charts_at_all_is_a_page_too():
    view = replace(ChartView(), full=True)
    page = page_of(view, [], *SIZE)

    assert (page.choices, page.pages, page.subject) == ((), 1, None)
    for change in (turned, stepped):
        assert change(view, page, 1) == view
    assert enlarged(view, page) == ChartView()


def test_axes_go_in_a_circle_and_smoothing_stops_at_its_ends():
    assert [axis_after(axis, ("step", "time")) for axis in ("step", "time", "epoch")] == [
        "time",
        "step",
        "step",
    ]
    assert weight_after(0.9, 1) == 0.95
    assert weight_after(WEIGHTS[-1], 1) == WEIGHTS[-1]
    assert weight_after(WEIGHTS[0], -1) == WEIGHTS[0]
