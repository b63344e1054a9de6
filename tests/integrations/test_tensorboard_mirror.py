"""Scripts that write to a SummaryWriter, with one line of guard."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
import torch
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
from torch.utils.tensorboard import SummaryWriter

import guardrun
from guardrun.integrations import tensorboard
from guardrun.integrations.tensorboard import mirror

pytestmark = pytest.mark.torch


@pytest.fixture(autouse=True)
def own_methods() -> Iterator[None]:
    """A mirror that a script leaves open ends with the test."""
    before = list(tensorboard._open)
    yield
    for left in tensorboard._open[len(before) :]:
        left.close()


def written(folder: object, tag: str) -> dict[int, float]:
    log = EventAccumulator(str(folder))
    log.Reload()
    return {each.step: each.value for each in log.Scalars(tag)}


def test_a_script_that_only_writes_to_tensorboard_has_a_run_with_its_curves_and_its_best(trainings):
    trained = trainings.sample("tensorboard", "--epochs", "4", "--nan-at", "40")
    losses = trained.steps("train/loss")
    assert list(losses) == list(range(1, 45))
    assert [step for step, loss in losses.items() if loss == "NaN"] == [40, 41, 42, 43, 44]
    kept = written("tensorboard-logs", "Loss/train")
    assert {step: losses[step] for step in range(1, 40)} == pytest.approx(
        {step: kept[step] for step in range(1, 40)}
    )
    evaluations = {event["step"]: event for event in trained.events("eval")}
    assert list(evaluations) == [11, 22, 33, 44]
    assert [event["improved"] for event in evaluations.values()][:1] == [True]
    assert trained.steps("lr")[44] == 0.01
    assert trained.steps("metric/epoch")[44] == 3
    assert "Loss/train is stored as train/loss" in trained.notes()
    assert trained.end()["status"] == "finished"
    assert trained.end()["step"] == 44


def test_a_loop_that_asks_the_mirror_stops_safely_with_its_own_file(trainings):
    trained = trainings.sample("tensorboard", "--epochs", "4000", stop_at=20)
    end = trained.end()
    assert (end["status"], end["reason"]) == ("stopped", "stop:cli")
    assert trained.proved("last")["step"] == end["step"]
    assert trained.files("last") == [str(trainings.folder / "last.pt")]


def test_leaving_the_mirror_gives_the_writers_their_own_methods_back(trainings, tmp_path):
    for left in list(tensorboard._open):
        left.close()
    before = SummaryWriter.add_scalar, SummaryWriter.add_scalars

    def script() -> None:
        with mirror() as outer:
            with SummaryWriter(str(tmp_path / "logs")) as writer:
                with mirror(name="inner") as inner:  # a notebook's next cell
                    writer.add_scalar("x", 1.0, 1)
                    assert inner.run.path.name.count("inner") == 1
                assert SummaryWriter.add_scalar is not before[0]
            outer.close()
        assert (SummaryWriter.add_scalar, SummaryWriter.add_scalars) == before

    assert trainings.train(script).steps("x") == {1: 1.0}
    assert len(trainings.all()) == 1


def test_the_run_that_the_script_has_started_keeps_its_own_count_of_steps(trainings, tmp_path):
    def script() -> None:
        with mirror(), SummaryWriter(str(tmp_path / "logs")) as writer:
            with guardrun.start() as run:
                for index in range(5):
                    run.log(loss=float(index))
                    writer.add_scalar("Loss/other", torch.tensor(float(index)), global_step=index)  # from 0
                    writer.add_scalars("parts", {"a": index, "b": torch.tensor(2.0)}, index)
                writer.add_scalar(tag="val_acc", scalar_value=0.5)
                run.evaluate({"val/loss": 1.0})
            writer.add_scalar("late", 1.0, 9)

    trained = trainings.train(script)
    assert trained.steps("train/loss") == {step: step - 1.0 for step in range(1, 6)}
    assert trained.steps("parts/a") == {index: index for index in range(5)}
    assert trained.steps("parts/b")[4] == 2.0
    assert trained.steps("val/acc") == {5: 0.5}
    assert [event["val/loss"] for event in trained.events("eval")] == [1.0]
    assert len(trainings.all()) == 1  # what comes after the end of the script's run begins no other


def test_what_guard_cannot_take_is_told_once_and_written_all_the_same(trainings, capsys, tmp_path):
    class Odd:
        """A step that can be read every other time."""

        read = 0

        def __int__(self) -> int:
            Odd.read += 1
            if Odd.read % 2 == 0:
                raise RuntimeError("no step of yours")
            return 3

    def script() -> None:
        with mirror(runs_dir=tmp_path / "runs"), SummaryWriter(str(tmp_path / "logs")) as writer:
            for _ in range(2):
                writer.add_scalar("x", 1.0, Odd())
            with pytest.raises(TypeError):
                writer.add_scalar("x")  # the writer's own complaint
            writer.add_scalar("y", 2.0, 4)

    trained = trainings.train(script)
    assert capsys.readouterr().err.count("no step of yours") == 1
    assert trained.steps("y") == {4: 2.0}
    assert written(tmp_path / "logs", "x") == {3: 1.0}


def test_a_mirror_with_settings_that_make_no_sense_says_so_and_lets_the_script_write(
    trainings, capsys, tmp_path
):
    with mirror(mode="upwards"), SummaryWriter(str(tmp_path / "logs")) as writer:
        writer.add_scalar("x", 1.0, 1)
        writer.add_scalar("x", 2.0, 2)
    assert capsys.readouterr().err.count("upwards") == 1
    assert written(tmp_path / "logs", "x") == {1: 1.0, 2: 2.0}
