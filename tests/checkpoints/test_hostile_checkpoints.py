"""Checkpoints made to run code, to eat memory or to read what lies outside of the run: each is refused."""

from __future__ import annotations

import json
import os
import pickle
import random
import resource
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch

from checkpoint_kit import Trained
from guardrun.errors import UserError
from guardrun.recording.checkpoints.layout import Damage, file_damage, named_folder, read_meta
from guardrun.recording.checkpoints.load import find, load_part
from guardrun.recording.checkpoints.pointers import read_pointer
from guardrun.recording.checkpoints.prove import prove


class Payload:
    """A pickle that makes a file when it is loaded as Python would."""

    def __init__(self, trace: Path) -> None:
        self.command = f"touch {trace}"

    def __reduce__(self) -> Any:
        return os.system, (self.command,)


def saved(file: Path, **objects: Any) -> Path:
    torch.save({"objects": objects, "step": 1}, file)
    return file


def rewritten(file: Path, change: Callable[[bytes], bytes], kind: int = zipfile.ZIP_STORED) -> Path:
    """The archive with another data.pkl, or stored in another way."""
    with zipfile.ZipFile(file) as archive:
        parts = {name: archive.read(name) for name in archive.namelist()}
    with zipfile.ZipFile(file, "w", kind) as archive:
        for name, content in parts.items():
            archive.writestr(name, change(content) if name.endswith("data.pkl") else content)
    return file


def peak() -> int:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024


@pytest.mark.parametrize("place", ["objects", "rng", "extra"])
@pytest.mark.parametrize("archive", [True, False])
def test_a_pickle_that_would_run_a_command_runs_nothing(tmp_path: Path, place: str, archive: bool) -> None:
    trace, file = tmp_path / "ran", tmp_path / "rank0.pt"
    body: dict[str, Any] = {"objects": {}, "step": 1, "rng": {}, "extra": {}}
    body[place] = {"state": Payload(trace)}
    if archive:
        torch.save(body, file)
    else:
        file.write_bytes(pickle.dumps(body))

    with pytest.raises(ValueError, match="can't be loaded"):
        load_part(file)

    assert not trace.exists()


def test_what_a_refused_pickle_asked_for_is_named(tmp_path: Path) -> None:
    torch.save({"objects": {"model": Payload(tmp_path / "ran")}}, tmp_path / "rank0.pt")

    with pytest.raises(ValueError, match=r"more than tensors and plain Python data \(posix\.system\)"):
        load_part(tmp_path / "rank0.pt")


def test_a_hundred_bytes_do_not_become_gigabytes(tmp_path: Path) -> None:
    """weights_only lets ``bytearray(2**31)`` through."""
    call = b"\x80\x02cbuiltins\nbytearray\n\x8a\x05" + (2**31).to_bytes(5, "little") + b"\x85R."
    file = rewritten(saved(tmp_path / "rank0.pt"), lambda _: call)
    before = peak()

    with pytest.raises(ValueError, match=r"builtins\.bytearray"):
        load_part(file)

    assert peak() - before < 200


def test_an_archive_that_swells_is_refused(tmp_path: Path) -> None:
    file = saved(tmp_path / "rank0.pt", model={"w": torch.zeros(2_000_000)})
    rewritten(file, lambda content: content, zipfile.ZIP_DEFLATED)

    with pytest.raises(ValueError, match=r"claim more bytes|compressed"):
        load_part(file)


def test_tensors_that_repeat_one_element_without_end_are_refused(tmp_path: Path) -> None:
    file = saved(tmp_path / "rank0.pt", model={"w": torch.zeros(1).expand(2**40)})

    with pytest.raises(ValueError, match="more elements than are stored"):
        load_part(file, mmap=True)


def test_lists_that_hold_one_another_are_refused(tmp_path: Path) -> None:
    doubled: list[Any] = []
    for _ in range(60):
        doubled = [doubled, doubled]
    itself: list[Any] = []
    itself.append(itself)
    for bomb in (doubled, itself):
        with pytest.raises(ValueError, match="again and again"):
            load_part(saved(tmp_path / "rank0.pt", model=bomb))


def test_every_kind_of_tensor_that_guard_keeps_is_let_in(tmp_path: Path) -> None:
    eye = torch.eye(3)
    state = {
        "plain": eye, "parameter": torch.nn.Parameter(eye), "sparse": eye.to_sparse(),
        "csr": eye.to_sparse_csr(), "half": eye.half(), "brain": eye.bfloat16(), "bool": eye.bool(),
        "small": eye.to(torch.float8_e4m3fn), "unsigned": torch.zeros(3, dtype=torch.uint16),
        "complex": torch.zeros(3, dtype=torch.complex64), "empty": torch.empty(0), "scalar": torch.tensor(1),
        "quantized": torch.quantize_per_tensor(eye, 1.0, 0, torch.qint8), "size": torch.Size((1, 2)),
    }  # fmt: skip
    file = saved(tmp_path / "rank0.pt", model=state, numbers=random.Random(1).getstate())

    assert sorted(load_part(file)["objects"]["model"]) == sorted(state)


