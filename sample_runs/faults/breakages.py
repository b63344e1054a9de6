"""What can go wrong in the training beside this file: one class a fault, each of them for real."""

from __future__ import annotations

import contextlib
import resource
import threading
import time
from pathlib import Path
from typing import Any

import torch
from torch import Tensor
from torch.utils.data import Dataset, TensorDataset

import guardrun


class Breakage:
    """Nothing goes wrong. The training calls these at their places; ``step`` counts from 1."""

    def __init__(self, run: guardrun.Run) -> None:
        self.run, self.params = run, run.params

    @property
    def here(self) -> bool:
        """Whether the fault has begun, in the rank that has it: the last one."""
        return bool(self.run.step >= self.params.at and self.run.rank == self.run.world_size - 1)

    def data(self, train: TensorDataset) -> Dataset[Any]:
        """The data set that the loader reads."""
        return train

    def batch(self, images: Tensor) -> Tensor:
        """The images that the model sees."""
        return images

    def extra_loss(self, hidden: Tensor) -> Tensor | float:
        """Added to the loss; ``hidden`` are the activations before the head."""
        return 0.0

    def step(self) -> None:
        """Within each step, before the backward pass."""


class Hang(Breakage):
    """One rank waits for a lock that nobody will release; the others then wait for it in their all-reduce."""

    def step(self) -> None:
        if self.here:
            lock = threading.Lock()
            lock.acquire()
            lock.acquire()


class SlowLoader(Breakage):
    """Every batch waits for its files, as on a network disk that others use too."""

    def data(self, train: TensorDataset) -> Dataset[Any]:
        return SlowFiles(train, self.params.wait / self.params.batch_size)


class SlowFiles(Dataset[Any]):
    """A data set that takes ``seconds`` for every item."""

    def __init__(self, data: TensorDataset, seconds: float) -> None:
        self.data, self.seconds = data, seconds

    def __len__(self) -> int:
        return len(self.data)

    def __getitem__(self, item: int) -> Any:
        time.sleep(self.seconds)
        return self.data[item]


class Slowdown(Breakage):
    """The clock of the machine is halved by its heat: a step takes as long again as it took."""

    def __init__(self, run: guardrun.Run) -> None:
        super().__init__(run)
        self.usual: list[float] = []
        self.last = time.perf_counter()

    def step(self) -> None:
        now = time.perf_counter()
        if self.here:
            time.sleep(sorted(self.usual)[len(self.usual) // 2])
        else:
            self.usual.append(now - self.last)
        self.last = time.perf_counter()


class Leak(Breakage):
    """Every step keeps its activations "for a plot later", and nobody ever lets go of them."""

    def __init__(self, run: guardrun.Run) -> None:
        super().__init__(run)
        self.kept: list[Tensor] = []

    def step(self) -> None:
        if self.here:
            self.kept.append(torch.ones(round(self.params.megabytes * 1e6 / 4)))


class FullDisk(Breakage):
    """Every step leaves a file for debugging beside the run's own; that one can't be written ends nothing."""

    def step(self) -> None:
        if not self.here or self.run.path is None:
            return
        dump = self.run.path / "debug" / f"{self.run.step}.bin"
        with contextlib.suppress(OSError):
            dump.parent.mkdir(exist_ok=True)
            dump.write_bytes(bytes(round(self.params.megabytes * 1e6)))


class BadBatches(Breakage):
    """A few corrupt batches: their pixels were scaled up instead of down."""

    def batch(self, images: Tensor) -> Tensor:
        bad = self.params.at <= self.run.step < self.params.at + self.params.lasting
        return images * 64 if bad else images


class Straggler(Breakage):
    """The last rank's batches come late: its host reads the data over a slower line."""

    def data(self, train: TensorDataset) -> Dataset[Any]:
        slow = self.run.rank == self.run.world_size - 1
        return SlowFiles(train, self.params.wait / self.params.batch_size) if slow else train


class TinyEpsilon(Breakage):
    """A penalty on features that lie close together, whose 1e-8 under the root is 0 in float16.

    The loss stays finite. The gradient of a root at 0 (a feature's distance from itself) does not: the
    scaler skips every step and halves its scale, for nothing. In float32 the same formula is sound.
    """

    def extra_loss(self, hidden: Tensor) -> Tensor | float:
        if not self.here:
            return 0.0
        squares = (hidden[:, None] - hidden[None, :]).square().sum(-1)
        return 0.01 * torch.relu(1 - (squares + 1e-8).sqrt()).mean()


BREAKAGES: dict[str, type[Breakage]] = {
    "none": Breakage,
    "hang": Hang,
    "slow_loader": SlowLoader,
    "slowdown": Slowdown,
    "leak": Leak,
    "full_disk": FullDisk,
    "bad_batches": BadBatches,
    "straggler": Straggler,
    "tiny_epsilon": TinyEpsilon,
}


def limit_memory(megabytes: float | None) -> None:
    """Let this process have so much more address space than it has now; beyond it an allocation fails."""
    if megabytes is None:
        return
    pages = int(Path("/proc/self/statm").read_text().split()[0])
    limit = pages * resource.getpagesize() + round(megabytes * 1e6)
    resource.setrlimit(resource.RLIMIT_AS, (limit, limit))
