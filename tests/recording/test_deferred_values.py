"""Values on a device are read late, in order, and all of them; a step never waits for them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import pytest
import torch

import guardrun
from guardrun.recording.deferred import DeferredRing, start_copy
from guardrun.recording.values import OnDevice


class Device:
    """Stands in for a GPU: a copy has arrived once the test says so."""

    def __init__(self) -> None:
        self.copies: list[Copy] = []

    def copy(self, tensors: Sequence[Any]) -> Copy:
        self.copies.append(Copy([float(one) for one in tensors]))
        return self.copies[-1]


class Copy:
    def __init__(self, values: list[float]) -> None:
        self.arrived = False
        self.waited = False
        self._values = values

    def ready(self) -> bool:
        return self.arrived

    def wait(self) -> None:
        self.arrived = self.waited = True

    def values(self) -> list[float]:
        assert self.arrived, "read before the copy arrived"
        return self._values


def test_nothing_is_delivered_before_its_copy_arrived_and_order_is_kept() -> None:
    device, got = Device(), []
    ring = DeferredRing(device.copy)
    for step in range(3):
        ring.push(["x"], [step], lambda values: got.append(values["x"]))

    device.copies[1].arrived = True
    ring.poll()
    assert got == []

    device.copies[0].arrived = True
    ring.poll()
    assert got == [0.0, 1.0]
    ring.flush()
    assert got == [0.0, 1.0, 2.0]


def test_a_full_ring_waits_for_the_oldest_only() -> None:
    device, got = Device(), []
    ring = DeferredRing(device.copy, slots=4)
    for step in range(6):
        ring.push(["x"], [step], lambda values: got.append(values["x"]))

    assert got == [0.0, 1.0]
    assert [copy.waited for copy in device.copies] == [True, True, False, False, False, False]


def test_one_copy_carries_all_values_of_an_event() -> None:
    ticket = start_copy([torch.tensor(0.5), torch.tensor([3]), torch.tensor(float("nan"))])

    values = ticket.values()

    assert values[:2] == [0.5, 3.0]
    assert values[2] != values[2]


@pytest.fixture
def on_device(monkeypatch: pytest.MonkeyPatch) -> Device:
    """Every tensor counts as lying on a device."""
    from guardrun.recording import metric_log

    def plain(value: Any) -> Any:
        return OnDevice(value) if isinstance(value, torch.Tensor) else value

    monkeypatch.setattr(metric_log, "plain", plain)
    return Device()


def test_plain_numbers_are_on_disk_at_once_and_tensors_follow(
    begin: Callable[..., guardrun.Run], log_of: Callable[..., Any], on_device: Device
) -> None:
    with begin() as run:
        run._metric_log._ring = DeferredRing(on_device.copy)
        run.log(loss=torch.tensor(0.5), accuracy=0.9)
        assert [("accuracy" in e, "train/loss" in e) for e in log_of(run, "metrics")] == [(True, False)]
        run.log(loss=torch.tensor(float("nan")), accuracy=0.8)
        on_device.copies[0].arrived = True
        assert run.should_stop is False
        assert log_of(run, "metrics")[-1]["train/loss"] == 0.5

    losses = [(e["step"], e["train/loss"]) for e in log_of(run, "metrics") if "train/loss" in e]
    assert losses == [(1, 0.5), (2, "NaN")]


def test_a_device_in_an_error_state_does_not_hide_the_script_s_own_exception(
    begin: Callable[..., guardrun.Run], log_of: Callable[..., Any], on_device: Device
) -> None:
    class Broken(Copy):
        def wait(self) -> None:
            raise RuntimeError("CUDA error: device-side assert triggered")

    run = begin()
    run._metric_log._ring = DeferredRing(lambda tensors: Broken([0.0]))
    run.log(loss=torch.tensor(0.5))
    run.finish(KeyError("mine"))

    assert log_of(run)[-1]["error"] == "KeyError: 'mine'"
    assert any("could not be read" in str(note.get("text")) for note in log_of(run, "note"))
