"""Pictures of small charts, in literal characters: what a person would see."""

from __future__ import annotations

import math
import textwrap

import numpy as np
import pytest

from guardtui.chart.draw import draw
from guardtui.chart.ink import ASCII, BLOCK
from guardtui.chart.model import ChartModel, Curve, Mark

nan, inf = math.nan, math.inf


def C(x, y, label="loss", color="train") -> Curve:
    return Curve(label, np.array(x, float), np.array(y, float), color)


CASES = {
    "curves, legend and marks on the axis row": (
        ChartModel(
            "loss",
            (
                C(range(0, 11), [3, 2.2, 1.7, 1.3, 1.1, 1, 0.9, 0.8, 0.8, 0.7, 0.7], label="train"),
                C([5, 10], [1.4, 1.2], label="val", color="val"),
            ),
            (Mark(5, "best"), Mark(8, "signal"), Mark(10, "last")),
        ),
        40,
        9,
        """
        loss         ━ train 0.7000  ━ val 1.200
            3┤⠳⣄
             │ ⠈⠓⢦⣀
            2┤    ⠈⠓⠦⣄⡀
            1┤        ⠉⠙⠒⠦⠤⣄⣀⣀⣀⣉⠉⠙⠒⠒⠒⠒⠒⠒⠒⠒⠒⠒⠲⠤⠤⠤
             │                 ⠈⠉⠉⠉⠉⠓⠒⠒⠒⠒⠒⠒⠒⠦⠤⠤⠤
            0┤
             └┴────────────────★─────────▲─────◇
              0                5        step  10
        """,
    ),
    "non-finite values are gaps, marked at the edge they left by": (
        ChartModel("loss", (C(range(8), [3, 2, nan, 2, inf, 1, -inf, 1]),)),
        24,
        7,
        """
        loss NaN, inf from 2   1
            3┤⢧⡀  ×    ↑
             │ ⢳⡀
            2┤  ⠁   ⠈
            1┤           ⡀ ↓ ⢀
             └┴──────────┴──────
              0    step  5
        """,
    ),
    "single finite points between NaNs stay visible": (
        ChartModel("loss", (C(range(8), [nan, nan, 2, nan, nan, 1, nan, nan]),)),
        24,
        7,
        """
        loss NaN from 0      NaN
          2.0┤× × ⠈ ×  ×   × ×
             │
          1.5┤
          1.0┤           ⡀
             └┴──────────┴──────
              0    step  5
        """,
    ),
    "a flat curve lies in the middle, above zero": (
        ChartModel("lr", (C(range(8), [3e-4] * 8),)),
        24,
        7,
        """
        lr           ━ loss 3e-4
          5e-4┤
              │
        2.5e-4┤⠉⠉⠉⠉⠉⠉⠉⠉⠉⠉⠉⠉⠉⠉⠉
             0┤
              └┴─────────┴──────
               0   step  5
        """,
    ),
    "one point is drawn": (
        ChartModel("loss", (C([7], [0.5]),)),
        24,
        7,
        """
        loss              0.5000
          1.0┤
             │
          0.5┤               ⠈
          0.0┤
             └┴──────────┴──────
              0    step  5
        """,
    ),
    "without a finite value the marks still tell where": (
        ChartModel("loss", (C(range(8), [nan] * 8),)),
        24,
        7,
        """
        loss NaN from 0      NaN
             │× × × ×  × × × ×
             │
             │ no finite values
             │
             └┴──────────┴──────
              0    step  5
        """,
    ),
    "infinities are marked at the edge they went to": (
        ChartModel("loss", (C(range(4), [inf, -inf, inf, -inf]),)),
        24,
        7,
        """
        loss inf from 0     -inf
             │↑           ↑
             │
             │ no finite values
             │      ↓          ↓
             └┴───────────┴─────
              0     step  2
        """,
    ),
    "labels near a large offset say the difference, the title says the offset": (
        ChartModel("tokens", (C(range(5), 1.2e12 + np.arange(5)),)),
        30,
        8,
        """
        tokens +1.2e12   ━ loss 1.200T
           +4┤                   ⢀⣠⠤⠖⠋
             │              ⢀⣠⠤⠖⠋⠉
           +2┤         ⣀⣠⠤⠖⠋⠉
             │    ⣀⣠⠴⠒⠋⠁
           +0┤⣠⠴⠒⠋⠁
             └┴──────────────────────┴
              0                step  4
        """,
    ),
    "the largest floats neither overflow nor crash": (
        ChartModel("x", (C(range(4), [-1.7e308, 1.7e308, 0, 1e308]),)),
        24,
        7,
        """
        x           ━ loss 1e308
         1e308┤    ⣠⠞⠲⣄⡀       ⢀
              │  ⢀⡴⠃   ⠙⠲⢤⣀⣠⠤⠖⠋⠉
             0┤ ⣠⠏        ⠁
        -1e308┤⡞⠁
              └┴──────────┴─────
               0    step  2
        """,
    ),
    "denormal numbers are drawn as zero": (
        ChartModel("x", (C(range(4), [0, 5e-324, 1e-323, 5e-324]),)),
        24,
        7,
        """
        x      ━ loss 4.941e-324
            1┤
             │
            0┤⠉⠉⠉⠉⠉⠉⠉⠉⠉⠉⠉⠉⠉⠉⠉⠉⠉⠉
           -1┤
             └┴───────────┴─────
              0     step  2
        """,
    ),
    "tiny values have short labels": (
        ChartModel("lr", (C(range(5), [1e-7, 2e-7, 3e-7, 2e-7, 1e-7]),)),
        24,
        7,
        """
        lr           ━ loss 1e-7
         3e-7┤      ⢀⡤⠞⠳⣄⡀
             │    ⢀⡴⠋    ⠙⢦⡀
         2e-7┤  ⣠⠞⠉        ⠉⠳⣄
         1e-7┤⡴⠚⠁            ⠈⠙⢦
             └┴────────────────┴
              0          step  4
        """,
    ),
    "a log axis leaves gaps at zero and below, and says how many": (
        ChartModel("loss", (C(range(6), [100, 10, 1, 0, -1, 0.1]),), log_y=True),
        30,
        9,
        """
        loss 2 hidden log       0.1000
          100┤⠳⢤⡀
             │  ⠙⠦⣄
           10┤    ⠈⠳⢤⡀
            1┤       ⠙⠦⣄
             │
          0.1┤                       ⢀
             └┴──────────────────────┴
              0                step  5
        """,
    ),
    "attempts are separate lines, a dotted line says where the later one began": (
        ChartModel(
            "loss",
            (C([0, 1, 2, 3, 4, 5, 6, 3, 4, 5, 6, 7, 8], [8, 7, 6, 5, 4, 3, 9, 5, 4, 3, 2, 1, 0]),),
            (Mark(3, "resume"),),
        ),
        30,
        9,
        """
        loss                         0
           10┤         ┊       ⢠⠄
             │⠒⠦⣄⣀     ┊      ⢀⡞
             │   ⠈⠉⠓⠦⢤⣀┊      ⡞
            5┤        ⠈⠉⠓⠲⢤⣀⡀⡼⠁
             │         ┊    ⠉⠙⠲⠤⣄⡀
            0┤         ┊         ⠉⠙⠒⠦⣄
             └┴────────┊─────┴────────
              0              5  step
        """,
    ),
    "bytes": (
        ChartModel("gpu", (C(range(3), [0, 4e9, 7.5e9]),), unit="B"),
        24,
        7,
        """
        gpu       ━ loss 7.500GB
             │              ⣀⣠⠤⠖
          5GB┤         ⣀⡤⠴⠒⠋⠁
             │    ⣀⡤⠴⠚⠉⠁
           0B┤⣠⠴⠚⠉⠁
             └┴────────────────┴
              0          step  2
        """,
    ),
    "percent": (
        ChartModel("util", (C(range(3), [0, 40, 97]),), unit="%"),
        24,
        7,
        """
        util        ━ loss 97.0%
         100%┤              ⢀⣠⠴⠚
             │          ⢀⣠⠴⠚⠉
          50%┤     ⣀⣠⠤⠖⠚⠉
           0%┤⣠⠤⠖⠚⠉⠁
             └┴────────────────┴
              0          step  2
        """,
    ),
    "durations on both axes": (
        ChartModel("step_time", (C(range(3), [0.02, 0.05, 0.04]),), unit="s", x_unit="s", x_label="time"),
        24,
        7,
        """
        step_time    ━ loss 40ms
             │      ⢀⡤⠞⠙⠒⠲⠤⣄⣀⡀
         40ms┤    ⣀⡴⠋        ⠉⠉⠓
             │  ⣠⠞⠁
         20ms┤⡴⠋⠁
             └┴────────────────┴
              0         time  2s
        """,
    ),
    "hours on the x axis": (
        ChartModel("loss", (C(np.arange(3) * 3600 * 4, [3, 2, 1]),), unit="", x_unit="s", x_label="time"),
        44,
        7,
        """
        loss                                       1
            3┤⠉⠓⠒⠲⠤⠤⣄⣀⣀
             │        ⠈⠉⠙⠒⠒⠦⠤⢤⣀⣀⡀
            2┤                  ⠉⠉⠙⠒⠒⠦⠤⢤⣀⣀
            1┤                           ⠈⠉⠉⠓⠒⠲⠤⠤⣄⡀
             └┴────────────┴─────────────┴──────────
              0           3h            6h    time
        """,
    ),
    "a chart without data says so in its middle": (
        ChartModel("loss"),
        24,
        5,
        """
        loss


              no data yet

        """,
    ),
    "without room only title and curve remain": (
        ChartModel("loss", (C(range(5), [1, 2, 3, 2, 1]),)),
        6,
        2,
        """
        loss
        ⡤⠴⠚⠓⠦⢤
        """,
    ),
}


