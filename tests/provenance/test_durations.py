"""Durations as people write them."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from guardrun.provenance.config import format_duration, parse_duration


@pytest.mark.parametrize(
    ("written", "seconds"),
    [(90, 90), ("90", 90), (1.5, 1.5), ("2h", 7200), ("30m", 1800), ("1d2h30m", 95400), ("45s", 45),
     ("1h 30m", 5400), (" 1.5h ", 5400), ("2H", 7200), ("1e3", 1000), ("0", 0)],
)  # fmt: skip
def test_seconds_units_and_combinations(written: object, seconds: float) -> None:
    assert parse_duration(written) == seconds


@pytest.mark.parametrize(
    "written",
    ["", " ", "h", "2x", "2h3h", "30m2h", "-5", -5, "-2h", "1:30", "two hours", True, None, [], "inf", "nan",
     float("nan"), float("inf"), "1d2"],
)  # fmt: skip
def test_anything_else_is_refused(written: object) -> None:
    with pytest.raises(ValueError, match="1d2h30m"):
        parse_duration(written)


@given(st.integers(0, 400), st.integers(0, 23), st.integers(0, 59), st.integers(0, 59))
def test_written_units_add_up(d: int, h: int, m: int, s: int) -> None:
    assert parse_duration(f"{d}d{h}h{m}m{s}s") == d * 86400 + h * 3600 + m * 60 + s


@given(st.text(max_size=12))
def test_any_text_is_a_duration_or_refused(text: str) -> None:
    try:
        assert parse_duration(text) >= 0
    except ValueError:
        pass


@pytest.mark.parametrize(
    ("seconds", "text"), [(0.5, "0.5s"), (59, "59s"), (90, "1m 30s"), (95400, "1d 2h 30m"), (3600, "1h")]
)
def test_durations_are_shown_by_their_largest_units(seconds: float, text: str) -> None:
    assert format_duration(seconds) == text


@given(st.integers(60, 10**6))
def test_what_is_shown_reads_back_to_the_leading_units(seconds: int) -> None:
    assert parse_duration(format_duration(seconds)) == pytest.approx(seconds, abs=60)
