"""Where a command expects a run, a log of another tool is shown, listed, or refused in clear words."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from guardrun.cli.main import run


@pytest.fixture
def logs(tmp_path: Path) -> Path:
    for number in (0, 1):
        path = tmp_path / "logs" / f"version_{number}" / "metrics.csv"
        path.parent.mkdir(parents=True)
        rows = [f"{step},{1 / step},{'' if step % 5 else 1.5 / step}" for step in range(1, 41)]
        path.write_text("\n".join(["step,train_loss,val_loss", *rows]) + "\n")
    return tmp_path / "logs"


def told(capsys: pytest.CaptureFixture[str], *args: str) -> tuple[int, str, str]:
    code = run([*args])
    out, err = capsys.readouterr()
    return code, out, err


def test_ls_lists_them_beside_runs(logs: Path, capsys: pytest.CaptureFixture[str]) -> None:
    code, out, _ = told(capsys, "ls", str(logs))
    assert code == 0
    assert [line.split()[1:4] for line in out.splitlines()[1:]] == [
        ["quiet", "version_0", "40"], ["quiet", "version_1", "40"],
    ]  # fmt: skip
    _, out, _ = told(capsys, "ls", "--json", str(logs))
    assert [(run["name"], run["source"], run["status"]) for run in json.loads(out)["runs"]] == [
        ("version_0", "CSV", "quiet"), ("version_1", "CSV", "quiet"),
    ]  # fmt: skip


def test_show_tells_what_a_log_tells(logs: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for path in (logs / "version_0", logs / "version_0" / "metrics.csv"):
        code, out, _ = told(capsys, "show", str(path))
        assert code == 0
        assert "CSV: not started by guard" in out
        assert "step 40" in out
        assert "checkpoint" not in out
    assert json.loads(told(capsys, "show", "--json", str(logs / "version_1"))[1])["source"] == "CSV"


def test_show_of_several_asks_which_one(logs: Path, capsys: pytest.CaptureFixture[str]) -> None:
    code, _, err = told(capsys, "show", str(logs))
    assert code == 2
    assert "holds 2 logs of other tools" in err
    assert "version_1/metrics.csv" in err


def test_stop_says_that_it_cannot_and_leaves_nothing_behind(
    logs: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    before = sorted(logs.rglob("*"))
    for path in (logs / "version_0", logs / "version_0" / "metrics.csv"):
        code, _, err = told(capsys, "stop", str(path))
        assert code == 2
        assert "guard did not start its training and cannot stop it" in err
        assert "stop it where it was started" in err
    assert sorted(logs.rglob("*")) == before


def test_watch_takes_a_log_and_says_what_else_a_file_is(
    logs: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    code, out, _ = told(capsys, "watch", "--once", str(logs / "version_0" / "metrics.csv"))
    assert code == 0
    assert "quiet" in out
    (logs / "notes.txt").write_text("buy milk\n")
    code, _, err = told(capsys, "watch", "--once", str(logs / "notes.txt"))
    assert code == 2
    assert "in no format that guard reads" in err
    _, out, _ = told(capsys, "watch", "--once", str(logs))
    assert out.count("quiet") == 2
    assert out.count("CSV") == 2
