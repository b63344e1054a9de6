"""TensorBoard's event files, written by the libraries that write them."""

from __future__ import annotations

import builtins
import math
import struct
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tensorboard.compat.proto.event_pb2 import Event
from tensorboard.compat.proto.summary_pb2 import Summary
from tensorboard.summary.writer.event_file_writer import EventFileWriter
from tensorboard.util.tensor_util import make_tensor_proto

from guardrun.errors import UserError
from guardrun.reading.foreign import read_foreign


def write(folder: Path, *points: tuple[float, int, dict[str, float]], tensors: bool = False) -> Path:
    """Write one event file of (time, step, values): as PyTorch does or, with ``tensors``, TensorFlow 2."""
    before = set(folder.glob("*")) if folder.exists() else set()
    writer = EventFileWriter(str(folder))
    for t, step, values in points:
        for tag, value in values.items():
            found = Summary.Value(tag=tag, simple_value=value)
            if tensors:
                found = Summary.Value(tag=tag, tensor=make_tensor_proto(value, dtype="float32"))
                found.metadata.plugin_data.plugin_name = "scalars"
            writer.add_event(Event(wall_time=t, step=step, summary=Summary(value=[found])))
    writer.close()
    (made,) = set(folder.glob("*")) - before
    return made


def rows_of(path: Path) -> list[tuple[Any, ...]]:
    (log,) = read_foreign(path)
    assert log.format == "TensorBoard event files"
    return [tuple(row) for row in log.rows]


@pytest.mark.parametrize("tensors", [False, True])
def test_scalars_of_one_step_are_one_row(tmp_path: Path, tensors: bool) -> None:
    path = write(
        tmp_path / "run", (1e9, 1, {"Loss/train": 0.5, "lr": 0.25}), (1e9 + 5, 2, {"Loss/train": math.nan}),
        (1e9 + 6, 2, {"Loss/val": math.inf}), tensors=tensors,
    )  # fmt: skip
    expected = [
        ("metrics", 1, None, 1e9, {"train/loss": 0.5, "lr": 0.25}),
        ("metrics", 2, None, 1e9 + 5, {"train/loss": math.nan}),
        ("eval", 2, None, 1e9 + 5, {"val/loss": math.inf}),
    ]
    assert repr(rows_of(path)) == repr(rows_of(tmp_path)) == repr(expected)


@pytest.mark.torch
def test_what_pytorchs_writer_writes_is_read(tmp_path: Path) -> None:
    """With images, histograms, texts and hyper-parameters between the scalars."""
    import torch
    from torch.utils.tensorboard import SummaryWriter

    with SummaryWriter(str(tmp_path / "exp")) as writer:
        for step in range(3):
            writer.add_scalar("train/loss", 1.0 / (step + 1), step)
            writer.add_histogram("weights", torch.arange(2000.0), step)
            writer.add_image("picture", torch.rand(3, 200, 200), step)
            writer.add_text("words", "hello", step)
            writer.add_scalar("train/learning_rate", 0.5, step)
    (log,) = read_foreign(tmp_path)
    assert [(row.step, row.values["train/loss"]) for row in log.rows if "train/loss" in row.values] == [
        (0, 1.0), (1, 0.5), (2, pytest.approx(1 / 3)),
    ]  # fmt: skip
    assert {name for row in log.rows for name in row.values} == {"train/loss", "lr"}
    assert (log.name, log.notes) == ("exp", ())


def test_keras_writes_a_folder_a_side(tmp_path: Path) -> None:
    losses = ((10e8, 0, {"epoch_loss": 2.0}), (10e8 + 20, 1, {"epoch_loss": 1.0}))
    write(tmp_path / "m/train", *losses, tensors=True)
    write(tmp_path / "m/validation", (10e8 + 10, 0, {"epoch_loss": 3.0}), tensors=True)
    assert [(kind, step, values) for kind, step, _, _, values in rows_of(tmp_path)] == [
        ("metrics", 0, {"train/loss": 2.0}), ("eval", 0, {"val/loss": 3.0}),
        ("metrics", 1, {"train/loss": 1.0}),
    ]  # fmt: skip


def test_each_folder_is_a_run_and_its_files_are_its_restarts(tmp_path: Path) -> None:
    write(tmp_path / "a", (10e8, 5, {"loss": 2.0}))
    write(tmp_path / "a", (10e8 + 10, 3, {"loss": 1.0}))
    write(tmp_path / "b", (10e8, 5, {"loss": 3.0}))
    first, second = read_foreign(tmp_path)
    assert (first.name, second.name) == ("a", "b")
    assert [row.step for row in first.rows] == [5, 3]
    assert len(first.files) == 2


def test_a_file_that_is_cut_off_or_damaged_gives_what_is_whole(tmp_path: Path) -> None:
    path = write(tmp_path, *((10e8 + n, n, {"loss": 1.0}) for n in range(100)))
    whole = path.read_bytes()
    path.write_bytes(whole[:-20])
    (log,) = read_foreign(path)
    assert len(list(log.rows)) == 99
    assert "cut off or damaged" in log.notes[0]

    path.write_bytes(whole + struct.pack("<QI", 2**62, 0) + b"x" * 100)
    (log,) = read_foreign(path)
    assert len(list(log.rows)) == 100
    assert "cut off or damaged" in log.notes[0]


def test_a_huge_record_between_scalars_is_passed_over(tmp_path: Path) -> None:
    path = write(tmp_path, (10e8, 1, {"loss": 1.0}))
    data = path.read_bytes()
    huge = struct.pack("<QI", 5_000_000, 0) + b"\xff" * 5_000_000 + b"1234"
    path.write_bytes(data + huge + data)
    (log,) = read_foreign(path)
    assert [row.step for row in log.rows] == [1, 1]


def test_without_the_package_the_extra_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write(tmp_path, (10e8, 1, {"loss": 1.0}))
    real = builtins.__import__

    def absent(name: str, *rest: Any, **more: Any) -> Any:
        if name.startswith("tensorboard"):
            raise ModuleNotFoundError(name)
        return real(name, *rest, **more)

    monkeypatch.setattr(builtins, "__import__", absent)
    with pytest.raises(UserError, match="need the package tensorboard") as caught:
        read_foreign(tmp_path)
    assert "pip install 'guardrun[tensorboard]'" in str(caught.value)


@settings(max_examples=60, deadline=None)
@given(data=st.data())
def test_no_damage_makes_it_raise(tmp_path_factory: pytest.TempPathFactory, data: st.DataObject) -> None:
    folder = tmp_path_factory.mktemp("events")
    path = write(
        folder, (10e8, 1, {"loss": 1.0}), (10e8 + 1, 2, {"val/loss": 2.0}), tensors=data.draw(st.booleans())
    )
    damaged = bytearray(path.read_bytes())
    for _ in range(data.draw(st.integers(1, 6))):
        at = data.draw(st.integers(0, len(damaged) - 1))
        damaged[at : at + data.draw(st.integers(0, 2))] = data.draw(st.binary(max_size=3))
    path.write_bytes(damaged)
    try:
        logs = read_foreign(path)
    except UserError:
        return
    for row in logs[0].rows:
        assert 0 <= row.step <= 2**53
        assert all(type(value) is float for value in row.values.values())
