"""Zoom and pan keep within what there is."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from guardtui.chart.navigation import moved_readout, panned, zoomed

FULL = (0.0, 1000.0)


def test_zooming_in_keeps_the_newest_end_or_the_chosen_step() -> None:
    assert zoomed(FULL, FULL, 0.5) == (500.0, 1000.0)
    assert zoomed((200.0, 600.0), FULL, 0.5) == (300.0, 500.0)
    assert zoomed((200.0, 600.0), FULL, 0.5, around=300.0) == (250.0, 450.0)


def test_zooming_out_ends_at_everything() -> None:
    assert zoomed((500.0, 1000.0), FULL, 2.0) is None
    assert zoomed((500.0, 600.0), FULL, 2.0) == (450.0, 650.0)


def test_panning_stops_at_the_ends() -> None:
    assert panned((200.0, 400.0), FULL, 0.5) == (300.0, 500.0)
    assert panned((700.0, 900.0), FULL, 2.0) == (800.0, 1000.0)
    assert panned((100.0, 300.0), FULL, -9.0) == (0.0, 200.0)


def test_a_readout_enters_at_the_newest_end_and_stays_inside() -> None:
    assert moved_readout(None, FULL, -0.1) == 1000.0
    assert moved_readout(500.0, FULL, -0.1) == 400.0
    assert moved_readout(990.0, FULL, 0.1) == 1000.0


@given(st.lists(st.tuples(st.sampled_from(["in", "out", "left", "right"]), st.floats(0, 1000)), max_size=60))
def test_any_keys_leave_a_window_within_the_data(keys: list[tuple[str, float]]) -> None:
    window = FULL
    for key, around in keys:
        if key in ("left", "right"):
            window = panned(window, FULL, 0.5 if key == "right" else -0.5)
        else:
            window = zoomed(window, FULL, 0.5 if key == "in" else 2.0, around=around) or FULL

        assert FULL[0] <= window[0] < window[1] <= FULL[1]
