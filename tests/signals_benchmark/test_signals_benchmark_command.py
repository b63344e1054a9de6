"""The command judges a folder of real files, names what is missed, and exits 0 or 1."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from benchmarks import signals

from signals_folder import make_folder, write_manifest

ROOT = Path(__file__).resolve().parents[2]


def run(folder: Path, *arguments: str) -> tuple[int, dict[str, Any]]:
    result = folder.parent / "result.json"
    code = signals.main(["--data", str(folder), "--json", str(result), "--no-speed", *arguments])
    return code, json.loads(result.read_text(encoding="utf-8"))


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_folder(tmp_path_factory.mktemp("data"))


def test_a_folder_on_which_all_targets_are_met_ends_with_0(folder: Path) -> None:
    code, found = run(folder)

    missed = [target for target in found["targets"] if not target["met"]]
    assert missed == []
    assert code == 0
    assert found["met"] is True


def test_every_labelled_log_has_its_verdict_and_distance(folder: Path) -> None:
    _, found = run(folder, "--quick")

    logs = {log["label"]: log for log in found["labelled"]["logs"]}
    assert set(logs) == {"healthy", "exploded", "nan", "overfit"}
    assert not logs["healthy"]["acted"]
    for label in ("exploded", "nan", "overfit"):
        assert logs[label]["flagged"], label
        first = next(seen for seen in logs[label]["signals"] if seen["automatic"])
        assert 0 <= first["distance"] <= 75, label
    assert found["labelled"]["confusion"]["overfit"]["overfit"] == {"act": 1}


def test_bulk_curves_are_counted_for_rules_and_baselines(folder: Path) -> None:
    _, found = run(folder)

    rules = found["bulk"]["files"]["curves"]
    assert rules["policy"]["curves"] == 10
    assert rules["policy"]["fired"] >= 3
    assert rules["policy"]["wrong"] == 0
    assert rules["nan"]["fired"] == 1
    assert rules["overfit!"]["fired"] == 2
    assert rules["EarlyStopping patience 1"]["wrong"] > 0
    assert {place["name"] for place in found["frontier"]} >= {"overfit as it is", "Prechelt UP3"}
    assert found["siblings"]["curves"]["Optuna median, defaults"]["groups"] == 2


def test_a_missed_target_ends_with_1_and_names_the_run(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = make_folder(tmp_path / "data")
    write_manifest(
        folder,
        [
            ("some__repo/healthy.csv", "some/repo", "overfit", "eval 3", ""),
            ("some__repo/overfit.csv", "some/repo", "healthy", "", ""),
        ],
    )

    code, found = run(folder, "--quick")

    assert code == 1
    missed = {target["name"] for target in found["targets"] if not target["met"]}
    assert missed == {
        "overfit runs flagged",
        "acts on healthy and spike_recovered runs",
        "healthy runs with a health warning",
    }
    told = capsys.readouterr().out
    assert "MISS overfit: some__repo/healthy.csv" in told
    assert "FALSE STOP healthy: overfit" in told


def test_logs_that_cannot_be_read_are_counted_and_named(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = make_folder(tmp_path / "data")
    (folder / "some__repo" / "noise.bin").write_bytes(bytes(range(256)) * 10)
    names = ("noise.bin", "absent.csv", "healthy.csv")
    write_manifest(folder, [(f"some__repo/{name}", "some/repo", "healthy", "", "") for name in names])

    _, found = run(folder, "--quick")

    problems = {log["file"]: bool(log["problem"]) for log in found["labelled"]["logs"]}
    assert list(problems.values()) == [True, True, False]
    assert "3 scored, 2 of them not readable" in capsys.readouterr().out


def test_the_report_is_readable_at_100_columns_and_names_curves_on_request(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run(folder, "--split", "--rule", "overfit!")

    lines = capsys.readouterr().out.splitlines()
    assert max(map(len, lines)) <= 100
    assert any("right overfit!" in line and "drifts 0" in line for line in lines)
    assert "TARGETS, sources held out" in lines


def test_a_folder_without_bulk_curves_and_siblings_is_judged_by_what_it_has(tmp_path: Path) -> None:
    folder = make_folder(tmp_path / "data")
    (folder / "bulk" / "curves.jsonl.gz").unlink()

    code, found = run(folder, "--quick")

    assert code == 0
    assert found["siblings"] == {}
    assert len(found["notes"]) == 2


@pytest.mark.parametrize("how", [["benchmarks/signals.py"], ["-m", "benchmarks.signals"]])
def test_it_runs_as_a_script_and_as_a_module(folder: Path, how: list[str]) -> None:
    command = [sys.executable, *how, "--data", str(folder), "--quick"]
    done = subprocess.run(command, capture_output=True, text=True, cwd=ROOT, timeout=60, check=False)

    assert done.returncode in (0, 1), done.stderr
    assert "events a second, over columns" in done.stdout


def test_a_wrong_folder_is_a_usage_error(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert signals.main(["--data", str(tmp_path / "absent")]) == 2
    assert "is not a folder" in capsys.readouterr().err
    folder = make_folder(tmp_path / "data")
    assert signals.main(["--data", str(folder), "--quick", "--no-speed", "--json", str(tmp_path)]) == 2
    assert "cannot write" in capsys.readouterr().err
