"""The pages about frameworks: their code trains, as it stands there."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from guardrun.cli.launch import plan
from guardrun.provenance.config import load_config

PAGES = Path(__file__).resolve().parents[2] / "docs/integrations"

pytestmark = pytest.mark.torch


def blocks(name: str, language: str) -> list[str]:
    return re.findall(
        rf"^```{language}\n(.*?)^```", (PAGES / f"{name}.md").read_text(), re.DOTALL | re.MULTILINE
    )


@pytest.mark.parametrize(
    ("name", "steps"),
    [("transformers", 12), ("lightning", 24), ("accelerate", 12), ("keras", 24), ("tensorboard", 20)],
)
def test_the_code_of_a_page_trains_and_has_its_checkpoints_proved(trainings, name: str, steps: int):
    (text,) = blocks(name, "python")
    code = compile(text, f"{name}.md", "exec")
    trained = trainings.train(lambda: exec(code, {"__name__": "__main__"}))
    assert trained.end()["status"] == "finished"
    assert list(trained.steps("train/loss")) == list(range(1, steps + 1))
    assert trained.proved("last")["step"] == steps
    assert trained.proved("best")["metric"] > 0


@pytest.mark.parametrize("which", [0, 1])
def test_what_the_migration_page_makes_of_a_script_trains(trainings, which: int):
    diff = blocks("migrating", "diff")[which]
    after = "\n".join(line[1:] for line in diff.splitlines() if not line.startswith("-"))
    trained = trainings.train(lambda: exec(compile(after, "migrating.md", "exec"), {"__name__": "__main__"}))
    assert list(trained.steps("train/loss")) == list(range(1, 25))
    assert [event["step"] for event in trained.events("eval")] == [8, 16, 24]
    assert trained.proved("last")["step"] == 24
    assert trained.proved("best")["metric"] > 0


@pytest.mark.parametrize(
    "name", ["transformers", "lightning", "accelerate", "keras", "tensorboard", "ultralytics"]
)
def test_a_user_adds_at_most_three_lines(name: str):
    (diff,) = blocks(name, "diff")
    added = [line for line in diff.splitlines() if line.startswith("+")]
    removed = [line for line in diff.splitlines() if line.startswith("-")]
    assert 0 < len(added) - len(removed) <= 3


def test_the_script_of_the_page_about_torchrun_is_one_run_of_two_ranks_under_guard_run(trainings):
    (text,) = blocks("torchrun", "python")
    (trainings.folder / "train.py").write_text(text)
    words = ["torchrun", "--standalone", "--nproc_per_node", "2", "train.py"]
    trained = trainings.command(*words, stop_at=25)
    (end,), (other,) = trained.events("run_end"), trained.events("run_end", rank=1)
    assert (end["status"], end["step"]) == (other["status"], other["step"]) == ("stopped", other["step"])
    assert trained.proved("last")["step"] == end["step"]
    assert trained.files("last") == ["rank0.pt", "rank1.pt"]


@pytest.mark.parametrize(
    "name", ["hf_trainer", "lightning", "accelerate", "keras", "tensorboard", "ultralytics"]
)
def test_a_sample_s_configuration_starts_its_script_with_the_arguments_it_knows(name: str):
    file = PAGES.parents[1] / "sample_runs" / name / "config.yaml"
    loaded = load_config(str(file), ["params.nan_at=7"])
    launch = plan(loaded.config, file.parent)
    assert launch.command[1] == "train.py"
    options = [word for word in launch.command if word.startswith("--")]
    assert "--nan-at" in options
    assert all(f'"{option}"' in launch.script.read_text() for option in options)
