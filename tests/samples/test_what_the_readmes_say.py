"""Commands and code in README.md and sample_runs/README.md work as they stand there."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
from pathlib import Path

import pytest

from guard_process import GUARD, ROOT, events, guard, only_run
from guardrun.provenance.config import load_config

README = (ROOT / "README.md").read_text()
SAMPLES = (ROOT / "sample_runs" / "README.md").read_text()
FAULTS = ROOT / "sample_runs" / "faults" / "config.yaml"

AROUND_THE_EXAMPLE = """
import torch
x = torch.randn(64, 4, generator=torch.Generator().manual_seed(0))
y = x.sum(1, keepdim=True)
model = torch.nn.Linear(4, 1)
optimizer = torch.optim.SGD(model.parameters(), lr=0.05)
loader = torch.utils.data.DataLoader(torch.utils.data.TensorDataset(x, y), batch_size=16)
def validate():
    with torch.no_grad():
        return (model(x) - y).square().mean()
def training_step(batch):
    loss = (model(batch[0]) - batch[1]).square().mean()
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    return loss
"""


def table_rows(text: str) -> list[list[str]]:
    rows = [line.strip("|").split(" | ") for line in text.splitlines() if line.startswith("| `")]
    return [[cell.strip() for cell in row] for row in rows]


@pytest.mark.torch
def test_the_example_of_the_readme_trains_and_keeps_a_best_checkpoint(tmp_path: Path):
    (example,) = re.findall(r"```python\n(.*?)```", README, re.DOTALL)
    (tmp_path / "train.py").write_text(AROUND_THE_EXAMPLE + example)
    done = subprocess.run([sys.executable, "train.py"], cwd=tmp_path, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    run = only_run(tmp_path / "runs")
    assert events(run)[-1]["status"] == "finished"
    losses = [event["val/loss"] for event in events(run, kind="eval")]
    assert len(losses) == 30
    assert losses[-1] < 0.1 * losses[0]
    assert (run / "checkpoints" / "best.json").is_file()


def test_every_command_of_the_readme_exists_with_its_options():
    rows = [row for row in table_rows(README) if row[0].startswith("`guard ")]
    assert len(rows) >= 9
    for command, does in rows:
        name = command.strip("`").split()[1]
        shown = subprocess.run([*GUARD, name, "--help"], capture_output=True, text=True, check=True).stdout
        for option in re.findall(r"`(--[a-z-]+)", does):
            assert option in shown, f"{name} {option}"


def test_any_command_runs_under_guard_and_the_runs_of_the_repository_are_shown(tmp_path: Path):
    done = guard("run", "--", sys.executable, "-c", "print(6 * 7)", cwd=tmp_path)
    assert (done.returncode, "42" in done.stdout) == (0, True)
    shown = guard("watch", "--once", str(ROOT / "sample_runs"), cwd=tmp_path)
    assert shown.returncode == 0
    for name in re.findall(r"^\| `([a-z-]+)` \|", SAMPLES, re.MULTILINE):
        assert name in shown.stdout


def test_every_override_of_the_faults_is_one_of_the_configuration():
    rows = SAMPLES.partition("## Faults")[2].splitlines()
    rows = [row for row in rows if row.startswith("|")][2:]
    assert len(rows) >= 18
    for row in rows:
        for overrides in re.findall(r"`([^`]*=[^`]*)`", row.split(" | ")[0]):
            words = overrides.split()
            for word in words:
                if word.startswith("params."):
                    name = word.partition("=")[0].removeprefix("params.")
                    assert f"\n  {name}:" in FAULTS.read_text(), word
            load_config(FAULTS, words)


def test_the_faults_have_the_same_defaults_with_and_without_their_configuration():
    tree = ast.parse((FAULTS.parent / "train.py").read_text())
    (defaults,) = [
        ast.literal_eval(node.value)
        for node in tree.body
        if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == "DEFAULTS"
    ]
    assert load_config(FAULTS, []).effective["params"] == defaults
