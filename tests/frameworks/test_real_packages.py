"""Packages too large for the suite, in the environment that `make frameworks` makes.

The rules that they rest on have quick tests: tests/cli_mirror, tests/integrations.
"""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path
from typing import Any

import pytest

from guardrun.events.paths import RunPaths
from guardrun.recording.checkpoints.prove import prove
from run_factory import RunWriter
from waiting import wait_for

ROOT = Path(__file__).resolve().parents[2]
PYTHON = Path(os.environ.get("GUARD_FRAMEWORKS_PYTHON") or ROOT / ".venv/frameworks/bin/python")

pytestmark = [pytest.mark.campaign, pytest.mark.timeout(600)]


def run(*arguments: str, cwd: Path, code: int | None = 0, **environment: str) -> str:
    """A Python command in that environment; what it printed."""
    assert PYTHON.exists(), f"there is no {PYTHON}: `make frameworks` makes it"
    settings = {"YOLO_CONFIG_DIR": str(cwd / "yolo"), "OMP_NUM_THREADS": "1", "YOLO_OFFLINE": "true"}
    done = subprocess.run(
        [str(PYTHON), *arguments], cwd=cwd, capture_output=True, text=True, check=False,
        env={**os.environ, **settings, **environment}, stdin=subprocess.DEVNULL,
    )  # fmt: skip
    assert code is None or done.returncode == code, done.stdout + done.stderr
    return done.stdout + done.stderr


def guard(*arguments: str, cwd: Path, code: int | None = 0, **environment: str) -> str:
    return run("-m", "guardrun.cli.main", *arguments, cwd=cwd, code=code, **environment)


def a_run(tmp_path: Path) -> RunWriter:
    writer = RunWriter(tmp_path / "runs", group="sweep")
    settings = {"params": {"lr": 3e-4, "optimizer": {"name": "sgd"}}, "seed": 7}
    writer.launch(config=settings)
    writer.event("run_start", attempt=1, config=settings)
    for step in range(1, 21):
        writer.event("metrics", after=1.0, step=step, epoch=0, **{"train/loss": "NaN" if step > 10 else 1.0})
    writer.event("eval", step=10, epoch=0, **{"val/loss": 0.5, "improved": True})
    return writer


def test_wandb_takes_a_run_offline_and_goes_on_in_it(tmp_path):
    writer = a_run(tmp_path)
    said = guard("mirror", "--to", "wandb", "--once", cwd=tmp_path, WANDB_MODE="offline")
    assert "21 events told" in said
    writer.event("metrics", after=1.0, step=21, epoch=0, **{"train/loss": 2.0})
    writer.event("run_end", status="finished", reason="completed", step=21, epoch=0)
    said = guard("mirror", str(writer.paths.root), "--to", "wandb", cwd=tmp_path, WANDB_MODE="offline")
    assert "1 events told" in said
    files = sorted(tmp_path.glob("mirrored/wandb/offline-run-*/*.wandb"))
    assert len(files) == 2  # of one id: `wandb sync` puts them together
    assert {file.name for file in files} == {f"run-{writer.paths.root.name}.wandb"}
    first = files[0].read_bytes()
    assert all(word in first for word in (b"train/loss", b"guard/step", b"optimizer", b"guard/signals"))


def test_mlflow_takes_a_run_into_files_and_goes_on_in_it(tmp_path):
    writer = a_run(tmp_path)
    guard("mirror", "--to", "mlflow", "--once", "--project", "digits", cwd=tmp_path)
    writer.event("run_end", status="failed", reason="exception", step=21, epoch=0)
    guard("mirror", str(writer.paths.root), "--to", "mlflow", "--project", "digits", cwd=tmp_path)
    read = (
        "import json, sys, mlflow; c = mlflow.MlflowClient(sys.argv[1]);"
        "e = c.get_experiment_by_name('digits'); (r,) = c.search_runs([e.experiment_id]);"
        "h = c.get_metric_history(r.info.run_id, 'train/loss');"
        "print(json.dumps([r.info.status, r.data.params, r.data.tags, [[m.step, str(m.value)] for m in h]]))"
    )
    said = run(
        "-c", read, (tmp_path / "mirrored/mlruns").as_uri(), cwd=tmp_path, MLFLOW_ALLOW_FILE_STORE="true"
    )
    status, params, tags, history = json.loads(said.splitlines()[-1])
    assert status == "FAILED"
    assert (params["lr"], params["optimizer.name"]) == ("0.0003", "sgd")
    assert "[act] nan at step 15" in tags["guard.signals"]
    assert [step for step, _ in history] == list(range(1, 21))
    assert [value for _, value in history] == ["1.0"] * 10 + ["nan"] * 10


