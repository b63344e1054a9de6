"""Numbers, lines and tones: the small parts that every screen is made of."""

from __future__ import annotations

import doctest
import itertools
import math

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.cells import cell_len

from guardtui import formatting, text
from guardtui.glyphs import ASCII, UNICODE, choose
from guardtui.text import (
    Bit,
    changed_spans,
    clean,
    column,
    fit,
    line,
    packed,
    shorten,
    spread,
    text_of,
    width_of,
    wrapped,
)
from guardtui.viewmodel.condense import condensed
from guardtui.viewmodel.trend import trend


@pytest.mark.parametrize("module", [formatting, text], ids=["formatting", "text"])
def test_examples_in_docstrings_are_true(module):
    assert doctest.testmod(module).failed == 0


@given(st.floats(allow_nan=True, allow_infinity=True))
def test_every_number_is_short(value):
    assert 1 <= len(formatting.number(value)) <= 7


@given(st.none() | st.floats(allow_nan=True, allow_infinity=True))
def test_one_unit_fits_three_cells_for_a_lifetime(seconds):
    if seconds is not None and abs(seconds) > 60 * 365 * 86400:
        return
    assert len(formatting.brief(seconds)) <= 3
    assert len(formatting.age(None if seconds is None else abs(seconds))) <= 3


def test_percent_never_says_done_before_the_end():
    assert formatting.percent(0.9999) == "99%"
    assert formatting.percent(1.0) == "100%"


@given(st.text(max_size=40), st.integers(0, 30))
def test_any_text_fits_its_column_exactly(value, width):
    assert cell_len(column(clean(value), width)) == width


@given(
    st.lists(st.tuples(st.text("abc学 ", max_size=9), st.sampled_from(["dim", "bad"])), max_size=5),
    st.integers(1, 30),
)
def test_a_line_is_never_wider_than_its_place(parts, width):
    made = line(*parts)

    assert width_of(fit(made, width)) <= width
    assert width_of(spread(made, line("right"), width)) <= max(width, 0)


def test_a_cut_line_says_so():
    assert text_of(fit(line(("validation ", "dim"), "loss rises"), 14)) == "validation lo…"
    assert shorten("学習モデル", 5) == "学習…"


def test_less_needed_parts_give_way_whole():
    parts = (line("step 500"), line("a very long remark"), line("ETA 3s"))

    assert text_of(packed(parts, Bit(" · "), 20)) == "step 500 · ETA 3s"


def test_wrapped_text_loses_no_word():
    words = "the best checkpoint stays where it is and nothing else is touched"

    lines = wrapped(words, 20, "warn", indent="  ")

    assert all(width_of(each) <= 20 for each in lines)
    assert " ".join(" ".join(text_of(each) for each in lines).split()) == words


def test_hostile_text_becomes_harmless_text():
    assert clean("[red]x[/]\x1b]0;title\x07\x1b[31m\nend") == "[red]x[/] end"


def test_a_trend_shows_where_it_broke():
    drawn = trend((3.0, 2.0, 1.0, math.nan), 8, UNICODE)

    assert text_of(drawn) == "█▅▁✗"
    assert drawn[-1].tone == "bad"


def test_a_long_curve_is_condensed_and_keeps_its_nan():
    import numpy as np

    values = np.linspace(5, 0, 10_000)
    values[7000] = np.inf

    short = condensed(values, 50)

    assert len(short) == 50
    assert [number for number, value in enumerate(short) if not math.isfinite(value)] == [35]


def test_terminals_without_unicode_get_letters():
    assert choose({"GUARD_ASCII": "1"}) is ASCII
    assert all(ord(char) < 128 for glyph in ASCII for char in glyph)
    assert choose({"GUARD_ASCII": "0"}) in (UNICODE, ASCII)


@given(st.text("ab 学́", max_size=12), st.text("ab 学́", max_size=12))
def test_outside_the_changed_spans_two_lines_look_the_same(old, new):
    before, after = line((old, "dim")), line((new, "dim"))

    spans = changed_spans(before, after, 30)

    cells = [text_cells(each) for each in (before, after)]
    sent = {place for start, end in spans for place in range(start, end)}
    assert all(cells[0][place] == cells[1][place] for place in range(30) if place not in sent)
    assert all(each[start] != "" and "" not in each[end : end + 1] for each in cells for start, end in spans)
    assert all(earlier[1] < later[0] for earlier, later in itertools.pairwise(spans))


def test_what_lies_between_two_changes_is_not_sent():
    before = line("step 99 of 200 · ", ("ETA 40s", "strong"), " · epoch 3")
    after = line("step 98 of 200 · ", ("ETA 39s", "strong"), " · epoch 4")

    assert changed_spans(before, after, 60) == [(6, 7), (21, 23), (33, 34)]


def text_cells(bits):
    cells: list[str] = []
    for char in text_of(bits):
        if cell_len(char):
            cells += [char, *[""] * (cell_len(char) - 1)]
        elif cells:
            cells[-1] += char
    return (cells + [" "] * 30)[:30]
