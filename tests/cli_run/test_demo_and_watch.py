"""`guard demo`, and `guard run --watch` with and without a terminal."""

from __future__ import annotations

import importlib.util
import json
import os
import signal
from pathlib import Path

import pytest

import guardtui.app
from guard_process import guard, only_run, processes_of
from guardrun.cli import run as run_command
from guardrun.cli.main import run
from guardrun.provenance.config import load_config
from guardrun.samples import sample_folder


@pytest.mark.torch
def test_the_demo_trains_headless_without_a_terminal(tmp_path: Path) -> None:
    done = guard("demo", "params.epochs=1", cwd=tmp_path)

    assert done.returncode == 0, done.stdout + done.stderr
    shown = json.loads(guard("show", str(only_run(tmp_path / "runs")), "--json", cwd=tmp_path).stdout)
    assert (shown["status"], shown["name"]) == ("finished", "digits")
    assert shown["checkpoints"]["best"]["verified"] is True
    assert "verified" in done.stdout


def test_the_demo_names_what_is_missing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys) -> None:
    monkeypatch.chdir(tmp_path)
    real = importlib.util.find_spec
    monkeypatch.setattr(
        importlib.util, "find_spec", lambda name, *rest: None if name == "sklearn" else real(name, *rest)
    )
    assert run(["demo"]) == 2
    told = capsys.readouterr().err
    assert "needs scikit-learn" in told
    assert "pip install 'guardrun[demo]'" in told
    assert not (tmp_path / "runs").exists()


def test_the_demos_configuration_is_valid() -> None:
    assert load_config(sample_folder("digits") / "config.yaml").config.entry == "train.py"


def test_watch_without_a_terminal_shows_the_output(tmp_path: Path) -> None:
    (tmp_path / "fit.py").write_text("print('hello')")
    done = guard("run", "--watch", "--", "python", "fit.py", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert "hello" in done.stdout


def test_leaving_the_dashboard_leaves_the_training_running(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys
) -> None:
    (tmp_path / "fit.py").write_text("import time\nprint('begun', flush=True)\ntime.sleep(60)\n")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(run_command, "interactive", lambda: True)
    opened: list[object] = []
    monkeypatch.setattr(
        guardtui.app, "run_dashboard", lambda paths, focus=None, **_: opened.append((list(paths), focus))
    )

    code = run(["run", "--watch", "--", "python", "fit.py"])

    told = capsys.readouterr().out
    folder = only_run(tmp_path / "runs")
    try:
        assert code == 0
        assert opened == [([Path("runs")], Path("runs") / folder.name)]
        assert "goes on" in told
        assert f"guard stop runs/{folder.name}" in told
        assert processes_of(folder)
    finally:
        stopped = guard("stop", str(folder), cwd=tmp_path)
        for line in processes_of(folder):
            os.kill(int(line.split()[0]), signal.SIGKILL)
    assert stopped.returncode == 0, stopped.stderr


def test_a_dashboard_left_after_the_end_shows_the_result(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys
) -> None:
    (tmp_path / "fit.py").write_text("raise SystemExit(4)")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(run_command, "interactive", lambda: True)

    def wait_there(paths: list[Path], focus: Path, **_: object) -> None:
        from waiting import wait_for

        wait_for(lambda: b"run_end" in (focus / "supervisor.jsonl").read_bytes(), 30)

    monkeypatch.setattr(guardtui.app, "run_dashboard", wait_there)
    assert run(["run", "--watch", "--", "python", "fit.py"]) == 1
    assert "failed" in capsys.readouterr().out


def test_the_dashboard_is_pointed_at_a_run_by_the_name_it_will_find_it_by(
    tmp_path: Path, monkeypatch
) -> None:
    """A resumed run is resolved to an absolute path; the dashboard sees it below a relative folder."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "real/r1").mkdir(parents=True)
    (tmp_path / "runs").symlink_to("real")
    seen = run_command._seen_from
    assert seen(Path("runs"), Path("runs/r1")) == (Path("runs"), Path("runs/r1"))
    assert seen(Path("runs"), tmp_path / "real/r1") == (Path("runs"), Path("runs/r1"))
    assert seen(Path("runs"), tmp_path / "other") == (tmp_path / "other", tmp_path / "other")