def test_tensorboardx_is_heard_by_the_mirror(tmp_path):
    script = (
        "import guardrun, tensorboardX;"
        "guardrun.integrations.tensorboard.mirror();"
        "w = tensorboardX.SummaryWriter('logs');"
        "[w.add_scalar('Loss/train', 1 / s, s) for s in range(1, 4)];"
        "w.add_scalars('x', {'a': 1}, 3); w.close()"
    )
    run("-c", script, cwd=tmp_path)
    (trained,) = tmp_path.glob("runs/*/events.jsonl")
    metrics = events(trained.parent, "metrics")
    assert [event["train/loss"] for event in metrics if "train/loss" in event] == [1.0, 0.5, 1 / 3]
    assert metrics[-1]["x/a"] == 1


# -- Ultralytics

YOLO = str(ROOT / "sample_runs/ultralytics/train.py")


def events(folder: Path, kind: str) -> list[dict[str, Any]]:
    whole = (folder / "events.jsonl").read_bytes().rpartition(b"\n")[0]
    return [event for event in map(json.loads, whole.splitlines()) if event["kind"] == kind]


def the_run(tmp_path: Path) -> Path:
    (found,) = tmp_path.glob("runs/*/run.json")
    return found.parent


def proved(folder: Path, role: str) -> dict[str, Any]:
    found = prove(RunPaths(folder), role)
    assert found["verified"], found["problem"]
    return found


def files(folder: Path, role: str) -> list[str]:
    pointer = json.loads((folder / "checkpoints" / f"{role}.json").read_bytes())
    meta = json.loads((folder / "checkpoints" / pointer["folder"] / "meta.json").read_bytes())
    return [Path(entry["path"]).name for entry in meta["files"]]


def test_a_yolo_is_recorded_with_its_losses_its_map_and_its_files(tmp_path):
    guard("run", "--", "python", YOLO, "--epochs", "3", cwd=tmp_path)
    trained = the_run(tmp_path)
    steps = events(trained, "metrics")
    losses = {event["step"]: event for event in steps if "train/loss" in event}
    assert list(losses) == list(range(1, len(losses) + 1))
    first = losses[1]
    parts = [first[f"train/{name}_loss"] for name in ("box", "cls", "dfl")]
    assert first["train/loss"] == pytest.approx(sum(parts), rel=1e-5)
    assert first["lr"] > 0
    assert first["grad_norm"] > 0
    evaluations = events(trained, "eval")
    assert len(evaluations) == 3
    assert {"val/mAP50(B)", "val/mAP50-95(B)", "val/fitness", "val/loss"} <= evaluations[0].keys()
    assert files(trained, "best") == ["best.pt"]
    assert files(trained, "last") == ["last.pt"]
    best = proved(trained, "best")  # also after Ultralytics has taken the optimizer out of it
    assert best["metric"] == pytest.approx(max(event["val/fitness"] for event in evaluations))
    assert proved(trained, "last")["step"] == len(losses)


def test_a_nan_in_a_yolo_is_seen_at_its_step_whatever_ultralytics_goes_back_to(tmp_path):
    said = guard("run", "--", "python", YOLO, "--epochs", "3", "--nan-at", "5", code=None, cwd=tmp_path)
    assert "nan at step" in said  # Ultralytics itself gives up after three times, guard after five steps
    trained = the_run(tmp_path)
    losses = {e["step"]: e["train/loss"] for e in events(trained, "metrics") if "train/loss" in e}
    assert min(step for step, loss in losses.items() if loss == "NaN") in (2, 3)  # two batches to a step
    (ended,) = events(trained, "run_end")
    assert ended["status"] in ("aborted", "failed", "stopped"), ended
    assert {event["step"] for event in events(trained, "checkpoint")} <= {1, 2}
    assert proved(trained, "best")["step"] in (1, 2)


def test_a_stop_of_a_yolo_keeps_a_file_that_can_be_resumed_and_a_resume_does(tmp_path):
    guard("run", "--detach", "--", "python", YOLO, "--epochs", "4000", cwd=tmp_path)
    trained = wait_for(lambda: next(iter(tmp_path.glob("runs/*")), None), 60)
    log = trained / "events.jsonl"
    wait_for(lambda: log.exists() and '"step":3,' in log.read_text(), 240, what="step 3")
    said = guard("stop", str(trained), cwd=tmp_path)
    assert "stopped (stop:cli)" in said
    (end,) = events(trained, "run_end")
    assert proved(trained, "last")["step"] == end["step"]
    assert files(trained, "last") == [f"guard-step-{end['step']}.pt"]
    guard("run", "--resume", str(trained), "--detach", cwd=tmp_path)
    further = f'"step":{end["step"] + 2},'
    wait_for(lambda: further in log.read_text(), 240, what="a step after the resume")
    guard("stop", str(trained), cwd=tmp_path)
    (resumed,) = events(trained, "resume")
    assert (resumed["step"], resumed["attempt"]) == (end["step"], 2)
