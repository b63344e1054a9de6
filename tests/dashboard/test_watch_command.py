"""``guard watch`` without a terminal, and the paths it takes."""

from __future__ import annotations

import os
import subprocess
import sys
import time

import pytest

from guardrun.cli.main import run
from guardrun.cli.watch import print_once
from run_factory import RunWriter


@pytest.fixture
def runs(tmp_path):
    folder = tmp_path / "runs"
    good = RunWriter(folder, "digits", suffix="0001", t=time.time() - 9000)
    good.start()
    good.train(300, every=3)
    good.evaluate()
    good.checkpoint()
    good.end()
    bad = RunWriter(folder, "[red]x[/]\x1b]0;pwned\x07", suffix="0002", t=time.time() - 9000)
    bad.start()
    bad.supervise()
    bad.train(50)
    bad.signal("nan", severity="act", action="abort", message="NaN\x1b[2J")
    bad.end("aborted", "abort:nan")
    return folder


def test_once_prints_every_run_the_worst_first_and_ends(runs, capsys):
    assert run(["watch", "--once", str(runs)]) == 0

    printed = capsys.readouterr().out
    rows = [each for each in printed.splitlines() if "aborted" in each or "finished" in each]
    assert "▲ nan" in rows[0]
    assert "digits" in rows[1]
    assert "30%" in rows[1]


def test_without_a_terminal_the_list_is_printed_and_no_control_character_with_it(runs):
    done = subprocess.run(
        [sys.executable, "-m", "guardrun.cli.main", "watch", str(runs)],
        capture_output=True,
        timeout=60,
        check=True,
        env={**os.environ, "PYTHONUTF8": "1"},
    )

    printed = done.stdout.decode()
    assert "digits" in printed
    assert not [char for char in printed if char != "\n" and not char.isprintable()]


def test_once_loads_no_toolkit_and_no_torch(runs):
    code = (
        "import sys; from guardrun.cli.main import run\n"
        f"run(['watch', '--once', {str(runs)!r}])\n"
        "print(sorted({'textual', 'torch', 'omegaconf'} & {m.split('.')[0] for m in sys.modules}))"
    )

    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=True
    )

    assert done.stdout.splitlines()[-1] == "[]"


def test_an_empty_folder_says_how_to_start(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)

    assert run(["watch", "--once"]) == 0

    assert "No runs in runs yet." in capsys.readouterr().out


def test_the_folder_of_runs_can_come_from_the_environment(runs, monkeypatch, capsys):
    monkeypatch.setenv("GUARDRUN_RUNS_DIR", str(runs))

    run(["watch", "--once"])

    assert "digits" in capsys.readouterr().out


def test_a_run_can_be_named(runs, monkeypatch, capsys):
    monkeypatch.setenv("GUARDRUN_RUNS_DIR", str(runs))

    assert run(["watch", "--once", "digits"]) == 0

    assert capsys.readouterr().out.startswith("✓ finished  digits")


def test_a_folder_that_the_first_run_will_make_is_an_empty_list(tmp_path, monkeypatch, capsys):
    """`guard watch runs/` in one pane, `guard run` in the other: whoever comes first."""
    monkeypatch.chdir(tmp_path)
    assert run(["watch", "--once", "runs/"]) == 0
    assert "No runs in runs yet" in capsys.readouterr().out


def test_a_path_that_is_not_there_is_a_usage_error(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)

    assert run(["watch", "--once", "nowhere/at-all"]) == 2
    assert run(["watch", "--once", "nosuchrun"]) == 2

    assert "no such path: nowhere/at-all" in capsys.readouterr().err


def test_once_is_as_wide_as_a_page_where_there_is_no_terminal(runs, capsys):
    print_once([runs])

    assert max(map(len, capsys.readouterr().out.splitlines())) <= 120


def test_the_first_frame_waits_for_no_numbers():
    """numpy is imported by the feed's thread, after the first frame."""
    code = (
        "import sys; import guardtui.app\n"
        "heavy = {'numpy', 'torch', 'msgspec', 'psutil', 'omegaconf'}\n"
        "print(sorted(heavy & {m.split('.')[0] for m in sys.modules}))"
    )

    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=True
    )

    assert done.stdout.strip() == "[]"


def test_one_run_is_printed_with_its_charts_and_signals(runs, monkeypatch, capsys):
    monkeypatch.setenv("COLUMNS", "90")
    bad = next(each for each in runs.iterdir() if each.name.endswith("0002"))

    assert run(["watch", "--once", str(bad)]) == 0

    printed = capsys.readouterr().out
    assert printed.startswith("▲ aborted because of nan")
    assert "loss" in printed
    assert "⣀" in printed
    assert "▲ nan" in printed
    assert max(map(len, printed.splitlines())) <= 90
    assert "\x1b" not in printed


def test_one_run_can_be_printed_in_letters_alone(runs, capsys, monkeypatch):
    monkeypatch.setenv("GUARD_ASCII", "1")

    run(["watch", "--once", str(next(each for each in runs.iterdir() if each.name.endswith("0001")))])

    printed = capsys.readouterr().out
    assert printed.isascii()
    assert "train" in printed


def test_the_list_can_be_filtered_and_is_as_wide_as_columns_says(runs, monkeypatch, capsys):
    monkeypatch.setenv("COLUMNS", "60")

    assert run(["watch", "--once", "--filter", "status:finished", str(runs)]) == 0

    printed = capsys.readouterr().out
    assert "digits" in printed
    assert "aborted" not in printed
    assert max(map(len, printed.splitlines())) <= 60


def test_a_filter_that_is_not_understood_is_a_usage_error(runs, capsys):
    assert run(["watch", "--once", "--filter", "status:", str(runs)]) == 2

    assert "--filter, character" in capsys.readouterr().err


def test_a_fault_in_reading_is_told_and_not_taken_for_an_empty_folder(runs, monkeypatch, capsys):
    from guardrun.following.run_follower import RunFollower

    def broken(self, now=None):
        raise ValueError("odd \x1b[2J bytes")

    monkeypatch.setattr(RunFollower, "state", broken)

    assert run(["watch", "--once", str(runs)]) == 1

    printed = capsys.readouterr()
    assert "No runs" not in printed.out
    assert "cannot be read (ValueError: odd" in printed.err
    assert "\x1b" not in printed.err
