"""Order, groups, pins and hidden runs: which rows the list has, and what the head of a group says."""

from __future__ import annotations

import math
import random
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dashboard_pilot import NAN, OVERFIT
from guardrun.state.model import Monitor, Status
from guardtui.glyphs import ASCII, UNICODE
from guardtui.snapshot import Gpu, RunView
from guardtui.text import text_of, width_of
from guardtui.viewmodel import fleet
from guardtui.viewmodel.columns import COLUMNS
from guardtui.viewmodel.filtering import parse
from guardtui.viewmodel.grouping import GROUPINGS, Group, bests, head, next_grouping
from guardtui.viewmodel.listing import Lister, Wish
from guardtui.viewmodel.ordering import BY_KEY, ORDERS, Sorter, next_order, order_by_column
from run_factory import run_state


def view(name, *, gpu=None, age=12.0, elsewhere=False, **changes):
    state = run_state(**{"name": name, "run_id": name, **changes})
    return RunView(Path(name), state, (), age, gpu=gpu, elsewhere=elsewhere)


def loss(best, last=None):
    return Monitor("val/loss", "min", best if last is None else last, best, 1)


def names(rows):
    return [row.name or "-" if isinstance(row, Group) else row.state.name for row in rows]


RUNS = (
    view("a", group="sweep", monitor=loss(0.3), config={"params": {"lr": 0.1}}, created=1.0),
    view("b", group="sweep", monitor=loss(0.5), config={"params": {"lr": 0.2}}, created=2.0),
    view("c", monitor=loss(0.4), signals=(NAN,), config={"params": {"lr": 0.1}}, created=3.0),
    view("d", status=Status.FINISHED, created=4.0),
)


def test_groups_come_in_the_order_of_their_first_run():
    listed = Lister().listed(RUNS, Wish(by="group"))

    assert names(listed.rows) == ["-", "c", "d", "sweep", "b", "a"]
    assert [each.state.name for each in listed.runs] == ["c", "b", "a", "d"]


def test_a_closed_group_shows_its_head_alone_and_a_typed_key_groups_by_configuration():
    wish = Wish(by="group", closed=frozenset({("group", "sweep")}))

    assert names(Lister().listed(RUNS, wish).rows) == ["-", "c", "d", "sweep"]
    assert names(Lister().listed(RUNS, replace(wish, sought=parse("by:lr"))).rows) == [
        "0.1", "c", "a", "0.2", "b", "-", "d",
    ]  # fmt: skip


def test_the_head_of_a_group_sums_up_its_runs():
    group = Group(
        "group", "sweep", (RUNS[0], RUNS[1], view("e", signals=(OVERFIT,), monitor=loss(0.4))), False
    )

    assert text_of(head(group, 120, UNICODE)) == (
        "▾ sweep  3 runs · 3 live · △ overfit · best val/loss 0.3000 · mean 0.4000 ± 0.1000"
    )
    assert text_of(head(group, 40, UNICODE)) == "▾ sweep  3 runs · 3 live · △ overfit"
    assert all(ord(char) < 128 for char in text_of(head(group, 120, ASCII)))


def test_runs_with_different_metrics_have_no_best_together():
    other = view("x", monitor=Monitor("val/acc", "max", 0.9, 0.9, 1))

    assert bests((RUNS[0], other)) is None
    assert bests((RUNS[3],)) is None


@given(st.lists(st.floats(allow_nan=True, allow_infinity=True), min_size=1, max_size=6))
def test_mean_and_deviation_of_any_values_are_numbers_and_between_the_ends(values):
    found = bests([view("x", monitor=loss(value)) for value in values])

    finite = [value for value in values if math.isfinite(value)]
    if not finite:
        assert found is None
        return
    _, best, mean, deviation, count = found
    assert (best, count) == (min(finite), len(finite))
    slack = 1e-9 * max(1.0, *(abs(value) for value in finite))
    assert min(finite) - slack <= mean <= max(finite) + slack
    assert not math.isnan(deviation)


@pytest.mark.parametrize("order", ORDERS, ids=lambda order: order.id)
def test_every_order_takes_every_run_and_leaves_those_without_a_value_last_either_way(order):
    odd = (
        *RUNS,
        view("n", monitor=Monitor("val/loss", "min", math.nan, None, None), step_rate=None, created=None),
        view("g", gpu=Gpu(1, None, None, None), age=None, host=""), view("f", gpu=Gpu(1, 5e9, None, 3.0)),
    )  # fmt: skip
    there = Sorter().arranged(odd, order.id)
    back = Sorter().arranged(odd, order.id, reverse=True)

    assert sorted(names(there)) == sorted(names(back)) == sorted(names(odd))
    known = [each for each in there if order.key(each) is not None]
    assert there[: len(known)] == known
    assert {each.path for each in back[: len(known)]} == {each.path for each in known}


