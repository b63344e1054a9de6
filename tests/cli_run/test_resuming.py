"""`guard run --resume`: which checkpoint, which configuration, and what is refused."""

from __future__ import annotations

import hashlib
import json
import sys
from pathlib import Path

import pytest

from guard_process import events, guard
from guardrun.cli.resuming import choose_checkpoint, plan_resume
from guardrun.errors import UserError
from guardrun.events.paths import RunPaths
from guardrun.provenance.host import Lease, host_name, read_lease
from run_factory import RunWriter


def save(paths: RunPaths, role: str, folder: str = "step-10-a1", external: str = "") -> Path:
    """A checkpoint folder with one file (or one elsewhere) and a pointer to it; the file."""
    file = Path(external) if external else paths.checkpoints / folder / "rank0.pt"
    meta = paths.checkpoints / folder / "meta.json"
    meta.parent.mkdir(exist_ok=True)
    file.write_bytes(b"weights")
    entry = {
        "path": external or file.name, "sha256": hashlib.sha256(b"weights").hexdigest(), "bytes": 7,
        "external": bool(external),
    }  # fmt: skip
    meta.write_text(json.dumps({"schema": 1, "step": 10, "files": [entry]}))
    digest = hashlib.sha256(meta.read_bytes()).hexdigest()
    paths.pointer(role).write_text(
        json.dumps({"folder": folder, "meta_sha256": digest, "step": 10, "metric": None})
    )
    return file


