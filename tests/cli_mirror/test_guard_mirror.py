"""``guard mirror``: runs that are told to another tool, by a process of its own."""

from __future__ import annotations

import math
import signal
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from guard_process import start_guard
from guardrun.cli import mirror
from guardrun.cli.main import run
from run_factory import RunWriter
from waiting import wait_for


def in_tensorboard(folder: Path) -> EventAccumulator:
    log = EventAccumulator(str(folder))
    log.Reload()
    return log


def steps(folder: Path, tag: str) -> list[int]:
    if not folder.is_dir():
        return []
    log = in_tensorboard(folder)
    return [each.step for each in log.Scalars(tag)] if tag in log.Tags()["scalars"] else []


def texts(folder: Path, tag: str) -> str:
    (*_, newest) = in_tensorboard(folder).Tensors(tag)
    return newest.tensor_proto.string_val[0].decode()


@pytest.fixture
def writer(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> RunWriter:
    monkeypatch.chdir(tmp_path)
    made = RunWriter(tmp_path / "runs", group="sweep")
    made.launch(config={"params": {"lr": 3e-4, "model": {"width": 8}}, "seed": 7})
    made.event("run_start", attempt=1, config={"params": {"lr": 3e-4, "model": {"width": 8}}, "seed": 7})
    return made


def log(writer: RunWriter, first: int, last: int, **more: Any) -> None:
    for step in range(first, last + 1):
        writer.event("metrics", after=1.0, step=step, epoch=0, **{"train/loss": 1 / step, **more})


def test_a_run_is_told_once_however_often_the_command_is_called_and_goes_on_as_it_grows(writer):
    log(writer, 1, 10)
    writer.event("eval", step=10, epoch=0, **{"val/loss": 0.5, "improved": True})
    assert run(["mirror", "--to", "tensorboard", "--once"]) == 0
    assert run(["mirror", "--to", "tensorboard", "--once"]) == 0
    folder = Path("mirrored/tensorboard") / writer.paths.root.name
    assert steps(folder, "train/loss") == list(range(1, 11))
    assert steps(folder, "val/loss") == [10]
    assert "lr: 0.0003" in texts(folder, "config")
    assert "model.width: 8" in texts(folder, "config")
    log(writer, 11, 20, **{"train/loss": "NaN"})
    writer.event("run_end", status="finished", reason="completed", step=20, epoch=0)
    assert (
        run(["mirror", "--to", "tensorboard", str(writer.paths.root)]) == 0
    )  # it is over: nothing to wait for
    kept = in_tensorboard(folder).Scalars("train/loss")
    assert [each.step for each in kept] == list(range(1, 21))
    assert all(math.isnan(each.value) for each in kept[10:])
    assert "[act] nan at step 15" in texts(folder, "signals")
    assert steps(folder, "improved") == []
    files = list(folder.iterdir())
    assert run(["mirror", "--to", "tensorboard", "--once"]) == 0
    assert list(folder.iterdir()) == files  # a run that is over and told is not opened again


def test_the_commands_of_the_page_do_what_it_says(writer, monkeypatch):
    page = Path(__file__).resolve().parents[2] / "docs/integrations/mirror.md"
    lines = page.read_text().split("```\n")[1].splitlines()
    (plain, *others) = [line.split()[1:] for line in lines]
    log(writer, 1, 3)
    writer.event("run_end", status="finished", reason="completed", step=3, epoch=0)
    assert run([*plain, "--once"]) == 0
    assert steps(Path("mirrored/tensorboard") / writer.paths.root.name, "train/loss") == [1, 2, 3]
    told: list[str] = []

    class Elsewhere:
        place = "there"

        def __init__(self, *_: Any) -> None: ...
        def points(self, points: list[Any]) -> None:
            told.append(target[0])

        def signals(self, told: tuple[str, ...], step: int) -> None: ...
        def end(self, ending: Any) -> None: ...

    target: list[str] = []

    def bridge(name: str) -> type:
        target[:] = [name]
        return Elsewhere

    monkeypatch.setattr(mirror, "_bridge", bridge)  # the tools themselves: tests/frameworks
    for words in others:
        assert run([*words, "--once"]) == 0
    assert told == ["wandb", "mlflow"]


def test_what_the_other_tool_refuses_stops_no_other_run(writer, tmp_path, monkeypatch, capsys):
    log(writer, 1, 3)
    other = RunWriter(tmp_path / "runs", suffix="0002")
    log(other, 1, 3)
    told: list[str] = []

    class Refusing:
        place = "there"

        def __init__(self, subject: Any, *_: Any) -> None:
            self.subject = subject

        def points(self, points: list[Any]) -> None:
            if self.subject.run_id.endswith("0001"):
                raise ConnectionError("no network \x1b[31m")
            told.append(self.subject.run_id)

        def signals(self, told: tuple[str, ...], step: int) -> None: ...
        def end(self, ending: Any) -> None: ...

    bridges: Callable[[str], type] = lambda target: Refusing  # noqa: E731
    monkeypatch.setattr(mirror, "_bridge", bridges)
    assert run(["mirror", "--to", "wandb", "--once"]) == 1
    assert told == [other.paths.root.name]
    said = capsys.readouterr().err
    assert "0001 is not mirrored any further: ConnectionError: no network" in said
    assert "\x1b" not in said


def test_a_tool_that_is_not_installed_is_named_with_its_extra(writer, monkeypatch, capsys):
    monkeypatch.setitem(sys.modules, "guardrun.integrations.bridges.wandb", None)
    assert run(["mirror", "--to", "wandb"]) == 2
    assert "pip install 'guardrun[wandb]'" in capsys.readouterr().err


def test_a_live_run_and_one_that_appears_are_followed_until_ctrl_c_and_a_second_mirror_is_refused(
    writer, tmp_path, capsys
):
    log(writer, 1, 3)
    command = start_guard("mirror", "runs", "--to", "tensorboard", cwd=tmp_path)
    try:
        folder = tmp_path / "mirrored/tensorboard"
        wait_for(lambda: steps(folder / writer.paths.root.name, "train/loss") == [1, 2, 3], what="its steps")
        assert run(["mirror", "--to", "tensorboard"]) == 2
        assert "another `guard mirror` is writing into mirrored" in capsys.readouterr().err
        later = RunWriter(tmp_path / "runs", suffix="0002")
        log(later, 1, 2)
        log(writer, 4, 4)
        wait_for(
            lambda: steps(folder / writer.paths.root.name, "train/loss") == [1, 2, 3, 4], what="more steps"
        )
        wait_for(lambda: steps(folder / later.paths.root.name, "train/loss") == [1, 2], what="the new run")
        command.send_signal(signal.SIGINT)
        assert command.wait(60) == 0
    finally:
        command.kill()
        command.wait()
