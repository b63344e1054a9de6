"""A damaged or hostile checkpoint is found, named, and never executed."""

from __future__ import annotations

import hashlib
import json
import os
import pickle
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import torch

from checkpoint_kit import Trained
from guardrun.errors import UserError
from guardrun.recording.checkpoints import finite
from guardrun.recording.checkpoints.load import NoSuchCheckpoint, choose_resume, load_checkpoint
from guardrun.recording.checkpoints.prove import main, prove


@pytest.fixture
def kit(tmp_path: Path) -> Trained:
    """step 1 is best, step 3 is last, step 2 lies between."""
    made = Trained(tmp_path / "run")
    for step, loss in ((1, 1.0), (2, 2.0), (3, 3.0)):
        made.save(step, loss)
        made.train_step()
    return made


def part(kit: Trained, step: int) -> Path:
    return kit.paths.checkpoint(step, 1) / "rank0.pt"


def reseal(kit: Trained, step: int, **changes: Any) -> None:
    """Make hashes fit a manipulated file: what only the content check can find."""
    folder = kit.paths.checkpoint(step, 1)
    meta = json.loads((folder / "meta.json").read_bytes())
    body = part(kit, step).read_bytes()
    meta["files"][0].update(sha256=hashlib.sha256(body).hexdigest(), bytes=len(body))
    meta.update(changes)
    raw = json.dumps(meta).encode()
    (folder / "meta.json").write_bytes(raw)
    for role in ("best", "last"):
        pointer = json.loads(kit.paths.pointer(role).read_bytes())
        if pointer["folder"] == folder.name:
            pointer["meta_sha256"] = hashlib.sha256(raw).hexdigest()
            kit.paths.pointer(role).write_text(json.dumps(pointer))


def rewrite(kit: Trained, step: int, change: Any) -> None:
    payload = torch.load(part(kit, step), weights_only=True)
    change(payload)
    torch.save(payload, part(kit, step))
    reseal(kit, step)


def test_whole_checkpoints_are_proven_by_role_and_by_folder(kit: Trained) -> None:
    answer = prove(kit.paths, "best")

    assert answer.pop("seconds") >= 0
    assert answer == {
        "role": "best", "path": "checkpoints/step-1-a1", "verified": True, "level": "full", "problem": "",
        "step": 1, "metric": 1.0, "remarks": [],
    }  # fmt: skip
    assert prove(kit.paths, "last", "hash")["level"] == "hash"
    assert prove(kit.paths, "step-2-a1")["verified"]
    assert prove(kit.paths, "checkpoints/step-2-a1/")["role"] is None


class Bomb:
    """What a hostile pickle does on loading."""

    def __init__(self, trace: Path) -> None:
        self.trace = trace

    def __reduce__(self) -> Any:
        return os.system, (f"touch {self.trace}",)


def truncated(kit: Trained) -> None:
    part(kit, 1).write_bytes(part(kit, 1).read_bytes()[:-100])


