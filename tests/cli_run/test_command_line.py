"""The `guard` command itself: quick, lazy, and without tracebacks."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

from guard_process import GUARD, guard
from guardrun import __version__
from guardrun.cli.main import COMMANDS, run
from guardrun.errors import UserError


def test_every_command_exists_and_explains_itself(tmp_path: Path) -> None:
    told = guard("--help", cwd=tmp_path)
    assert told.returncode == 0
    assert {line.split()[0] for line in told.stdout.split("Commands:")[1].splitlines() if line} == set(
        COMMANDS
    )
    for name in COMMANDS:
        done = guard(name, "--help", cwd=tmp_path)
        assert (done.returncode, done.stderr) == (0, ""), name
        assert "Usage: guard " + name in done.stdout


def test_version(tmp_path: Path) -> None:
    assert guard("--version", cwd=tmp_path).stdout == f"guard {__version__}\n"


@pytest.mark.parametrize(
    ("arguments", "said"),
    [(["wach"], "did you mean `guard watch`?"), (["--nope"], "--nope"), (["run", "--nope"], "--nope"),
     (["run"], "what shall be run?"), (["run", "x.yaml"], "no configuration file x.yaml"),
     (["run", "train.py"], "guard run -- python train.py"), (["run", "lr=3"], "the configuration is missing"),
     (["run", "--"], "no command behind `--`"), (["run", "c.yaml", "--", "ls"], "give one of them"),
     (["run", "--watch", "--detach", "--", "ls"], "exclude each other"),
     (["run", "--", "no-such-program-x"], "command not found"), (["run", "--", "A=1", "ls"], "env A=1"),
     (["run", "--", "python", "gone.py"], "no script"), (["run", "--", "./gone"], "no program"),
     (["run", "--resume", "nope"], "nope"), (["run", "--attach", "nope"], "nope"),
     (["run", "--resume", "a", "--", "ls"], "started with"), (["run", "--takeover", "--", "ls"], "--resume"),
     (["run", "--resume", "a", "--name", "b"], "keeps its name"), (["run", "sh"], "guard run -- sh"),
     (["run", "."], "is a folder")],
)  # fmt: skip
def test_a_users_mistake_is_one_sentence_and_code_2(
    arguments: list[str], said: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys
) -> None:
    monkeypatch.chdir(tmp_path)
    assert run(arguments) == 2
    told = capsys.readouterr()
    assert told.out == ""
    assert told.err.startswith("guard: ")
    assert said in told.err
    assert "Traceback" not in told.err
    assert not (tmp_path / "runs").exists()


def test_control_characters_in_a_mistake_stay_out_of_the_terminal(monkeypatch, tmp_path, capsys) -> None:
    monkeypatch.chdir(tmp_path)
    assert run(["run", "\x1b]0;owned\x07\x1b[2J.yaml"]) == 2
    assert "\x1b" not in capsys.readouterr().err


def test_a_user_error_decides_its_exit_code(monkeypatch: pytest.MonkeyPatch, capsys) -> None:
    import guardrun.cli.ls as ls

    def fail(*_: object, **__: object) -> None:
        raise UserError("pending", hint="wait\nor not", exit_code=5)

    monkeypatch.setattr(ls.command, "callback", fail)
    assert run(["ls"]) == 5
    assert capsys.readouterr().err == "guard: pending\n       wait\n       or not\n"


def test_ctrl_c_ends_with_130(monkeypatch: pytest.MonkeyPatch) -> None:
    import guardrun.cli.ls as ls

    def interrupt(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(ls.command, "callback", interrupt)
    assert run(["ls"]) == 130


def test_a_reader_that_goes_away_is_no_error(tmp_path: Path) -> None:
    """`guard --help | true` must not print a traceback."""
    read, write = os.pipe()
    os.close(read)
    done = subprocess.run(
        [*GUARD, "--help"], stdout=write, stderr=subprocess.PIPE, text=True, cwd=tmp_path, check=False
    )
    os.close(write)
    assert done.returncode == 141
    assert done.stderr == ""


def test_a_terminal_that_knows_only_ascii_is_no_error(tmp_path: Path) -> None:
    done = guard("run", "nöpe.yaml", cwd=tmp_path, PYTHONIOENCODING="ascii", LC_ALL="C")
    assert done.returncode == 2
    assert "Traceback" not in done.stderr
