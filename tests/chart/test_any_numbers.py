"""Whatever a training logs, whatever the size of the terminal: a picture, never a crash."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from guardtui.chart.draw import draw
from guardtui.chart.ink import ASCII, BLOCK, BRAILLE
from guardtui.chart.model import ChartModel, Curve, Mark

ODD = [0.0, -0.0, 5e-324, -1e-310, 1e-300, 3e-7, 1.2e12, 1.2e12 + 5, 1.7e308, -1.7e308, 1e16 + 2]
NUMBER = st.one_of(
    st.sampled_from([*ODD, math.nan, math.inf, -math.inf]), st.floats(), st.floats(0, 3), st.integers(0, 50)
)


@st.composite
def curves(draw_value: st.DrawFn) -> Curve:
    y = draw_value(st.lists(NUMBER, max_size=30))
    steps = st.one_of(
        st.just([float(i) for i in range(len(y))]), st.lists(NUMBER, min_size=len(y), max_size=len(y))
    )
    x = draw_value(steps)
    return Curve(
        draw_value(st.sampled_from(["train", "", "損失 loss"])),
        np.array(x, float),
        np.array(y, float),
        draw_value(st.sampled_from(["train", "val", "unknown role"])),
        draw_value(st.sampled_from(["line", "band", "faint"])),
    )


@st.composite
def models(draw_value: st.DrawFn) -> ChartModel:
    kinds = st.sampled_from(["best", "last", "signal", "stop", "resume", "nonfinite"])
    return ChartModel(
        "title",
        tuple(draw_value(st.lists(curves(), max_size=3))),
        tuple(draw_value(st.lists(st.builds(Mark, NUMBER, kinds), max_size=3))),
        unit=draw_value(st.sampled_from(["", "s", "B", "%", "it/s"])),
        log_y=draw_value(st.booleans()),
        x_range=draw_value(st.none() | st.tuples(NUMBER, NUMBER)),
        readout=draw_value(st.none() | NUMBER),
        smoothing=draw_value(st.sampled_from([0.0, 0.9])),
        x_unit=draw_value(st.sampled_from(["", "s"])),
    )


@settings(max_examples=250, deadline=None)
@given(models(), models(), st.integers(0, 90), st.integers(0, 25), st.sampled_from([BRAILLE, BLOCK, ASCII]))
def test_any_model_is_drawn_at_any_size(first, second, width: int, height: int, ink) -> None:
    """Overflows and invalid operations count as errors; the memory of one drawing serves the next."""
    with np.errstate(all="raise", under="ignore"):
        before = draw(first, width, height, ink=ink, mono=True)
        frame = draw(second, width, height, ink=ink, memory=before.memory)

    assert frame.chars.shape == (height, width)
    for row in range(height):
        text = "".join(text for text, _, _ in frame.runs(row))
        assert len(text) == width
        assert text == frame.row_text(row)


@pytest.mark.parametrize("size", [(1, 1), (2, 2), (300, 80), (16, 3), (24, 5)], ids=str)
def test_sizes_from_one_cell_to_a_wall(size: tuple[int, int]) -> None:
    x = np.arange(20_000.0)
    model = ChartModel("loss", (Curve("train", x, np.exp(-x / 5000)),), (Mark(5000.0, "best"),))

    frame = draw(model, *size)

    assert frame.chars.shape == size[::-1]
    assert frame.text().strip()
