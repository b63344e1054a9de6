"""A short share of the campaigns of mutated files and hostile text; `make campaign` runs them whole."""

from __future__ import annotations

import random
import time

import pytest
from benchmarks.faults import hostile, hostile_screens, mutations
from benchmarks.faults.campaign import run_campaign
from benchmarks.faults.hostile_texts import hostile_text
from benchmarks.faults.limits import within_limits
from benchmarks.faults.mutating import mutate
from hypothesis import given, settings
from hypothesis import strategies as st

from guardrun.reading.plain_text import plain

pytestmark = pytest.mark.torch


def test_mutated_files_make_nothing_crash_hang_or_grow() -> None:
    row = run_campaign(mutations.CAMPAIGN, 210, 120.0, seed=11)

    assert row.violations == []
    assert row.trials == 210


def test_hostile_text_acts_neither_on_a_terminal_nor_in_a_report() -> None:
    row = run_campaign(hostile.CAMPAIGN, 8, 120.0, seed=11)

    assert row.violations == []
    assert row.trials == 8


def test_what_would_act_is_seen_by_the_campaign() -> None:
    """Else its table would say nothing."""
    assert hostile.acting_on_a_terminal("fine\nand \x1b[2J not \u202e") == "\x1b\u202e"
    assert hostile.acting_in_a_page("<p title='a'>zq1 &lt;zq1&gt;</p>") == []
    for page in ("<zq1>", "<p zq1='1'>", "<script>zq1</script>", "<a href='javascript:zq1'>", "<!--zq1-->"):
        assert hostile.acting_in_a_page(page) != []


def test_a_trial_that_crashes_hangs_or_grows_is_seen_by_the_campaign(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("benchmarks.faults.limits.LONGEST_S", 0.05)
    monkeypatch.setattr("benchmarks.faults.limits.PATIENCE_S", 0.2)
    grown = -10_000

    assert "ZeroDivisionError" in within_limits(lambda: 1 // 0, memory_before=0)
    assert "no end within" in within_limits(lambda: [None for _ in iter(int, 1)], memory_before=0)
    assert "no end within" in within_limits(lambda: time.sleep(30), memory_before=0)
    assert "MB of memory" in within_limits(lambda: None, memory_before=grown)


@settings(max_examples=200, deadline=None)
@given(st.integers(0, 10_000), st.binary(max_size=200))
def test_mutations_change_and_hostile_texts_lose_their_teeth(number: int, data: bytes) -> None:
    assert isinstance(mutate(data, random.Random(number)), bytes)
    assert plain(hostile_text(number, random.Random(number))).isprintable()


@pytest.mark.terminal
def test_hostile_text_acts_not_on_a_real_terminal_in_any_pane_of_the_dashboard() -> None:
    row = run_campaign(hostile_screens.CAMPAIGN, 1, 120.0, seed=11)

    assert row.violations == []
    assert row.trials == 1


@pytest.mark.parametrize(
    "acts",
    [
        "\x1b]0;zq1\x07", "\x1b[77;3H", "\x1b[6n", "\x1b[77;3z", "\x1bc", "\x1b(0", "\x1bP+qzq\x1b\\",
        "\x1b_Gzq\x1b\\", "\x1b[?1000l", "\x07", "\x9b", "\u202e", "\u200b", "\x1b",
    ],
)  # fmt: skip
def test_what_would_act_on_the_dashboards_terminal_is_seen_by_the_campaign(acts: str) -> None:
    harmless = "\x1b[?25l\x1b[1;1H\x1b[31mzq1 red\x1b[0m\x1b[40;120Hfine"
    allowed = hostile_screens.shapes(harmless)

    assert hostile_screens.shapes(f"{harmless}\x1b[2;2Hzq2\x1b[7mzq2") <= allowed
    assert hostile_screens.shapes(harmless + acts) - allowed