def flipped(kit: Trained) -> None:
    body = bytearray(part(kit, 1).read_bytes())
    body[len(body) // 2] ^= 1
    part(kit, 1).write_bytes(body)


def missing(kit: Trained) -> None:
    part(kit, 1).unlink()


def no_folder(kit: Trained) -> None:
    shutil.rmtree(kit.paths.checkpoint(1, 1))


def no_meta(kit: Trained) -> None:
    (kit.paths.checkpoint(1, 1) / "meta.json").unlink()


def other_meta(kit: Trained) -> None:
    meta = kit.paths.checkpoint(1, 1) / "meta.json"
    meta.write_bytes(meta.read_bytes().replace(b"1.0", b"0.5"))


def garbage_meta(kit: Trained) -> None:
    (kit.paths.checkpoint(1, 1) / "meta.json").write_bytes(b"\xff" * 50)


def garbage_pointer(kit: Trained) -> None:
    kit.paths.pointer("best").write_bytes(b"[]")


def pointer_outside(kit: Trained) -> None:
    kit.paths.pointer("best").write_text(
        '{"folder": "../../etc", "meta_sha256": "x", "step": 1, "metric": 1}'
    )


def other_metric(kit: Trained) -> None:
    pointer = json.loads(kit.paths.pointer("best").read_bytes())
    kit.paths.pointer("best").write_text(json.dumps({**pointer, "metric": 0.1}))


def part_outside(kit: Trained) -> None:
    entry = {"path": "../step-2-a1/rank0.pt", "sha256": "x", "bytes": 1, "external": False}
    reseal(kit, 1, files=[entry])


def is_folder(kit: Trained) -> None:
    part(kit, 1).unlink()
    part(kit, 1).mkdir()


DAMAGES = {
    truncated: "step-1-a1/rank0.pt has",
    flipped: "step-1-a1/rank0.pt has the SHA-256",
    missing: "step-1-a1/rank0.pt is missing",
    is_folder: "step-1-a1/rank0.pt cannot be read",
    no_folder: "step-1-a1/meta.json is missing with its whole folder",
    no_meta: "step-1-a1/meta.json is missing",
    other_meta: "step-1-a1/meta.json has the SHA-256",
    garbage_meta: "step-1-a1/meta.json is not JSON",
    garbage_pointer: "best.json does not name a folder and a hash",
    pointer_outside: "best.json does not name a folder and a hash",
    other_metric: "the pointer has the metric 0.1, meta.json 1.0",
    part_outside: "names the file '../step-2-a1/rank0.pt', which is no file of this folder",
}


@pytest.mark.parametrize("level", ["full", "hash"])
@pytest.mark.parametrize("damage", DAMAGES, ids=lambda damage: damage.__name__)
def test_damage_is_found_by_hash_alone_and_named(kit: Trained, damage: Any, level: str) -> None:
    damage(kit)

    answer = prove(kit.paths, "best", level)

    assert not answer["verified"]
    assert DAMAGES[damage] in answer["problem"]


@pytest.mark.parametrize(
    "damage", [one for one in DAMAGES if one is not other_metric], ids=lambda one: one.__name__
)
def test_a_load_of_a_damaged_checkpoint_names_file_and_offers_another(kit: Trained, damage: Any) -> None:
    damage(kit)

    with pytest.raises(UserError) as caught:
        load_checkpoint(kit.paths, "best")

    assert DAMAGES[damage] in caught.value.message
    assert caught.value.hint == "checkpoints/step-3-a1 (step 3) is whole and could be used"


def test_damage_of_a_file_tells_what_was_expected_and_what_was_found(kit: Trained) -> None:
    expected = hashlib.sha256(part(kit, 1).read_bytes()).hexdigest()
    flipped(kit)
    found = hashlib.sha256(part(kit, 1).read_bytes()).hexdigest()

    with pytest.raises(UserError, match=f"has the SHA-256 {found}, expected {expected}"):
        load_checkpoint(kit.paths, "best")


def test_a_hostile_pickle_is_refused_even_when_its_hash_is_right(kit: Trained, tmp_path: Path) -> None:
    trace = tmp_path / "ran"
    part(kit, 1).write_bytes(pickle.dumps({"objects": Bomb(trace)}, protocol=2))
    reseal(kit, 1)

    answer = prove(kit.paths, "best")
    with pytest.raises(UserError, match="can't be loaded: it is no archive") as caught:
        load_checkpoint(kit.paths, "best")

    assert "weights_only" not in str(caught.value), "torch's advice would run the file"

    assert not answer["verified"]
    assert "can't be loaded" in answer["problem"]
    assert not trace.exists()


def test_a_hostile_pickle_in_a_zip_is_refused_too(kit: Trained, tmp_path: Path) -> None:
    trace = tmp_path / "ran"
    torch.save({"objects": {"model": Bomb(trace)}}, part(kit, 1))
    reseal(kit, 1)

    assert not prove(kit.paths, "best")["verified"]
    assert not trace.exists()


@pytest.mark.parametrize("body", [b"", b"PK\3\4garbage", b"\x80\x02}q\x00.", b"x" * 1000])
def test_a_file_that_is_no_checkpoint_is_refused_even_when_its_hash_is_right(
    kit: Trained, body: bytes
) -> None:
    part(kit, 1).write_bytes(body)
    reseal(kit, 1)

    assert "step-1-a1/rank0.pt" in prove(kit.paths, "best")["problem"]
    assert prove(kit.paths, "best", "hash")["verified"]


def test_weights_that_are_not_finite_are_found_and_named(kit: Trained) -> None:
    rewrite(kit, 1, lambda payload: payload["objects"]["model"]["0.weight"][5].fill_(float("inf")))

    assert prove(kit.paths, "best")["problem"] == "step-1-a1/rank0.pt: model.0.weight holds an infinity"


def test_an_optimizer_that_is_not_finite_is_remarked_but_proves_nothing_against_the_weights(
    kit: Trained,
) -> None:
    rewrite(
        kit, 1, lambda payload: payload["objects"]["optimizer"]["state"][0]["exp_avg"].fill_(float("nan"))
    )

    answer = prove(kit.paths, "best")

    assert answer["verified"]
    assert answer["remarks"] == ["optimizer.state.0.exp_avg holds NaN"]


def test_a_nan_in_the_last_chunk_of_a_large_tensor_is_seen(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(finite, "_CHUNK", 100)
    tensor = torch.zeros(25, 41)

    assert finite.nonfinite_word(tensor) is None
    tensor[24, 40] = float("nan")
    assert finite.nonfinite_word(tensor) == "NaN"


@pytest.mark.parametrize(
    "dtype", ["float16", "bfloat16", "float32", "float64", "complex64", "float8_e4m3fn", "float8_e5m2"]
)
def test_every_kind_of_float_is_looked_at(dtype: str) -> None:
    kind = getattr(torch, dtype)
    good = torch.tensor([1.0, -2.0, 0.0]).to(kind)
    bad = torch.tensor([1.0, float("nan"), float("inf")]).to(kind)

    assert finite.nonfinite_word(good) is None
    assert finite.nonfinite_word(bad) == "NaN"
    if not dtype.startswith("float8_e4m3"):  # it has no infinity
        infinite = torch.tensor([1.0, 2.0, float("-inf")]).to(kind)
        assert finite.nonfinite_word(infinite) == "an infinity"
        assert finite.nonfinite_word(infinite, nan_only=True) is None


@pytest.mark.filterwarnings("ignore:Sparse CSR tensor support")
@pytest.mark.parametrize("value", ["nan", "inf"])
def test_a_sparse_tensor_is_looked_at(value: str) -> None:
    sparse = torch.tensor([[0.0, float(value)], [0.0, 1.0]]).to_sparse()

    assert finite.nonfinite_word(sparse) == {"nan": "NaN", "inf": "an infinity"}[value]
    assert finite.nonfinite_word(torch.eye(3).to_sparse_csr()) is None


def test_integers_and_empty_tensors_have_nothing_to_look_at() -> None:
    assert finite.nonfinite_word(torch.arange(3)) is None
    assert finite.nonfinite_word(torch.empty(0)) is None


def test_a_part_of_another_step_is_found(kit: Trained) -> None:
    shutil.copy(part(kit, 2), part(kit, 1))
    reseal(kit, 1)

    assert prove(kit.paths, "best")["problem"] == "step-1-a1/rank0.pt is of step 2, meta.json of step 1"


def test_without_pytorch_hashes_are_compared_and_that_is_said(
    kit: Trained, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "torch", None)

    answer = prove(kit.paths, "best")

    assert (answer["verified"], answer["level"]) == (True, "hash")
    assert answer["remarks"] == ["PyTorch is not installed in this Python: hashes only, nothing was loaded"]


def test_a_pointer_that_moves_during_the_proof_is_followed(
    kit: Trained, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The training saves a better one and deletes the old folder while it is being read."""
    from guardrun.recording.checkpoints import prove as module

    real, calls = module.first_damage, []

    def moving(found: Any) -> Any:
        calls.append(found.folder.name)
        if len(calls) == 1:
            kit.save(4, 0.5)
            shutil.rmtree(kit.paths.checkpoint(1, 1), ignore_errors=True)
        return real(found)

    monkeypatch.setattr(module, "first_damage", moving)

    answer = prove(kit.paths, "best")

    assert (answer["verified"], answer["path"]) == (True, "checkpoints/step-4-a1")
    assert calls == ["step-1-a1", "step-4-a1"]


def test_the_command_prints_one_json_line_and_its_exit_code_says_the_rest(
    kit: Trained, capsys: pytest.CaptureFixture[str]
) -> None:
    flipped(kit)
    codes = [main([str(kit.paths.root), which]) for which in ("last", "best", "step-99-a1", "../../x")]
    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines()]

    assert codes == [0, 1, 2, 2]
    assert [line["verified"] for line in lines] == [True, False, False, False]
    assert "has no checkpoint 'step-99-a1'" in lines[2]["problem"]


def test_the_command_runs_as_a_module(kit: Trained) -> None:
    command = [sys.executable, "-m", "guardrun.recording.checkpoints.prove", str(kit.paths.root), "best"]

    done = subprocess.run([*command, "--level", "hash"], capture_output=True, text=True, check=True)

    assert json.loads(done.stdout)["verified"]
    assert done.stderr == ""


def test_a_run_without_checkpoints_has_none(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([str(tmp_path), "best"]) == 2
    assert json.loads(capsys.readouterr().out)["problem"].endswith("has no best checkpoint")


def test_a_resume_starts_from_last(kit: Trained) -> None:
    choice = choose_resume(kit.paths)

    assert choice is not None
    assert (choice.folder, choice.damaged) == ("step-3-a1", [])


def test_a_resume_passes_over_what_is_damaged_and_says_so(kit: Trained) -> None:
    part(kit, 3).write_bytes(b"")

    choice = choose_resume(kit.paths)

    assert choice is not None
    assert choice.folder == "step-2-a1"
    assert [damage.file for damage in choice.damaged] == ["step-3-a1/rank0.pt"]


def test_a_resume_with_nothing_whole_is_refused_and_lists_all(kit: Trained) -> None:
    for step in (1, 2, 3):
        part(kit, step).unlink()

    with pytest.raises(UserError, match=r"step-3-a1/rank0.pt is missing; step-2-a1.*; step-1-a1"):
        choose_resume(kit.paths)


def test_a_resume_of_a_run_that_saved_nothing_starts_from_nothing(tmp_path: Path) -> None:
    kit = Trained(tmp_path)

    assert choose_resume(kit.paths) is None
    with pytest.raises(NoSuchCheckpoint, match="has no last checkpoint"):
        load_checkpoint(kit.paths, "last")