@pytest.fixture
def ended(tmp_path: Path) -> RunPaths:
    """A run of one ended attempt, whose script prints its arguments and its checkpoint."""
    (tmp_path / "fit.py").write_text(
        "import json, os, sys\n"
        "number = os.environ['GUARDRUN_ATTEMPT']\n"
        "launch = json.load(open(f\"{os.environ['GUARDRUN_DIR']}/attempts/{number}.json\"))\n"
        "print('args', sys.argv[1:], 'from', launch['resume_from'])\n"
        # Without a pointer nothing is proved at the end, which would load torch.
        "for role in ('best', 'last'):\n"
        "    pointer = f\"{os.environ['GUARDRUN_DIR']}/checkpoints/{role}.json\"\n"
        "    os.path.exists(pointer) and os.remove(pointer)\n"
    )
    (tmp_path / "c.yaml").write_text("entry: fit.py\nargs: ['${params.lr}']\nparams: {lr: 1, n: 2}\n")
    done = guard("run", "c.yaml", "params.n=3", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    (run,) = (tmp_path / "runs").iterdir()
    return RunPaths(run)


def test_a_resume_is_the_next_attempt_with_the_earlier_configuration(ended: RunPaths, tmp_path: Path) -> None:
    save(ended, "last")
    done = guard("run", "--resume", ended.root.name, "params.lr=5", cwd=tmp_path)

    assert done.returncode == 0, done.stderr
    assert "args ['5'] from checkpoints/step-10-a1" in done.stdout
    assert "args ['1']" not in done.stdout
    launch = json.loads(ended.attempt(2).read_text())
    assert launch["attempt"] == 2
    assert launch["config"]["params"] == {"lr": 5, "n": 3}
    assert launch["overrides"] == ["params.n=3", "params.lr=5"]
    assert launch["command"] == [sys.executable, "fit.py", "5"]
    assert [e["attempt"] for e in events(ended.root, "supervisor.jsonl", "run_start")] == [1, 2]


def test_the_last_checkpoint_comes_first_and_an_older_one_stands_in_for_a_damaged_one(tmp_path: Path) -> None:
    paths = RunWriter(tmp_path).paths
    newest = save(paths, "last", "step-20-a1")
    older = save(paths, "best", "step-10-a1")
    assert choose_checkpoint(paths) == ("checkpoints/step-20-a1", [])

    newest.write_bytes(b"WEIGHTS")
    chosen = choose_checkpoint(paths)
    assert chosen.checkpoint == "checkpoints/step-10-a1"
    assert "step-20-a1/rank0.pt" in chosen.remarks[0]

    older.unlink()
    with pytest.raises(UserError, match="can be used"):
        choose_checkpoint(paths)


def test_checkpoints_of_the_trainings_own_code_are_left_to_it(ended: RunPaths, tmp_path: Path) -> None:
    save(ended, "last", external=str(tmp_path / "mine.pt"))
    done = guard("run", "--resume", str(ended.root), cwd=tmp_path)

    assert done.returncode == 0, done.stderr
    assert "must load itself" in done.stderr
    assert "mine.pt" in done.stderr
    assert json.loads(ended.attempt(2).read_text())["resume_from"] is None


def test_a_checkpoint_that_is_a_folder_of_a_framework_is_named_as_such(tmp_path: Path) -> None:
    paths = RunWriter(tmp_path).paths
    (tmp_path / "checkpoint-10").mkdir()
    save(paths, "last", external=str(tmp_path / "checkpoint-10/config.json"))
    meta = paths.checkpoints / "step-10-a1/meta.json"
    body = json.loads(meta.read_bytes())
    one = body["files"][0]
    body["files"].append({**one, "path": str(tmp_path / "checkpoint-10/model.safetensors")})
    meta.write_text(json.dumps(body))
    pointer = json.loads(paths.pointer("last").read_bytes())
    pointer["meta_sha256"] = hashlib.sha256(meta.read_bytes()).hexdigest()
    paths.pointer("last").write_text(json.dumps(pointer))

    assert choose_checkpoint(paths).remarks[0].endswith(f"load itself: {tmp_path / 'checkpoint-10'}")


def test_a_run_without_checkpoint_is_not_resumed(ended: RunPaths, tmp_path: Path) -> None:
    done = guard("run", "--resume", str(ended.root), cwd=tmp_path)
    assert done.returncode == 2
    assert "no checkpoint to resume from" in done.stderr
    assert not ended.attempt(2).exists()


@pytest.mark.parametrize("folder", ["../elsewhere", "/etc", ".."])
def test_a_pointer_that_leaves_the_run_is_refused(folder: str, tmp_path: Path) -> None:
    paths = RunWriter(tmp_path).paths
    paths.pointer("last").write_text(json.dumps({"folder": folder, "meta_sha256": "0"}))
    with pytest.raises(UserError):
        choose_checkpoint(paths)


def test_a_held_run_is_refused(ended: RunPaths, tmp_path: Path) -> None:
    save(ended, "last")
    lease = Lease(ended.lease("trainer"))
    lease.take(1)
    done = guard("run", "--resume", str(ended.root), cwd=tmp_path)
    lease.release()

    assert done.returncode == 2
    assert "guard stop" in done.stderr
    assert not ended.attempt(2).exists()


def test_a_holder_on_another_host_is_passed_over_only_by_takeover(ended: RunPaths, tmp_path: Path) -> None:
    save(ended, "last")
    ended.lease("trainer").write_text(
        json.dumps({"host": "elsewhere", "boot_id": "x", "pid": 7, "pid_start": 8, "attempt": 1}) + "\n"
    )
    refused = guard("run", "--resume", str(ended.root), cwd=tmp_path)
    assert refused.returncode == 2
    assert "--takeover" in refused.stderr

    assert guard("run", "--resume", str(ended.root), "--takeover", cwd=tmp_path).returncode == 0


def test_a_takeover_reaches_the_supervisor_and_the_training(ended: RunPaths, tmp_path: Path) -> None:
    """Both take over the leases of the lost host; the training goes on in the run and not beside it."""
    save(ended, "last", external=str(tmp_path / "mine.pt"))
    holder = {"host": "elsewhere", "boot_id": "x", "pid": 7, "pid_start": 8, "attempt": 1}
    for name in ("trainer", "supervisor"):
        ended.lease(name).write_text(json.dumps(holder) + "\n")
    (tmp_path / "fit.py").write_text("import guardrun\nwith guardrun.start() as run:\n    run.log(loss=1)\n")

    done = guard("run", "--resume", str(ended.root), "--takeover", cwd=tmp_path)

    assert done.returncode == 0, done.stdout + done.stderr
    assert json.loads(ended.attempt(2).read_text())["takeover"] is True
    assert [event["train/loss"] for event in events(ended.root, kind="metrics")] == [1]
    assert len(list((tmp_path / "runs").iterdir())) == 1
    for name in ("trainer", "supervisor"):
        lease = read_lease(ended.lease(name))
        assert lease is not None
        assert (lease["host"], lease["attempt"]) == (host_name(), 2)


def test_a_run_that_a_script_began_alone_resumes_by_its_own_command(tmp_path: Path) -> None:
    writer = RunWriter(tmp_path)
    (tmp_path / "train.py").write_text("")
    command = [sys.executable, "train.py", "--lr", "1"]
    writer.launch(command=command, workdir=str(tmp_path))
    save(writer.paths, "last")

    number, _, launch, start = plan_resume(writer.paths, [])

    assert (number, launch.command, start.checkpoint) == (2, command, "checkpoints/step-10-a1")


def test_a_dry_resume_writes_nothing(ended: RunPaths, tmp_path: Path) -> None:
    save(ended, "last")
    done = guard("run", "--resume", str(ended.root), "--dry-run", cwd=tmp_path)
    assert done.returncode == 0
    assert "attempt 2" in done.stdout
    assert not ended.attempt(2).exists()