def picture(text: str) -> str:
    """The rows of an indented literal."""
    return textwrap.dedent(text).strip("\n").rstrip(" ")


@pytest.mark.parametrize(("model", "width", "height", "expected"), CASES.values(), ids=CASES.keys())
def test_a_small_chart_looks_like_this(model: ChartModel, width: int, height: int, expected: str) -> None:
    assert draw(model, width, height).text().rstrip("\n") == picture(expected).rstrip("\n")


TWO_CURVES = ChartModel(
    "loss",
    (
        C(range(11), [3, 2.2, 1.7, 1.3, 1.1, 1, 0.9, 0.8, 0.8, 0.7, 0.7], label="train"),
        C([5, 10], [1.4, 1.2], label="val", color="val"),
    ),
    (Mark(5, "best", "best val/loss"), Mark(8, "signal", "overfitting")),
)


def test_ascii_tells_curves_and_marks_apart_by_characters() -> None:
    expected = """
        loss         * train 0.7000  + val 1.200
            3+**
             | ****
            2+    *****
            1+        *********+++++++++++++++++
             |                    **************
            0+
             ++----------------*---------!-----+
              0                5        step  10
        """

    assert draw(TWO_CURVES, 40, 9, ink=ASCII).text() == picture(expected).rstrip("\n")
    assert draw(TWO_CURVES, 80, 20, ink=ASCII).text().isascii()


