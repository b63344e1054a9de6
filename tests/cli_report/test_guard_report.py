"""``guard report``: from run directories to a file, and what it says where it can't."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from guardrun.cli.main import run
from run_factory import RunWriter

RECORDED = Path(__file__).resolve().parents[2] / "sample_runs/recorded"


def made(runs: Path, number: int) -> RunWriter:
    writer = RunWriter(runs, "digits", suffix=f"digits_000{number}")
    writer.launch(config={"seed": number, "params": {"lr": 0.1}}, git={"commit": "c" * 40, "dirty": False})
    writer.start(total_steps=100)
    writer.event("seeds", seed=number, python=number)
    for step in range(4):
        writer.train(25)
        writer.evaluate(**{"val/loss": 1.0 / (step + 1) + number / 100})
    writer.checkpoint(metric=0.25)
    writer.end()
    return writer


def test_a_folder_of_runs_becomes_one_file(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for number in (1, 2, 3):
        made(tmp_path / "runs", number)
    target = tmp_path / "page/report.html"
    target.parent.mkdir()

    assert run(["report", str(tmp_path / "runs"), "-o", str(target), "--title", "Digits <3"]) == 0

    html = target.read_text("utf-8")
    assert "Digits &lt;3" in html
    assert "3 seeds, mean ± std" in html
    assert html.rstrip().endswith("</html>")
    assert "3 runs" in capsys.readouterr().out
    assert [path.name for path in target.parent.iterdir()] == ["report.html"]


@pytest.mark.parametrize("name", ["overfitting", "crashed", "nan", "killed", "resumed"])
def test_every_recorded_end_has_a_report(name: str, tmp_path: Path) -> None:
    (path,) = RECORDED.glob(f"*_{name}_*")
    target = tmp_path / "report.html"

    assert run(["report", str(path), "-o", str(target)]) == 0

    html = target.read_text("utf-8")
    assert "<svg" in html
    assert "not to be declared" in html


def test_a_half_written_run_has_a_report(tmp_path: Path) -> None:
    writer = RunWriter(tmp_path / "runs")
    with open(writer.paths.events(), "wb") as file:
        file.write(b'{"t":1,"kind":"header","schema":1}\n{"t":2,"kind":"metr')

    assert run(["report", str(writer.paths.root), "-o", str(tmp_path / "report.html")]) == 0
    assert "No curve was logged" in (tmp_path / "report.html").read_text("utf-8")


def test_without_matplotlib_the_extra_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    made(tmp_path / "runs", 1)
    monkeypatch.setitem(sys.modules, "matplotlib", None)

    assert run(["report", str(tmp_path / "runs"), "-o", str(tmp_path / "report.html")]) == 2

    assert "guardrun[report]" in capsys.readouterr().err
    assert not (tmp_path / "report.html").exists()


def test_a_place_that_can_not_be_written_is_one_sentence(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    made(tmp_path / "runs", 1)

    assert run(["report", str(tmp_path / "runs"), "-o", str(tmp_path / "nowhere/report.html")]) == 2

    told = capsys.readouterr().err
    assert "cannot write" in told
    assert "Traceback" not in told


def test_a_metric_that_no_run_has_is_said_with_those_they_have(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    made(tmp_path / "runs", 1)

    assert run(["report", str(tmp_path / "runs"), "-o", str(tmp_path / "r.html"), "--metric", "val/f1"]) == 2
    assert "val/loss" in capsys.readouterr().err
