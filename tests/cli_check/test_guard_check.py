"""`guard check` on real trainings: a sound one passes, each planted mistake fails the check made for it."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from forked_trainings import Forked
from guard_process import ROOT, guard
from guardrun.cli import check_trials
from guardrun.cli.check_page import item_lines
from guardrun.cli.check_plan import Plan
from guardrun.cli.check_trials import Allowance, Bench
from guardrun.cli.main import run
from guardrun.judging.check_records import config_fingerprint, find_check
from guardrun.judging.sanity_model import CHECKS, OPTIONAL
from guardrun.provenance.config import load_config
from guardrun.supervising import launching

pytestmark = pytest.mark.torch

PLANTED = ROOT / "sample_runs" / "planted"
FAULTS = {
    "labels_misaligned": "baseline",
    "labels_inverted": "baseline",
    "label_in_a_feature": "leakage",
    "label_in_an_id": "leakage",
    "label_in_the_batch": "shuffled-labels",
    "frozen_layer": "parameters",
    "validation_on_train": "shuffled-labels",
    "normalised_on_everything": "leakage",
    "duplicates": "leakage",
    "softmax_twice": "overfit",
    "large_weights": "initial-loss",
}
"""Mistake -> the check that finds it."""


def copy_of_planted(tmp_path: Path) -> Path:
    """The configuration in a folder of its own: results are kept beside it."""
    return (
        shutil.copytree(PLANTED, tmp_path / "planted", ignore=shutil.ignore_patterns(".guardrun"))
        / "config.yaml"
    )


@pytest.fixture
def check(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Callable[..., dict[str, Any]]:
    """Runs the command in this process and its trainings as forks of it; gives the JSON document."""
    monkeypatch.setattr(launching, "subprocess", Forked)

    def command(config: Path, *words: str, expected: int) -> dict[str, Any]:
        code = run(["check", str(config), *words, "--json"])
        printed = capsys.readouterr()
        assert code == expected, printed.out + printed.err
        document: dict[str, Any] = json.loads(printed.out)
        return document

    return command


def verdicts(document: dict[str, Any]) -> dict[str, str]:
    return {item["id"]: item["verdict"] for item in document["items"]}


def test_a_sound_training_passes_everything_and_leaves_only_its_result(check, tmp_path: Path):
    config = copy_of_planted(tmp_path)
    result = check(config, "--memory", "8", expected=0)
    assert result["verdict"] == "pass"
    assert verdicts(result) == {name: "pass" for name in CHECKS if name not in OPTIONAL}
    for item in result["items"]:
        assert item.keys() == {"id", "seed_item", "verdict", "evidence", "next"}
        assert item["evidence"]["text"]
    by_name = {item["id"]: item["evidence"] for item in result["items"]}
    assert by_name["baseline"]["model"] == "logistic regression"
    assert by_name["baseline"]["metric"] == "val/accuracy"
    assert by_name["determinism"]["deterministic_cost"] > 0
    assert by_name["precision"]["reduced"]["bf16"]["speed"] > 0
    assert {*by_name["precision"]["reduced"], *by_name["precision"]["not_measured"]} == {"bf16", "fp16"}
    assert by_name["batch-size"]["largest"] == 640
    kept = find_check(config_fingerprint(load_config(config, []).effective), None, config.parent)
    assert kept is not None
    assert kept.result["verdict"] == "pass"
    assert sorted(path.name for path in config.parent.iterdir() if path.name != "__pycache__") == [
        ".guardrun", "config.yaml", "train.py",
    ]  # fmt: skip


@pytest.mark.parametrize(("fault", "name"), FAULTS.items())
def test_each_planted_mistake_fails_the_check_that_is_made_for_it(
    fault: str, name: str, check, tmp_path: Path
):
    config = copy_of_planted(tmp_path)
    result = check(config, f"params.fault={fault}", "--only", name, expected=4)
    assert (result["verdict"], verdicts(result)) == ("fail", {name: "fail"})
    assert result["items"][0]["next"]


def test_an_order_that_nobody_seeded_is_told_with_the_step_where_it_shows(check, tmp_path: Path):
    config = copy_of_planted(tmp_path)
    result = check(config, "params.fault=unseeded", "--only", "determinism", "--steps", "30", expected=4)
    (item,) = result["items"]
    assert (item["verdict"], item["evidence"]["at_step"]) == ("fail", 1)
    assert "run.seed()" in item["next"]


SILENT = """
import guardrun, random
with guardrun.start() as run:
    for step in run.steps(range(40)):
        run.log(loss=random.random())
    run.evaluate({"val/accuracy": 0.1, "val/loss": 2.3})
