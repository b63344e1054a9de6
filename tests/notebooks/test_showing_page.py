"""What a run looks like in a notebook, from its own files."""

from __future__ import annotations

import xml.etree.ElementTree as ElementTree
from pathlib import Path

import pytest

import guardrun
from guardrun.following.run_follower import RunFollower
from guardrun.recording.showing_page import drawn

RECORDED = Path(__file__).resolve().parents[2] / "sample_runs/recorded"


def page(run: Path) -> str:
    follower = RunFollower(run)
    follower.catch_up()
    html = drawn(follower.state(), follower.series)
    ElementTree.fromstring(html)  # sound, as a whole
    return html


@pytest.mark.parametrize("folder", sorted(RECORDED.iterdir()), ids=lambda folder: folder.name.split("_")[2])
def test_every_recorded_run_is_a_small_page_of_its_own(folder):
    html = page(folder)
    assert len(html) < 60_000
    assert "<script" not in html
    assert "http" not in html.replace("http://www.w3.org/2000/svg", "")


def test_a_nan_is_told_with_its_signal_and_where_it_began():
    (folder,) = RECORDED.glob("*_nan_*")
    html = page(folder)
    assert "▲ nan" in html
    assert "not finite at 300" in html
    assert "verified" in html


def test_what_a_run_says_is_never_markup(tmp_path):
    run = guardrun.start("<img src=x onerror=alert(1)>", runs_dir=tmp_path)
    run.log({"<b>loss": 1.0})
    html = run._repr_html_()
    run.finish()
    assert "<img" not in html
    assert "<b>loss" not in html
    ElementTree.fromstring(html)


def test_where_there_is_no_notebook_show_says_how_to_look(tmp_path, capsys):
    run = guardrun.start("plain", runs_dir=tmp_path)
    run.show()
    run.finish()
    assert f"guard watch {run.path}" in capsys.readouterr().err
