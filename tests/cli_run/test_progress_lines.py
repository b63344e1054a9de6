"""A front whose training prints nothing says how far it is; one whose training talks keeps quiet."""

from __future__ import annotations

from pathlib import Path

import pytest

from guardrun.cli.progress_tail import ProgressTail
from run_factory import RunWriter


@pytest.fixture
def writer(tmp_path: Path) -> RunWriter:
    writer = RunWriter(tmp_path)
    writer.start(total_steps=1000, total_epochs=10)
    return writer


def test_progress_names_step_epoch_and_the_monitored_metric(writer: RunWriter) -> None:
    tail = ProgressTail(writer.paths, 1)
    writer.train(100)
    writer.evaluate(**{"val/loss": 0.25, "val/accuracy": 0.9})

    assert tail.line() == "step 100 of 1,000 · epoch 2 of 10 · val/loss 0.2500, the best so far"


def test_nothing_new_is_nothing_said(writer: RunWriter) -> None:
    tail = ProgressTail(writer.paths, 1)
    writer.train(3)
    assert tail.line() == "step 3 of 1,000 · epoch 1 of 10"

    assert tail.line() == ""
    writer.train(1)
    assert tail.line().startswith("step 4 ")


def test_an_earlier_attempts_progress_is_not_this_ones(writer: RunWriter) -> None:
    writer.train(50)

    assert ProgressTail(writer.paths, 2).line() == ""


def test_a_log_of_garbage_says_nothing(writer: RunWriter) -> None:
    with open(writer.paths.events(), "ab") as file:
        file.write(b'\xff\xfe\n{"kind":"eval","step":"x","val/loss":[]}\n[]\n{"kind":"metr')

    assert ProgressTail(writer.paths, 1).line() == ""


def test_a_nan_is_told_as_it_is(writer: RunWriter) -> None:
    tail = ProgressTail(writer.paths, 1)
    writer.train(1)
    writer.event("eval", step=1, epoch=0, improved=False, **{"val/loss": float("nan")})

    assert tail.line() == "step 1 of 1,000 · epoch 1 of 10 · val/loss NaN"