def test_every_column_has_an_order_but_those_that_have_none():
    without = {column.title for column in COLUMNS if order_by_column(column.title) is None}

    assert without == {"TREND", "TAGS", "TOOL"}
    assert {order.column for order in ORDERS} - {""} <= {column.title for column in COLUMNS}


def test_the_key_steps_through_the_orders_and_groupings_and_comes_back():
    order, by = "signal", ""
    for _ in BY_KEY:
        order = next_order(order).id
    for _ in GROUPINGS:
        by = next_grouping(by)

    assert (order, by, next_order("host").id, next_grouping("params.lr")) == ("signal", "", "signal", "")


def test_pinned_runs_stay_on_top_and_hidden_ones_away_until_they_are_shown():
    wish = Wish(order="name", pins=frozenset("d"), hidden=frozenset("b"))

    listed = Lister().listed(RUNS, wish)

    assert (names(listed.rows), listed.hidden) == (["d", "a", "c"], 1)
    assert names(Lister().listed(RUNS, replace(wish, show_hidden=True)).rows) == ["d", "a", "b", "c"]


def test_what_is_kept_of_a_run_is_renewed_when_the_run_changes():
    lister, wish = Lister(), Wish(order="best", sought=parse("val/loss<0.45"))
    before = lister.listed(RUNS, wish)
    changed = (replace(RUNS[0], state=replace(RUNS[0].state, monitor=loss(0.9))), *RUNS[1:])

    after = lister.listed(changed, wish)

    assert (names(before.rows), names(after.rows)) == (["a", "c"], ["c"])


def test_random_changes_never_leave_the_list_behind():
    """The list made from what was kept is the list made anew."""
    chance = random.Random(3)
    lister, runs = Lister(), list(RUNS)
    wish = Wish(by="status", sought=parse("val/loss<0.6 | status:finished"), order="best")
    for _ in range(60):
        number = chance.randrange(len(runs))
        status = chance.choice((Status.RUNNING, Status.FINISHED, Status.HUNG))
        fresh = replace(runs[number].state, status=status, monitor=loss(chance.random()))
        runs[number] = replace(runs[number], state=fresh)
        kept, anew = lister.listed(runs, wish), Lister().listed(runs, wish)
        assert (names(kept.rows), kept.live, kept.hung) == (names(anew.rows), anew.live, anew.hung)


MANY = (
    view("digits", monitor=loss(0.3), gpu=Gpu(2, 61e9, 160e9, 87.0), host="node-7", elsewhere=True),
    view("学" * 100, status=Status.LOST, signals=(NAN,)),
)


@pytest.mark.parametrize("width", [*range(24, 60), 80, 113, 140, 200, 320])
def test_rows_and_heads_are_never_wider_than_their_place(width):
    columns = fleet.Placer().placed(width, MANY)
    group = Group("group", "名" * 80, MANY, True)

    lines = [fleet.row(each, columns, fleet.Marks(True, True), UNICODE) for each in MANY]
    lines.append(fleet.header(columns, "memory", g=UNICODE))
    lines += [fleet.group_row(group, width, fleet.Marks(True, chosen), UNICODE) for chosen in (False, True)]

    assert max(map(width_of, lines)) <= width or width < 28


def test_columns_come_when_they_tell_something_and_go_when_they_are_not_wanted():
    def titles(views, without=()):
        return {placed.column.title for placed in fleet.Placer().placed(300, views, without=without)}

    assert {"GPU", "GPU MEM", "HOST", "RATE"} <= titles(MANY)
    assert not {"GPU", "GPU MEM", "HOST"} & titles(RUNS)
    assert not {"GPU", "HOST"} & titles(MANY, ("GPU", "HOST"))
    assert {"STATUS", "RUN"} <= titles(MANY, ("STATUS", "RUN"))


def test_a_row_tells_the_gpu_the_rate_and_the_host():
    row = text_of(fleet.row(MANY[0], fleet.Placer().placed(220, MANY), fleet.Marks(), UNICODE))

    for word in ("20.0/s", "2x 87%", "61.0/160 GB", "node-7"):
        assert word in row


def test_the_head_of_the_ordering_column_has_an_arrow_and_each_cell_knows_its_column():
    columns = fleet.Placer().placed(200, MANY)
    down, up = (text_of(fleet.header(columns, "rate", reverse=each)) for each in (False, True))

    assert ("RATE ↓" in down, "RATE ↑" in up) == (True, True)
    for placed in columns:
        start = f"{down} ".index(f" {placed.column.title} ") + 1
        assert fleet.column_at(columns, start) == placed.column.title
    assert fleet.column_at(columns, 0) == fleet.column_at(columns, 500) == ""
