"""A checkpoint that the training itself saved is named by the file or folder that it stands for."""

from __future__ import annotations

import json
import time
from pathlib import Path

import pytest

from dashboard_pilot import shows
from guardrun.cli.main import run
from guardtui.app import Dashboard
from run_factory import RunWriter


@pytest.fixture
def stopped(tmp_path: Path) -> RunWriter:
    writer = RunWriter(tmp_path / "runs", t=time.time() - 60)
    writer.launch(workdir=str(tmp_path))
    writer.start()
    writer.supervise()
    writer.train(60)
    writer.evaluate()
    writer.checkpoint(own=str(tmp_path / "out/checkpoint-60"))
    writer.end("stopped", "stop:cli")
    return writer


def test_show_and_stop_name_it_beside_guards_entry_as_seen_from_here(
    stopped, tmp_path, monkeypatch, capsys
) -> None:
    monkeypatch.chdir(tmp_path)
    assert run(["show", str(stopped.paths.root)]) == 0
    assert "checkpoints/step-60-a1 = out/checkpoint-60" in capsys.readouterr().out
    assert run(["stop", str(stopped.paths.root)]) == 0
    assert "checkpoints/step-60-a1 = out/checkpoint-60 (step 60" in capsys.readouterr().out
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path / "elsewhere")
    assert run(["show", str(stopped.paths.root)]) == 0
    page = "".join(capsys.readouterr().out.split())  # a long path is broken at the page's width
    assert f"={tmp_path}/out/checkpoint-60" in page
    assert run(["show", str(stopped.paths.root), "--json"]) == 0
    best = json.loads(capsys.readouterr().out)["checkpoints"]["best"]
    assert best["own"] == str(tmp_path / "out/checkpoint-60")


async def test_the_pane_of_checkpoints_names_it_below_the_path(stopped) -> None:
    app = Dashboard([stopped.paths.root.parent], focus=stopped.paths.root)
    async with app.run_test(size=(160, 40)) as pilot:
        await shows(pilot, "5 saved")
        await pilot.press("5")
        await shows(pilot, "step-60-a1", "stands for", "out/checkpoint-60")
