"""The part of the x axis in view: whatever is pressed, it stays a part of the data with a way back."""

from __future__ import annotations

import math

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from guardtui.viewmodel.x_window import (
    PAN,
    ZOOM,
    Span,
    Window,
    around,
    followed,
    moved_cursor,
    panned,
    zoomed,
)  # fmt: skip

NEAR = 1e-9
WHOLE = Span(0.0, 1000.0)
ends = st.floats(-1e12, 1e12, allow_nan=False)
wholes = (
    st.tuples(ends, ends).map(sorted).filter(lambda pair: pair[1] - pair[0] > 1e-3).map(lambda p: Span(*p))
)
moves = st.lists(
    st.one_of(
        st.tuples(st.just("zoom"), st.floats(0.3, 3.0), st.one_of(st.none(), st.floats(0, 1))),
        st.tuples(st.just("pan"), st.floats(-3, 3), st.none()),
        st.tuples(st.just("cursor"), st.floats(-2, 2), st.floats(0, 1)),
    ),
    max_size=12,
)


def at_share(span, share):
    return span.low + share * span.width


@given(wholes, moves)
def test_whatever_is_pressed_the_window_shows_a_part_of_the_data(whole, keys):
    window = None
    for kind, amount, share in keys:
        shown = window.span if window else whole
        if kind == "zoom":
            at = None if share is None else at_share(shown, share)
            window = zoomed(shown, whole, amount, at)
        elif kind == "pan":
            window = panned(window, whole, amount)
        else:
            cursor, window = moved_cursor(at_share(whole, share), amount * whole.width, window, whole)
            assert whole.holds(cursor)
            assert window is None or -NEAR <= (cursor - window.low) / window.span.width <= 1 + NEAR
        if window is not None:
            assert window.low < window.high
            assert window.low >= whole.low
            assert window.span.width < whole.width
            assert window.low < whole.high


@given(st.floats(0, 1), st.floats(1.1, 4.0))
def test_what_is_under_the_pointer_stays_under_it(share, factor):
    shown = Span(300.0, 700.0)
    at = at_share(shown, share)

    window = zoomed(shown, WHOLE, factor, at)

    assert (at - window.low) / window.span.width == pytest.approx(share)


@given(st.floats(0.3, 0.7))
def test_zooming_out_takes_back_zooming_in(share):
    at = at_share(WHOLE, share)
    inner = zoomed(Span(250.0, 750.0), WHOLE, ZOOM, at)

    back = zoomed(inner.span, WHOLE, 1 / ZOOM, at)

    assert back.span == pytest.approx((250.0, 750.0))


def test_without_a_pointer_the_newest_points_stay_in_view():
    assert zoomed(WHOLE, WHOLE, ZOOM, None) == (500.0, 1000.0, True)
    assert zoomed(Span(200.0, 600.0), WHOLE, ZOOM, None) == (300.0, 500.0, False)


def test_zooming_out_far_enough_is_the_whole_view_again():
    assert zoomed(Span(400.0, 950.0), WHOLE, 1 / ZOOM, None) is None


def test_zooming_in_ends_where_there_is_nothing_more_to_see():
    window = Window(0.0, 500.0)
    for _ in range(60):
        window = zoomed(window.span, WHOLE, ZOOM, 100.0, least=4.0)

    assert window.span.width == pytest.approx(4.0)
    assert window.span.holds(100.0)


@pytest.mark.parametrize("whole", [Span(5.0, 5.0), Span(1e15, 1e15 + 2), Span(-1e308, 1e308)])
def test_data_without_a_width_or_of_any_size_can_be_zoomed_without_harm(whole):
    window = zoomed(whole, whole, ZOOM, None)

    assert window is None or window.low < window.high


@given(st.floats(0.05, 0.9), st.floats(-2, 2))
def test_panning_keeps_the_width_and_goes_no_farther_than_the_data(width, share):
    window = panned(Window(0.0, width * 1000.0), WHOLE, share)

    assert window.span.width == pytest.approx(width * 1000.0)
    assert 0.0 <= window.low < 1000.0
    assert window.high <= 1000.0 + 0.13 * window.span.width


def test_the_whole_view_cannot_be_panned():
    assert panned(None, WHOLE, PAN) is None


@given(st.lists(st.floats(0.1, 200.0), min_size=1, max_size=20))
def test_at_the_end_it_follows_a_live_run_and_elsewhere_it_stays(growth):
    following = zoomed(WHOLE, WHOLE, 4.0, None)
    staying = Window(100.0, 300.0)
    end = WHOLE.high
    for more in growth:
        end += more
        following = followed(following, Span(0.0, end))
        staying = followed(staying, Span(0.0, end))
        assert following.low < end <= following.high
        assert following.span.width == pytest.approx(250.0)

    assert staying == (100.0, 300.0, False)


def test_a_window_that_follows_moves_in_jumps_so_that_most_new_points_move_nothing():
    window, places = Window(500.0, 1000.0, True), set()
    for end in range(1001, 1501):
        window = followed(window, Span(0.0, float(end)))
        places.add(window.low)

    assert len(places) <= 9


def test_moving_back_from_the_end_no_longer_follows_and_going_to_the_end_does_again():
    window = zoomed(WHOLE, WHOLE, ZOOM, None)
    back = panned(window, WHOLE, -1.0)

    assert not back.follows
    assert panned(back, WHOLE, math.inf).follows


def test_the_window_goes_along_with_a_cursor_that_leaves_it():
    cursor, window = moved_cursor(690.0, 20.0, Window(500.0, 700.0), WHOLE)

    assert cursor == 710.0
    assert window.high == pytest.approx(710.0)
    assert moved_cursor(1000.0, 50.0, None, WHOLE) == (1000.0, None)


@given(st.floats(0, 1000), st.one_of(st.none(), st.floats(1, 900)))
def test_a_jump_brings_its_place_into_view_and_keeps_a_window_that_shows_it(x, low):
    before = None if low is None else Window(low, low + 100.0)
    assume(before is None or before.high <= 1000)

    after = around(x, before, WHOLE)

    assert -NEAR <= (x - after.low) / after.span.width <= 1 + NEAR
    if before is not None:
        assert after.span.width == pytest.approx(100.0)
        assert not before.span.holds(x) or after == before