@pytest.mark.parametrize("folder", ["../../etc", "/etc", "..", ".", "", "a\0b", "a/b", "\ud800", 7, None])
def test_a_pointer_that_leads_out_of_the_run_is_damage(tmp_path: Path, folder: Any) -> None:
    kit = Trained(tmp_path / "run")
    kit.save(1, 1.0)
    kit.paths.pointer("best").write_text(json.dumps({"folder": folder, "meta_sha256": "0" * 64}))

    assert isinstance(read_pointer(kit.paths, "best"), Damage)
    assert not prove(kit.paths, "best")["verified"]


@pytest.mark.parametrize(
    "change", [{"external": None}, {"path": "../x"}, {"path": "/etc/passwd"}, {"bytes": "1"}]
)
def test_metadata_that_names_files_elsewhere_or_by_halves_is_damage(
    tmp_path: Path, change: dict[str, Any]
) -> None:
    kit = Trained(tmp_path / "run")
    kit.save(1, 1.0)
    file = kit.paths.checkpoint(1, 1) / "meta.json"
    meta = json.loads(file.read_bytes())
    meta["files"][0].update(change)
    file.write_text(json.dumps(meta))

    assert isinstance(read_meta(file.parent), Damage)


def test_a_pointer_with_a_number_beyond_all_floats_is_read(tmp_path: Path) -> None:
    kit = Trained(tmp_path / "run")
    kit.save(1, 1.0)
    pointer = json.loads(kit.paths.pointer("best").read_bytes())
    kit.paths.pointer("best").write_text(json.dumps({**pointer, "metric": 10**400}))

    assert not prove(kit.paths, "best")["verified"]


def test_a_log_cannot_name_a_checkpoint_outside_of_the_run(tmp_path: Path) -> None:
    kit = Trained(tmp_path / "run")
    kit.save(1, 1.0)

    assert named_folder(kit.paths, "checkpoints/step-1-a1") == kit.paths.checkpoint(1, 1)
    for told in ("../../etc", "/etc", "checkpoints/../..", "..", "a\0b", "", "checkpoints/step-9-a1"):
        assert named_folder(kit.paths, told) is None


def test_a_linked_checkpoint_folder_is_not_followed(tmp_path: Path) -> None:
    kit, other = Trained(tmp_path / "run"), Trained(tmp_path / "other")
    kit.save(1, 1.0)
    other.save(2, 0.5)
    (kit.paths.checkpoints / "step-2-a1").symlink_to(other.paths.checkpoints / "step-2-a1")
    kit.paths.pointer("best").write_bytes(other.paths.pointer("best").read_bytes())

    found = find(kit.paths, "best")

    assert str(found) == "step-2-a1 is a link, which is not followed"
    with pytest.raises(UserError):
        find(kit.paths, "step-2-a1")


def test_a_linked_part_is_not_followed_and_a_pipe_is_not_waited_for(tmp_path: Path) -> None:
    kit = Trained(tmp_path / "run")
    kit.save(1, 1.0)
    part = kit.paths.checkpoint(1, 1) / "rank0.pt"
    part.rename(tmp_path / "elsewhere.pt")
    part.symlink_to(tmp_path / "elsewhere.pt")
    found = find(kit.paths, "best")
    assert not isinstance(found, Damage)

    assert not prove(kit.paths, "best")["verified"]

    part.unlink()
    os.mkfifo(part)
    entry = {**found.meta["files"][0], "bytes": 0}
    assert "is not a regular file" in str(file_damage(found.folder, entry))
    with pytest.raises(ValueError, match="is not a regular file"):
        load_part(part)


@pytest.mark.parametrize("name", ["best.json", "last.json", "step-1-a1/meta.json"])
def test_a_pipe_in_place_of_a_small_file_is_not_waited_for(tmp_path: Path, name: str) -> None:
    kit = Trained(tmp_path / "run")
    kit.save(1, 1.0)
    file = kit.paths.checkpoints / name
    file.unlink()
    os.mkfifo(file)

    told = (read_pointer(kit.paths, "best"), read_pointer(kit.paths, "last"))
    meta = read_meta(kit.paths.checkpoint(1, 1))

    assert any("is not a regular file" in str(one) for one in (*told, meta))


def test_an_external_file_of_another_size_is_not_read_at_all(tmp_path: Path) -> None:
    """Its path is absolute by design; metadata that names a device or a huge file costs nothing."""
    for path, says in (("/dev/zero", "not a regular file"), ("/proc/kcore", "expected 5")):
        entry = {"path": path, "external": True, "bytes": 0 if path == "/dev/zero" else 5, "sha256": "0" * 64}
        if os.path.exists(path):
            assert says in str(file_damage(tmp_path, entry))
