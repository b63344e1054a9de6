"""Small pictures of curves: sound XML whatever the numbers and names are, and no NaN left out in silence."""

from __future__ import annotations

import xml.etree.ElementTree as ElementTree

import numpy as np
import pytest

from guardrun.series.curve_svg import Line, curve_svg


def texts(svg: str) -> list[str]:
    root = ElementTree.fromstring(svg)
    return ["".join(node.itertext()) for node in root.iter() if node.tag.endswith("text")]


def line(*values: float, label: str = "loss") -> Line:
    return Line(label, np.arange(len(values), dtype=float), np.array(values))


@pytest.mark.parametrize(
    "values",
    [
        (),
        (1.0,),
        (2.0, 2.0),
        (0.0, 0.0),
        (float("nan"),) * 3,
        (1e308, -1e308),
        (5e-324, 0.0),
        tuple(range(5000)),
    ],
    ids=["nothing", "a point", "flat", "zero", "all NaN", "huge", "tiny", "more points than pixels"],
)
def test_any_curve_is_a_sound_picture_of_finite_places(values):
    svg = curve_svg([line(*values)])
    ElementTree.fromstring(svg)
    assert "nan" not in svg.replace("sans", "")
    assert "inf" not in svg
    assert len(svg) < 12_000


def test_names_are_text_and_nothing_else():
    svg = curve_svg([line(1.0, 2.0, label="<script>alert('x')</script>\x1b[31m\u202e")])
    assert "<script" not in svg
    assert "\x1b" not in svg
    assert any(text.startswith("<script>alert('x')") for text in texts(svg))


def test_the_first_nan_of_several_curves_is_told_at_its_step():
    svg = curve_svg([line(1.0, 2.0, 3.0, float("nan")), line(3.0, float("inf"), 1.0, 1.0)])
    assert "not finite at 1" in texts(svg)


def test_a_spike_between_two_pixels_is_not_lost():
    values = np.ones(50_000)
    values[31_234] = 9.0
    svg = curve_svg([Line("loss", np.arange(50_000.0), values)])
    assert "9" in texts(svg)
    assert "V22.0" in svg  # up to the frame's top


def test_the_page_s_own_colour_is_the_colour_of_its_text():
    svg = curve_svg([line(1.0, 2.0)])
    assert 'fill="currentColor"' in svg
    assert "background" not in svg
