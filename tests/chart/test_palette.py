"""Colours can be read on their backgrounds, and told apart by colour-blind eyes."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

from guardtui.chart.frame import ROLES, STYLES, role_style
from guardtui.chart.palette import paints, terminal_paints

# Machado, Oliveira and Fernandes, "A Physiologically-based Model for Simulation of Color Vision
# Deficiency", IEEE TVCG 15(6), 2009, severity 1.0; for linear RGB.
BLINDNESS = {
    "protanopia": [
        [0.152286, 1.052583, -0.204868], [0.114503, 0.786281, 0.099216], [-0.003882, -0.048116, 1.051998]
    ],
    "deuteranopia": [
        [0.367322, 0.860646, -0.227968], [0.280085, 0.672501, 0.047413], [-0.011820, 0.042940, 0.968881]
    ],
    "tritanopia": [
        [1.255528, -0.076749, -0.178779], [-0.078411, 0.930809, 0.147602], [0.004733, 0.691367, 0.303900]
    ],
}  # fmt: skip
BACKGROUNDS = {True: ("#121212", "#262626"), False: ("#ffffff", "#f5f5f5")}


def linear(color: str) -> np.ndarray:
    srgb = np.array([int(color[i : i + 2], 16) / 255 for i in (1, 3, 5)])
    return np.where(srgb <= 0.04045, srgb / 12.92, ((srgb + 0.055) / 1.055) ** 2.4)


def contrast(a: str, b: str) -> float:
    """The ratio of WCAG 2."""
    high, low = sorted((float(linear(c) @ [0.2126, 0.7152, 0.0722]) for c in (a, b)), reverse=True)
    return (high + 0.05) / (low + 0.05)


def lab(rgb: np.ndarray) -> np.ndarray:
    matrix = [[0.4124, 0.3576, 0.1805], [0.2126, 0.7152, 0.0722], [0.0193, 0.1192, 0.9505]]
    xyz = np.array(matrix) @ np.clip(rgb, 0, 1) / [0.9505, 1.0, 1.089]
    f = np.where(xyz > 0.008856, np.cbrt(xyz), 7.787 * xyz + 16 / 116)
    return np.array([116 * f[1] - 16, 500 * (f[0] - f[1]), 200 * (f[1] - f[2])])


@pytest.mark.parametrize("dark", [True, False], ids=["dark", "light"])
def test_everything_that_is_read_has_enough_contrast(dark: bool) -> None:
    table = paints(dark=dark)

    for name in STYLES:
        if name in ("blank", "axis", "cursor") or name.endswith(":dim"):
            continue
        for background in BACKGROUNDS[dark]:
            assert contrast(table[name].color, background) >= 4.0, (name, background)


@pytest.mark.parametrize("dark", [True, False], ids=["dark", "light"])
@pytest.mark.parametrize("kind", BLINDNESS)
def test_curves_that_share_a_chart_differ_for_every_kind_of_colour_blindness(dark: bool, kind: str) -> None:
    table = paints(dark=dark)
    seen = {
        role: lab(np.array(BLINDNESS[kind]) @ linear(table[role].color)) for role in ("train", "val", "test")
    }

    for a, b in itertools.combinations(seen, 2):
        assert np.linalg.norm(seen[a] - seen[b]) > 15, (a, b)


@pytest.mark.parametrize("dark", [True, False], ids=["dark", "light"])
@pytest.mark.parametrize("kind", [*BLINDNESS, "none"])
def test_ten_runs_in_one_chart_differ_for_every_eye(dark: bool, kind: str) -> None:
    table = paints(dark=dark)
    eye = np.array(BLINDNESS.get(kind, np.eye(3)))
    seen = [lab(eye @ linear(table[f"run{number}"].color)) for number in range(1, 11)]

    for a, b in itertools.combinations(range(10), 2):
        assert np.linalg.norm(seen[a] - seen[b]) > (14 if kind != "none" else 20), (a + 1, b + 1)


def test_ten_runs_have_ten_of_the_sixteen_colours() -> None:
    table = terminal_paints(colors=True)

    assert len({table[f"run{number}"].color for number in range(1, 11)}) == 10


def test_every_style_has_a_paint_and_unknown_roles_get_a_steady_one() -> None:
    for table in (paints(dark=True), paints(dark=False), terminal_paints(colors=True)):
        assert set(STYLES) <= set(table)
        assert {f"{role}:ground" for role in ROLES} <= set(table)
    assert STYLES[role_style("my metric")].startswith("aux")
    assert role_style("my metric") == role_style("my metric")


def test_without_colours_bold_and_dim_are_left() -> None:
    table = terminal_paints(colors=False)

    assert {paint.color for paint in table.values()} == {""}
    assert table["train"].bold
    assert table["train:dim"].dim
