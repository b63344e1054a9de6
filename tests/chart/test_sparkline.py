"""A curve in one line of text."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from guardtui.widgets.sparkline import ASCII_BLOCKS, sparkline

nan, inf = math.nan, math.inf


@pytest.mark.parametrize(
    ("values", "width", "expected"),
    [
        ([], 8, ""),
        ([1.0], 0, ""),
        ([1.0], 8, "▁"),
        ([2.0, 2.0, 2.0], 8, "▁▁▁"),
        (list(range(8)), 8, "▁▂▃▄▅▆▇█"),
        (list(range(16)), 8, "▁▂▃▄▅▆▇█"),
        ([0.0, nan, 1.0, inf, -inf], 8, "▁×█↑↓"),
        ([1.0, 1.0, nan, 3.0], 2, "▁×"),
        ([1.7e308, -1.7e308, 1.7e308], 3, "█▁█"),
        ([nan, nan], 2, "××"),
    ],
)
def test_a_sparkline_of(values: list[float], width: int, expected: str) -> None:
    assert sparkline(values, width) == expected


def test_other_characters_can_be_given() -> None:
    assert sparkline([0.0, 1.0, nan], 9, levels=ASCII_BLOCKS, nan="X") == "_#X"


@given(st.lists(st.floats()), st.integers(0, 40))
def test_it_is_never_wider_than_asked_and_shows_every_nan(values: list[float], width: int) -> None:
    line = sparkline(values, width)

    assert len(line) == min(width, len(values))
    if line and any(math.isnan(value) for value in values):
        assert "×" in line
