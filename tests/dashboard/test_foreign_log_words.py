"""What the dashboard says of a log of another tool: whose it is, and that nothing can be asked of it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from guardrun.state.log_words import LOG
from guardrun.state.model import Status
from guardtui.glyphs import UNICODE
from guardtui.snapshot import Detail, RunView
from guardtui.text import text_of
from guardtui.viewmodel.columns import name_cell
from guardtui.viewmodel.filter_facts import Facts
from guardtui.viewmodel.filtering import parse
from guardtui.viewmodel.fleet import Marks, Placer, header, row
from guardtui.viewmodel.origin import page_lines, sections
from guardtui.viewmodel.reach import barred, checkpoint_fate, resume_fate, stop_fate
from guardtui.viewmodel.run_header import header_lines
from guardtui.viewmodel.stopping import question
from run_factory import run_state


def view(**changes: Any) -> RunView:
    state = run_state(
        **{
            "source": "TensorBoard event files", "name": "sweep/lr_0.1", "can_save": False,
            "supervised": False, **changes,
        }
    )  # fmt: skip
    return RunView(Path("/logs/sweep/lr_0.1"), state, (), 3.0)


def run_view() -> RunView:
    return RunView(Path("/runs/a"), run_state(), (), 3.0)


def test_the_header_says_that_it_is_only_watched_and_misses_no_checkpoint() -> None:
    for status in (Status.RUNNING, Status.QUIET):
        shown = "\n".join(text_of(line) for line in header_lines(view(status=status), 120, UNICODE))
        assert "TensorBoard log, not started by guard: watched only" in shown
        assert "checkpoint" not in shown
        assert "unsupervised" not in shown


def test_nothing_can_be_asked_of_it_whether_it_grows_or_not() -> None:
    for status in (Status.RUNNING, Status.QUIET, Status.FINISHED):
        log = view(status=status)
        assert "guard did not start it and only watches" in barred(log)
        for fate in (stop_fate(log), stop_fate(log, now=True), checkpoint_fate(log), resume_fate(log)):
            assert not fate.included
            assert "TensorBoard log" in fate.words
        asked = question(log, 70, UNICODE)
        shown = " ".join(text_of(line).strip() for line in asked.lines)
        assert "guard did not start its training and cannot stop it" in shown
        assert not asked.allowed


def test_the_list_shows_the_end_of_its_path_and_its_tool() -> None:
    assert text_of(name_cell(view(), 20, UNICODE)) == "sweep/lr_0.1"
    long = view(name="a/very/long/path/of/folders/trial_7")
    assert text_of(name_cell(long, 12, UNICODE)) == "…ers/trial_7"
    placed = Placer().placed(120, [view(), run_view()])
    assert "TOOL" in text_of(header(placed))
    assert "TensorBoard" in text_of(row(view(), placed, Marks(), UNICODE))
    assert "TOOL" not in text_of(header(Placer().placed(200, [run_view()])))


def test_its_origin_names_files_and_what_its_columns_are() -> None:
    told = {
        "kind": LOG, "format": "TensorBoard event files", "files": ["/logs/a/events.1", "/logs/a/\x1b[2J.2"],
        "more_files": 3, "renamed": {"Loss/train": "train/loss"}, "train_loss": "running",
    }  # fmt: skip
    detail = Detail(Path("/logs/a"), 1, told={LOG: (told,)})
    lines, _ = page_lines(sections(view(), detail, 80, UNICODE))
    page = "\n".join(text_of(line) for line in lines)
    assert "/logs/a/events.1" in page
    assert "and 3 more files" in page
    assert any(line.split() == ["train/loss", "from", "Loss/train"] for line in page.splitlines())
    assert "cannot be stopped from here" in " ".join(page.split())
    assert "\x1b" not in page
    assert "can save" not in page
    assert "supervised" not in page


def test_a_filter_finds_logs_by_their_tool() -> None:
    for text in ("tool:tensorboard", "tensorboard"):
        chosen = parse(text)
        assert [chosen.matches(Facts(each)) for each in (view(), run_view())] == [True, False]


def test_on_a_small_screen_the_header_still_says_that_it_is_only_watched() -> None:
    log = view(
        name="a/very/long/path/of/folders/trial_7", status=Status.QUIET, reason="not growing; tells no end"
    )
    first = text_of(header_lines(log, 80, UNICODE)[0])
    assert "TensorBoard log: watched only" in first
    assert "trial_7" in first
    wide = text_of(header_lines(log, 120, UNICODE)[0])
    assert "not started by guard" in wide
    assert "not growing; tells no end" in wide