def test_ascii_holds_for_labels_and_a_runs_own_words() -> None:
    times = ChartModel("Zeit ü", (C([0, 1], [2e-6, 9e-6], label="größe"),), unit="s")

    text = draw(times, 40, 9, ink=ASCII).text()

    assert text.isascii()
    assert "9us" in text
    assert draw(ChartModel("ü"), 40, 9, ink=ASCII).text().isascii()


def test_half_blocks_replace_braille_where_there_is_none() -> None:
    text = draw(TWO_CURVES, 40, 9, ink=BLOCK).text()

    assert set("▀▄█") & set(text)
    assert not [c for c in text if 0x2800 <= ord(c) < 0x2900]


def test_without_colours_each_curve_ends_in_its_letter() -> None:
    rows = draw(TWO_CURVES, 40, 9, mono=True).text().splitlines()

    assert rows[4].endswith("v")
    assert rows[5].endswith("t")


def test_the_readout_shows_the_values_of_the_nearest_points_and_the_mark_there() -> None:
    model = ChartModel(TWO_CURVES.title, TWO_CURVES.curves, TWO_CURVES.marks, readout=5.1)

    title = draw(model, 80, 9).text().splitlines()[0]

    assert title.split(maxsplit=1) == ["loss", "step 5  ━ train 1  ━ val 1.400  ★ best val/loss"]


