"""One run in words: header, signals, info page."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from dashboard_pilot import BEST, LAST, MONITOR, NAN, OVERFIT
from guardtui.glyphs import UNICODE
from guardtui.snapshot import RunView
from guardtui.text import text_of, width_of
from guardtui.viewmodel.console import console_lines
from guardtui.viewmodel.run_header import header_lines, reason_words
from guardtui.viewmodel.signal_lines import pane_lines, wanted_height
from run_factory import run_state


def texts(lines):
    return [text_of(each) for each in lines]


def header(width=120, **changes):
    state = run_state(**{"monitor": MONITOR, "best": BEST, "last": LAST, **changes})
    return texts(header_lines(RunView(Path("runs/a"), state, (), 3.0), width, UNICODE))


def test_the_header_answers_what_how_far_how_good_and_what_is_kept():
    first, second, third = header()

    assert first.startswith("● running  digits")
    assert first.endswith("last event just now")
    assert "50% · step 500 of 1,000 · ETA 25s · epoch 5 of 10 · 20.0 steps/s" in second
    assert third == "val/loss ↓ 0.3412 · best 0.3301 at step 400 ✓ verified · last kept: step 500"


def test_a_damaged_checkpoint_is_said():
    assert "✗ damaged" in header(best=replace(BEST, verified=False))[2]


def test_a_run_that_cannot_be_saved_says_so_before_anybody_stops_it():
    assert "guard cannot save this run" in header(best=None, last=None, can_save=False)[2]
    assert "no checkpoint yet" in header(best=None, last=None)[2]


@pytest.mark.parametrize("width", [30, 60, 80, 120, 200])
def test_no_header_line_is_wider_than_the_screen(width):
    view = RunView(
        Path("a"), run_state(monitor=MONITOR, best=BEST, last=LAST, name="n" * 90, cost=1.0), (), 3.0
    )

    assert all(width_of(each) <= width for each in header_lines(view, width, UNICODE))


@pytest.mark.parametrize(
    ("reason", "words"),
    [
        ("completed", ""),
        ("abort:nan", "because of nan"),
        ("budget:time", "time budget used up"),
        ("stop:watch", "by a person, in the dashboard"),
        ("stop:slurm", "by slurm"),
        ("out of memory", "out of memory"),
        ("\x1b[31mred", "red"),
    ],
)
def test_reasons_are_told_in_words(reason, words):
    assert reason_words(run_state(reason=reason)) == words


def test_signals_come_with_advice_and_evidence_where_there_is_room():
    state = run_state(signals=(OVERFIT, NAN))

    tall = texts(pane_lines(state, 100, wanted_height(state, 100, UNICODE), UNICODE))
    low = texts(pane_lines(state, 100, 2, UNICODE))

    assert tall[0].startswith("▲ nan  step 480, aborts the run  train/loss became NaN")
    assert tall[1] == "  do: lower the learning rate; look at the batch of that step"
    assert "  why: val loss 0.6100, best 0.4200, evaluations 5" in tall
    assert [each[0] for each in low] == ["▲", "△"]


def test_more_signals_than_lines_are_counted():
    state = run_state(signals=tuple(replace(OVERFIT, id=f"rule{n}") for n in range(9)))

    assert texts(pane_lines(state, 80, 3, UNICODE))[-1] == "  and 7 more: press i"


def test_a_signal_that_only_this_viewer_saw_says_so():
    assert (
        "seen by this viewer only"
        in texts(pane_lines(run_state(signals=(replace(OVERFIT, recorded=False),)), 120, 1, UNICODE))[0]
    )


def test_console_lines_are_the_last_ones_and_harmless():
    lines = console_lines(["a", "b", "\x1b]0;x\x07[b]c[/b]"], 80, 2)

    assert texts(lines) == ["b", "[b]c[/b]"]
    assert console_lines([], 80, 2) == []
