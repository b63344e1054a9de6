"""The list of runs as lines: columns that adapt, an order that puts trouble first."""

from __future__ import annotations

from pathlib import Path

import pytest

from dashboard_pilot import BEST, LAST, MONITOR, NAN, OVERFIT
from guardrun.state.model import Monitor, Status
from guardtui.glyphs import ASCII, UNICODE
from guardtui.snapshot import RunView, Snapshot
from guardtui.text import text_of, width_of
from guardtui.viewmodel import fleet
from guardtui.viewmodel.faces import signal_words, status_face
from guardtui.viewmodel.filtering import parse
from guardtui.viewmodel.fleet_title import empty_lines, title_line
from guardtui.viewmodel.listing import Lister, Wish
from guardtui.viewmodel.ordering import Sorter
from guardtui.viewmodel.progress import bar, epoch_words, fraction
from run_factory import run_state


def view(name="digits", **changes):
    state = run_state(name=name, run_id=name, **changes)
    return RunView(Path("runs") / name, state, (3.0, 2.0, 1.0), 12.0)


def names(views):
    return [view.state.name for view in views]


RUNS = (
    view(monitor=MONITOR, signals=(OVERFIT,), best=BEST, last=LAST),
    view("学習モデル", status=Status.FINISHED, monitor=MONITOR, step=1000),
    view("a-name-that-is-much-longer-than-any-column-would-ever-allow", signals=(NAN, OVERFIT)),
    view("no-totals", total_steps=None, total_epochs=None, step=123_456_789),
    view("new", status=Status.STARTING, step=0),
)


@pytest.mark.parametrize("width", [20, 40, 60, 80, 100, 120, 160, 200, 300])
def test_each_row_is_as_wide_as_its_place(width):
    columns = fleet.Placer().placed(width, RUNS)

    rows = [fleet.row(each, columns, fleet.Marks(selected=True), UNICODE) for each in RUNS]

    if width >= 40:
        assert {width_of(row) for row in (*rows, fleet.header(columns))} <= set(range(width + 1))
    assert len({width_of(row) for row in rows}) == 1


@pytest.mark.parametrize(
    ("width", "titles"),
    [
        (60, {"STATUS", "RUN", "PROGRESS", "BEST", "SIGNAL"}),
        (80, {"STATUS", "RUN", "PROGRESS", "ETA", "LAST", "BEST", "SIGNAL", "AGE"}),
        (120, {"STATUS", "RUN", "PROGRESS", "ETA", "METRIC", "LAST", "BEST", "TREND", "SIGNAL", "AGE"}),
    ],
)
def test_wider_screens_show_more_columns(width, titles):
    found = {placed.column.title for placed in fleet.Placer().placed(width, RUNS)}

    assert found >= titles if width != 60 else {"STATUS", "RUN", "PROGRESS", "SIGNAL"} <= found
    assert width > 100 or "TREND" not in found


def test_a_row_tells_the_essentials_at_eighty_columns():
    row = text_of(fleet.row(RUNS[0], fleet.Placer().placed(80, RUNS), fleet.Marks(), UNICODE))

    for word in ("● running", "digits", "50%", "25s", "0.3412", "0.3301", "△ overfit", "10s"):
        assert word in row


def test_a_broken_metric_is_said_in_words():
    broken = view(monitor=Monitor("val/loss", "min", float("nan"), 0.5, 3))

    bits = fleet.row(broken, fleet.Placer().placed(80, [broken]), fleet.Marks(), UNICODE)

    assert [bit.tone for bit in bits if bit.text == "NaN"] == ["bad"]


def test_each_status_has_a_shape_of_its_own_and_a_word():
    for glyphs in (UNICODE, ASCII):
        faces = [status_face(status, glyphs) for status in Status]
        assert len({face.word for face in faces}) == len(Status)
    assert len({status_face(status, UNICODE).shape for status in Status}) == len(Status)


def test_worst_signal_comes_first_then_trouble_then_the_newest():
    calm_old = view("calm-old", created=1.0)
    calm_new = view("calm-new", created=2.0)
    hung = view("hung", status=Status.HUNG, created=1.0)
    warned = view("warned", signals=(OVERFIT,), created=0.0)
    broken = view("broken", signals=(OVERFIT, NAN), status=Status.ABORTED, created=0.0)

    order = Sorter().arranged([calm_old, hung, warned, calm_new, broken], "signal")

    assert [each.state.name for each in order] == ["broken", "warned", "hung", "calm-new", "calm-old"]


def test_best_metric_first_knows_which_way_is_better():
    high = view("high", monitor=Monitor("val/accuracy", "max", 0.9, 0.9, 1))
    low = view("low", monitor=Monitor("val/accuracy", "max", 0.1, 0.1, 1))
    none = view("none")

    assert names(Sorter().arranged([none, low, high], "best")) == ["high", "low", "none"]
    assert names(Sorter().arranged([none, low, high], "best", reverse=True)) == ["low", "high", "none"]


def test_the_filter_wants_every_word_wherever_it_stands():
    runs = [view("digits", group="sweep"), view("bytes", group="sweep", signals=(OVERFIT,))]

    assert names(Lister().matching(runs, parse("SWEEP overfit"))) == ["bytes"]
    assert names(Lister().matching(runs, parse("sweep"))) == ["digits", "bytes"]
    assert names(Lister().matching(runs, parse("nothing like it"))) == []


def test_a_cleared_signal_does_not_call():
    from dataclasses import replace

    state = run_state(signals=(replace(OVERFIT, cleared_at=480),))

    assert signal_words(state, UNICODE, message=True) == ()


def test_progress_is_by_steps_else_by_epochs_and_never_beyond():
    assert fraction(run_state(step=2000)) == 1.0
    assert fraction(run_state(total_steps=None, epoch=4)) == 0.4
    assert fraction(run_state(total_steps=None, total_epochs=None)) is None
    assert bar(run_state(total_steps=None, total_epochs=None), 20, UNICODE) == ()


def test_a_bar_is_full_only_at_the_end_and_empty_only_at_the_start():
    texts = [text_of(bar(run_state(step=step), 10, UNICODE)) for step in (0, 1, 999, 1000)]

    assert texts == ["─" * 10, "━" + "─" * 9, "━" * 9 + "─", "━" * 10]


def test_epochs_are_counted_from_one_for_people():
    assert epoch_words(run_state(epoch=0, total_epochs=10)) == "epoch 1 of 10"
    assert epoch_words(run_state(epoch=10, total_epochs=10)) == "epoch 10 of 10"


def test_an_empty_folder_says_what_to_do():
    snapshot = Snapshot.of((), roots=("runs",))

    said = "\n".join(text_of(each) for each in empty_lines(snapshot, Lister().listed((), Wish()), Wish(), 76))

    assert "No runs in runs yet." in said
    assert "guard run config.yaml" in said


def test_the_title_counts_what_matters():
    calling = view("a", signals=(NAN,))
    snapshot = Snapshot.of((calling, view("b", status=Status.HUNG), view("c")), roots=("runs",))

    title = text_of(title_line(snapshot, Lister().listed(snapshot.runs, Wish()), Wish(), 120, UNICODE))

    assert "3 runs in runs · 3 live · ▲ 1 with a severe signal · ◌ 1 hung" in title
    assert title.endswith("worst signal first")