def test_the_later_curve_gives_a_shared_cell_its_colour_and_dots_of_both_stay() -> None:
    first = C([0, 10], [0, 10], label="a")
    second = C([0, 10], [10, 0], label="b", color="val")

    both = draw(ChartModel("", (first, second)), 40, 9)
    one, other = (draw(ChartModel("", (curve,)), 40, 9) for curve in (first, second))

    crossing = [
        (row, column)
        for row in range(1, 7)
        for column in range(6, 40)
        if one.chars[row, column] != " " and other.chars[row, column] != " "
    ]
    assert crossing
    for cell in crossing:
        merged = ord(one.chars[cell]) | ord(other.chars[cell])
        assert ord(both.chars[cell]) == merged
        assert both.styles[cell] == other.styles[cell]


def test_the_legend_gives_way_step_by_step() -> None:
    curves = tuple(C([0, 1], [1, 2], label=f"curve-{i}", color=f"aux{i}") for i in range(1, 6))
    model = ChartModel("throughput", curves)

    titles = [draw(model, width, 6).text().splitlines()[0] for width in (120, 74, 50, 30, 20, 8)]

    assert "curve-5 2" in titles[0]
    assert "curve-5" in titles[1]
    assert "curve-5 2" not in titles[1]
    assert titles[2].endswith("━ curve-1 2  ━ curve-2 2  +3")
    assert titles[3].endswith("+4")
    assert titles[4] == "throughput"
    assert titles[5] == "through…"


def test_a_noisy_curve_becomes_a_band_and_a_smooth_one_stays_a_line() -> None:
    x = np.arange(4000.0)
    noise = np.random.default_rng(3).normal(0, 0.3, 4000)

    noisy = draw(ChartModel("", (Curve("loss", x, 2 + noise),)), 60, 16)
    smooth = draw(ChartModel("", (Curve("loss", x, np.exp(-x / 900)),)), 60, 16)

    assert noisy.memory.bands == {"loss"}
    assert smooth.memory.bands == frozenset()
    looks = {style for row in range(16) for _, style, _ in noisy.runs(row)}
    assert {"train", "train:dim"} <= looks


def test_smoothing_draws_the_average_bright_over_the_raw_curve() -> None:
    x = np.arange(60.0)
    model = ChartModel("", (Curve("loss", x, (-1.0) ** x),), smoothing=0.9)

    frame = draw(model, 60, 16)

    assert {"train", "train:dim"} <= {style for row in range(16) for _, style, _ in frame.runs(row)}


def test_runs_of_a_row_put_together_are_the_row() -> None:
    x = np.arange(4000.0)
    y = np.random.default_rng(3).normal(0, 0.3, 4000)
    frame = draw(ChartModel("loss", (Curve("loss", x, y),), (Mark(5, "signal"),)), 60, 16)

    for row in range(16):
        assert "".join(text for text, _, _ in frame.runs(row)) == frame.row_text(row)


def test_marks_of_two_kinds_at_one_step_are_both_seen() -> None:
    marks = (Mark(5, "best"), Mark(5, "signal"), Mark(5, "signal"), Mark(10, "last"), Mark(10, "stop"))

    axis = draw(ChartModel("", TWO_CURVES.curves, marks), 40, 9).text().splitlines()[-2]

    assert "★▲" in axis
    assert "◇■" in axis
    assert axis.count("▲") == 1
