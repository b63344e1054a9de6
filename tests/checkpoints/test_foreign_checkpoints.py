"""Files of frameworks' own formats are opened where that runs nothing, and told of where it would."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import save_file

from checkpoint_kit import Trained
from guardrun.recording.checkpoints.prove import prove


class Proving:
    """Registers files as a training would, and proves them."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._kit = Trained(folder / "run", keep=0)

    def __call__(self, *files: Path) -> dict[str, Any]:
        path = files[0] if len(files) == 1 else files[0].parent
        self._kit.store.register(path, step=4, epoch=0)
        return prove(self._kit.paths, "last")


@pytest.fixture
def proved(tmp_path: Path) -> Proving:
    return Proving(tmp_path)


def weights(**more: torch.Tensor) -> dict[str, torch.Tensor]:
    return {"w": torch.ones(3, 4), "half": torch.ones(5, dtype=torch.bfloat16), **more}


def test_safetensors_are_opened_and_a_nan_in_them_is_damage(proved: Proving, tmp_path: Path) -> None:
    file = tmp_path / "model.safetensors"
    save_file(weights(mask=torch.tensor([float("-inf"), 0.0])), file)
    answer = proved(file)
    assert (answer["verified"], answer["level"]) == (True, "full")
    assert answer["remarks"] == [f"{file}: mask holds an infinity"]
    save_file(weights(bad=torch.tensor([1.0, float("nan")])), file)
    assert proved(file)["problem"] == f"{file} bad holds NaN"


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        (lambda raw: raw[:-4], "holds 54 bytes of tensors, and its header tells of 58"),
        (lambda raw: raw[:5], "is no safetensors file"),
        (lambda raw: b"\xff" * 8 + raw[8:], "is no safetensors file"),
        (lambda raw: raw.replace(b"[3,4]", b"[3,9]"), "is not its shape's"),
        (lambda raw: raw.replace(b"data_offsets", b"dito_offsets"), "damaged header"),
        (lambda raw: raw.replace(b'"w"', b'"\xff"'), "damaged header"),
    ],
    ids=["cut off", "nearly empty", "header beyond the file", "another shape", "no places", "no Unicode"],
)
def test_safetensors_that_were_damaged_before_they_were_hashed(
    proved: Proving, tmp_path: Path, change: Any, expected: str
) -> None:
    file = tmp_path / "model.safetensors"
    save_file(weights(), file)
    file.write_bytes(change(file.read_bytes()))
    answer = proved(file)
    assert not answer["verified"]
    assert expected in answer["problem"]


def test_without_the_library_header_and_sizes_are_checked(
    proved: Proving, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "model.safetensors"
    save_file(weights(), file)
    monkeypatch.setitem(sys.modules, "safetensors", None)
    answer = proved(file)
    assert (answer["verified"], answer["level"]) == (True, "hash")
    assert "header and sizes only" in answer["remarks"][0]


def test_an_archive_of_tensors_and_plain_python_is_opened(proved: Proving, tmp_path: Path) -> None:
    file = tmp_path / "epoch=1.ckpt"
    torch.save({"state_dict": weights(), "epoch": 1, "callbacks": {"best": torch.tensor(float("nan"))}}, file)
    assert (proved(file)["verified"], proved(file)["level"]) == (True, "full")
    torch.save({"state_dict": {"w": torch.tensor(float("nan"))}}, file)
    assert proved(file)["problem"] == f"{file} w holds NaN"


def test_an_archive_with_other_objects_is_whole_and_not_proved_and_nothing_of_it_runs(
    proved: Proving, tmp_path: Path
) -> None:
    class Trap:
        def __reduce__(self) -> Any:
            return print, ("it ran",)

    file = tmp_path / "mine.ckpt"
    torch.save({"state_dict": weights(), "arguments": Trap()}, file)
    answer = proved(file)
    assert (answer["verified"], answer["level"]) == (True, "hash")
    (remark,) = answer["remarks"]
    assert remark.startswith(f"{file}: not proved, hash only: it holds more than tensors")
    assert "print" in remark


def test_a_torn_archive_is_damage(proved: Proving, tmp_path: Path) -> None:
    file = tmp_path / "mine.pt"
    torch.save({"model": weights()}, file)
    file.write_bytes(file.read_bytes()[:-200])
    assert "no archive of PyTorch" in proved(file)["problem"]


def test_a_folder_is_proved_by_its_weights_and_tells_what_it_did_not_open(
    proved: Proving, tmp_path: Path
) -> None:
    folder = tmp_path / "checkpoint-4"
    folder.mkdir()
    save_file(weights(), folder / "model.safetensors")
    torch.save({"state": {0: {"exp_avg": torch.zeros(2)}}}, folder / "optimizer.pt")
    (folder / "trainer_state.json").write_text(json.dumps({"global_step": 4}))
    (folder / "notes.txt").write_text("x")
    answer = proved(*sorted(folder.iterdir()))
    assert (answer["verified"], answer["level"]) == (True, "full")
    own = "2 files are the training's own format: hash only (notes.txt, trainer_state.json)"
    assert answer["remarks"] == [own]
