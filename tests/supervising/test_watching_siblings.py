"""The supervisor looks at the group's other runs now and then: often when that is cheap, rarely when not."""

from __future__ import annotations

from pathlib import Path

import pytest

from guardrun.supervising import siblings as module
from guardrun.supervising.siblings import OFTEN_S, RARELY_S, SiblingWatch
from run_factory import RunWriter


class Clock:
    def __init__(self) -> None:
        self.now = 100.0
        self.a_turn_takes = 0.0

    def __call__(self) -> float:
        self.now += self.a_turn_takes
        return self.now


def group(folder: Path) -> list[RunWriter]:
    writers = [RunWriter(folder, suffix=f"{number:04}", group="sweep") for number in range(3)]
    for writer in writers:
        writer.start()
        writer.train(10, every=5)
        writer.evaluate()
    return writers


def test_a_sweep_hands_over_the_curves_and_the_next_waits(tmp_path: Path) -> None:
    own, *_ = group(tmp_path)
    clock = Clock()
    watch = SiblingWatch(own.paths.root, clock)
    found = watch.turn("val/loss", "min")
    assert found is not None
    assert [len(sibling.steps) for sibling in found] == [1, 1]
    assert watch.turn("val/loss", "min") is None
    clock.now += OFTEN_S
    assert watch.turn("val/loss", "min") is not None


def test_a_sweep_that_takes_long_is_rarely_made(tmp_path: Path) -> None:
    own, *_ = group(tmp_path)
    clock = Clock()
    clock.a_turn_takes = 0.1
    watch = SiblingWatch(own.paths.root, clock)
    assert watch.turn("val/loss", "min") is not None
    clock.a_turn_takes = 0.0
    clock.now += 9.0
    assert watch.turn("val/loss", "min") is None
    clock.now += RARELY_S - 9.0
    assert watch.turn("val/loss", "min") is not None


def test_a_large_group_is_read_a_slice_a_turn(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    own, *others = group(tmp_path)
    monkeypatch.setattr(module, "_SLICE_S", 0.0)
    watch = SiblingWatch(own.paths.root)
    assert watch.turn("val/loss", "min") is None
    monkeypatch.setattr(module, "_SLICE_S", 1.0)
    found = watch.turn("val/loss", "min")
    assert found is not None
    assert len(found) == len(others)


def test_another_monitor_is_looked_at_at_once(tmp_path: Path) -> None:
    own, *_ = group(tmp_path)
    watch = SiblingWatch(own.paths.root, Clock())
    assert watch.turn(None, "min") is None
    assert watch.turn("val/loss", "min") is not None
    found = watch.turn("val/accuracy", "max")
    assert found is not None
    assert found[0].bests[0] < 0


def test_a_run_without_a_group_looks_at_nobody(tmp_path: Path) -> None:
    writer = RunWriter(tmp_path)
    assert SiblingWatch(writer.paths.root).turn("val/loss", "min") is None
