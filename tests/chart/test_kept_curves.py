"""While only the cursor moves, a chart keeps its curves, and the picture is as if they were made anew."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from guardtui.chart.draw import draw
from guardtui.chart.ink import ASCII, BRAILLE
from guardtui.chart.model import ChartModel, Curve, Mark


def frozen(values):
    column = np.asarray(values, float)
    column.setflags(write=False)
    return column


X = frozen(np.arange(400.0))
MODEL = ChartModel(
    "loss",
    (
        Curve("a", X, frozen(np.sin(X / 30) + 2 + np.cos(X * 2.1)), "run1"),
        Curve("b", X, frozen(np.where(X > 300, np.nan, X / 100)), "run2"),
    ),
)
CHANGES = (
    {"readout": 40.0}, {"readout": 399.0}, {"marks": (Mark(100.0, "best", "best"),)}, {"log_y": True},
    {"smoothing": 0.9}, {"x_range": (50.0, 90.0)}, {"clip": True}, {"unit": "s"},
    {"curves": MODEL.curves[:1]}, {},
)  # fmt: skip


@pytest.mark.parametrize("ink", [BRAILLE, ASCII], ids=["braille", "ascii"])
@pytest.mark.parametrize("mono", [False, True])
def test_a_drawing_with_the_one_before_in_mind_is_as_one_without(ink, mono):
    memory = draw(MODEL, 60, 12, ink=ink, mono=mono).memory
    for change in CHANGES:
        model = replace(MODEL, **change)
        kept = draw(model, 60, 12, memory=memory, ink=ink, mono=mono)
        afresh = draw(model, 60, 12, memory=replace(memory, laid=None), ink=ink, mono=mono)
        assert (kept.chars == afresh.chars).all(), change
        assert (kept.styles == afresh.styles).all(), change
        assert (kept.grounds == afresh.grounds).all(), change
        memory = kept.memory


def test_curves_are_kept_while_the_cursor_moves_and_in_no_other_size():
    first = draw(MODEL, 60, 12).memory
    moved = draw(replace(MODEL, readout=7.0), 60, 12, memory=first).memory
    wider = draw(MODEL, 61, 12, memory=moved).memory

    assert moved.laid is first.laid
    assert wider.laid is not first.laid


def test_the_cursor_leaves_no_trace_when_it_moves_on():
    plain = draw(MODEL, 60, 12)
    there = draw(replace(MODEL, readout=200.0), 60, 12, memory=plain.memory)
    gone = draw(MODEL, 60, 12, memory=there.memory)

    assert (there.chars != plain.chars).any()
    assert (gone.chars == plain.chars).all()


def test_what_can_be_written_to_is_drawn_anew():
    y = np.sin(X)
    model = ChartModel("loss", (Curve("a", X, y),))
    before = draw(model, 40, 8)
    y[:] = 3 * np.cos(X / 50)

    after = draw(model, 40, 8, memory=before.memory)
    assert (after.chars != before.chars).any()