"""


def test_a_training_that_hands_over_no_data_is_unknown_and_never_passed(check, tmp_path: Path):
    (tmp_path / "train.py").write_text(SILENT)
    config = tmp_path / "config.yaml"
    config.write_text("entry: train.py\nseed: 1\n")
    result = check(config, "--only", "overfit,labels,leakage,inputs", expected=4)
    assert result["verdict"] == "unknown"
    assert set(verdicts(result).values()) == {"unknown"}


def test_a_training_that_fails_or_hangs_is_told_by_its_own_last_words(tmp_path: Path):
    (tmp_path / "train.py").write_text("raise RuntimeError('no such column: age')\n")
    config = tmp_path / "config.yaml"
    config.write_text("entry: train.py\n")
    done = guard("check", str(config), "--only", "overfit", cwd=tmp_path)
    assert done.returncode == 4
    assert "no such column: age" in " ".join(done.stdout.split())
    assert max(map(len, done.stdout.splitlines())) <= 80


def test_one_that_goes_on_beyond_its_time_is_ended_and_one_that_is_silent_is_waited_for(tmp_path: Path):
    file = tmp_path / "events.jsonl"
    file.write_text('{"kind":"metrics"}\n')

    def ended_after(grows: bool) -> int:
        allowance = Allowance(file, 0.0, 3.0)
        for second in range(1, 200):
            if grows:
                file.write_text(file.read_text() + '{"kind":"metrics"}\n')
            if allowance.used_up(float(second)):
                return second
        raise AssertionError("it was never ended")

    assert ended_after(True) == 10
    assert ended_after(False) == 124


def test_a_training_that_never_begins_is_waited_for_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    (tmp_path / "train.py").write_text("import time\ntime.sleep(600)\n")
    (tmp_path / "config.yaml").write_text("entry: train.py\n")
    monkeypatch.setattr(check_trials, "_STARTING_S", 0.5)
    bench = Bench(tmp_path / "config.yaml", [], steps=10, seconds=0.5, folder=tmp_path / "trials")
    plan = Plan(bench, ["data", "overfit", "determinism"], memory=None, say=lambda _: None)
    items = list(plan.items())
    assert plan.trainings == 1
    assert {item.verdict for item in items} == {"unknown"}
    assert "logged no number in" in items[0].text
    assert item_lines(items[1], items[0]) == ["? overfit          as above"]


def test_trainings_are_kept_when_asked_and_a_baseline_of_ones_own_counts(tmp_path: Path):
    """The real command from a shell, and its trainings as processes that begin with nothing."""
    config = copy_of_planted(tmp_path)
    (config.parent / "linear.yaml").write_text(config.read_text().replace("width: 32", "width: 2"))
    words = ["check.baseline=linear.yaml", "--only", "baseline", "--steps", "60", "--keep"]
    done = guard("check", str(config), *words, "--json", cwd=config.parent, timeout=170)
    assert done.returncode == 0, done.stdout + done.stderr
    result = json.loads(done.stdout)
    baselines = result["items"][0]["evidence"]["baselines"]
    models = [one["model"] for one in baselines if one["metric"] == "val/accuracy"]
    assert models == ["majority class", "logistic regression", "linear"]
    runs = list((config.parent / ".guardrun" / "check-runs").glob("*/runs/*/run.json"))
    assert len(runs) == 2
    assert (config.parent / ".guardrun" / ".gitignore").read_text() == "*\n"


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["--only", "overfitt"], "there is no check 'overfitt'"),
        (["--only", ","], "--only names no check"),
        (["--time", "soon"], "--time"),
        (["params.lr"], "params.lr"),
        (["check.step=3"], "check.steps"),
        (["check.skip=[nonsense]"], "there is no check 'nonsense'"),
    ],
)
def test_what_was_mistyped_is_said_before_anything_is_trained(
    words: list[str], told: str, tmp_path: Path, capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
):  # fmt: skip
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(launching, "subprocess", None)
    code = run(["check", str(PLANTED / "config.yaml"), *words])
    printed = capsys.readouterr()
    assert (code, printed.out) == (2, "")
    assert told in printed.err


def test_a_folder_a_script_and_a_missing_file_are_no_configuration(tmp_path: Path):
    for word in (str(PLANTED), str(PLANTED / "train.py"), "nowhere.yaml"):
        done = guard("check", word, cwd=tmp_path)
        assert done.returncode == 2, done.stderr
        assert "Traceback" not in done.stderr
