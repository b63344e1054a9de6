"""A training that was interrupted and resumed is, bit for bit, the one that was not interrupted."""

from __future__ import annotations

import multiprocessing
import os
import random
import signal
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch.utils.data import DataLoader, Dataset, IterableDataset

from guardrun.errors import UserError
from guardrun.events.paths import RunPaths
from guardrun.recording.checkpoints.doubts import KERNELS, OWN_LOADER, doubts
from guardrun.recording.checkpoints.load import load_checkpoint
from guardrun.recording.checkpoints.loaders import OTHER_WORKERS, PERSISTENT, WORKERS_ANEW
from guardrun.recording.checkpoints.resume import INSIDE, Place, ResumePlan
from guardrun.recording.checkpoints.store import CheckpointStore
from guardrun.recording.checkpoints.tracked import Tracked
from guardrun.recording.rng import forget_generators
from guardrun.recording.seeds import loader_kwargs, seed_everything

torch.set_num_threads(1)
pytestmark = pytest.mark.filterwarnings("ignore:Detected call of `lr_scheduler.step")
FORK = multiprocessing.get_context("fork")
EPOCHS, BATCHES = 3, 4


@pytest.fixture(autouse=True)
def _own_generators() -> Iterator[None]:
    forget_generators()
    yield
    forget_generators()


class Augmented(Dataset):
    """Sixteen samples, changed at random by three libraries each time they are fetched."""

    def __init__(self, noise: bool = True) -> None:
        self.noise = noise

    def __len__(self) -> int:
        return 4 * BATCHES

    def __getitem__(self, index: int) -> tuple[torch.Tensor, torch.Tensor]:
        noise = random.random() + float(np.random.rand()) + torch.rand(4) if self.noise else torch.zeros(4)
        return torch.full((4,), float(index)) + noise, torch.tensor([index % 3 - 1.0])


class Shuffled:
    """No DataLoader: an iterable of the user's own, shuffled by Python's generator."""

    def __iter__(self) -> Iterator[Any]:
        data = Augmented()
        order = random.sample(range(len(data)), len(data))
        for start in range(0, len(order), 4):
            samples = [data[index] for index in order[start : start + 4]]
            yield torch.stack([one for one, _ in samples]), torch.stack([one for _, one in samples])


class Stream(IterableDataset):
    def __iter__(self) -> Iterator[Any]:
        return (Augmented()[random.randrange(16)] for _ in range(4 * BATCHES))


def with_generator(workers: int, **options: Any) -> Callable[[], Any]:
    kinds = {"shuffle": True, "batch_size": 4, "num_workers": workers}
    return lambda: DataLoader(Augmented(), **{**kinds, **options}, **loader_kwargs(3))


LOADERS: dict[str, Callable[[], Any]] = {
    "no workers": with_generator(0),
    "two workers": with_generator(2),
    "global generator": lambda: DataLoader(Augmented(), shuffle=True, batch_size=4),
    "own iterable": Shuffled,
    "stream": lambda: DataLoader(Stream(), batch_size=4),
    "no auto-collation": lambda: DataLoader(Augmented(), batch_size=None, sampler=BatchlessSampler()),
}


class BatchlessSampler:
    """Indices in an order of their own, for a DataLoader that does not batch."""

    def __iter__(self) -> Iterator[int]:
        return iter(torch.randperm(16)[:BATCHES].tolist())

    def __len__(self) -> int:
        return BATCHES


class Training:
    """A small network with dropout, Adam and a scheduler; saves at every boundary when told to."""

    def __init__(self, root: Path, loader: Callable[[], Any], seed: int, attempt: int) -> None:
        seed_everything(seed)
        forget_generators()
        self.loader = loader()
        self.model = torch.nn.Sequential(torch.nn.Linear(4, 8), torch.nn.Dropout(0.5), torch.nn.Linear(8, 1))
        self.optimizer = torch.optim.Adam(self.model.parameters(), lr=0.05)
        self.scheduler = torch.optim.lr_scheduler.StepLR(self.optimizer, 1, 0.7)
        self.tracked = Tracked()
        for name in ("model", "optimizer", "scheduler"):
            self.tracked.add(name, getattr(self, name))
        self.paths = RunPaths(root)
        self.store = CheckpointStore(self.paths, attempt=attempt, keep=100)
        self.store.prepare()
        self.losses: list[str] = []
        self.step = 0

    def body(self, batch: Any) -> None:
        x, y = batch
        self.optimizer.zero_grad()
        loss = (self.model(x) - y).square().mean()
        loss.backward()
        self.optimizer.step()
        self.losses.append(loss.item().hex())
        self.step += 1

    def save(self, place: Place) -> None:
        self.store.save(self.tracked, step=self.step, epoch=place.epoch, position=place.position(self.step))

    def run(self, at_boundary: Callable[[Training, Place], None], plan: ResumePlan | None = None) -> Training:
        place = plan.place() if plan else Place()
        if plan and not plan.batch:
            plan.restore_boundary()
        for epoch in range(place.epoch, EPOCHS):
            random.random()  # whatever a script does at the head of an epoch
            resuming = plan is not None and epoch == plan.epoch
            if not (resuming and place.batch):
                place.begin_epoch(epoch)
            batches = plan.iterate(self.loader) if plan and resuming else iter(self.loader)
            for batch in batches:
                place.advance()
                self.body(batch)
                at_boundary(self, place)
            self.scheduler.step()
            place.end_epoch()
            at_boundary(self, place)
        return self

    def weights(self) -> list[torch.Tensor]:
        return [one.detach().clone() for one in self.model.parameters()]


class Stopped(Exception):
    """The training left at a boundary."""


def stop_after(count: int) -> Callable[[Training, Place], None]:
    """Save and leave at the n-th boundary."""
    left = [count]

    def at_boundary(training: Training, place: Place) -> None:
        left[0] -= 1
        if left[0] == 0:
            training.save(place)
            raise Stopped

    return at_boundary


def nothing(training: Training, place: Place) -> None:
    """A boundary at which nothing is due."""


def resumed(root: Path, loader: Callable[[], Any], skip: str = "replay") -> tuple[Training, ResumePlan]:
    """A new training with another seed, which must not matter."""
    training = Training(root, loader, seed=999, attempt=2)
    loaded = load_checkpoint(training.paths, "last")
    assert training.tracked.restore(loaded.payload["objects"]) == []
    plan = ResumePlan(loaded.payload, skip=skip)
    training.step = plan.step
    return training.run(nothing, plan), plan


def assert_same(whole: Training, rest: Training, plan: ResumePlan) -> None:
    assert whole.losses[plan.step :] == rest.losses
    assert all(map(torch.equal, whole.weights(), rest.weights()))
    assert whole.scheduler.state_dict() == rest.scheduler.state_dict()


BOUNDARIES = [
    (name, boundary)
    for name in LOADERS
    for boundary in ((2, 5, 9) if name == "two workers" else (1, 2, 4, 5, 6, 9, 10, 14))
]


@pytest.mark.parametrize(("name", "boundary"), BOUNDARIES)
def test_a_stop_at_any_boundary_changes_nothing(tmp_path: Path, name: str, boundary: int) -> None:
    """Boundaries 4 and 9 lie behind an epoch's last batch, 5 and 10 behind its whole body."""
    loader = LOADERS[name]
    whole = Training(tmp_path / "whole", loader, seed=1, attempt=1).run(nothing)
    with pytest.raises(Stopped):
        Training(tmp_path / "run", loader, seed=1, attempt=1).run(stop_after(boundary))

    rest, plan = resumed(tmp_path / "run", loader)

    assert_same(whole, rest, plan)
    assert (plan.exact, plan.problems) == (True, [])
    assert plan.skip == ("none" if boundary % 5 == 0 else "replay")


def train_until_killed(root: Path, loader: Callable[[], Any]) -> None:
    def at_boundary(training: Training, place: Place) -> None:
        if training.step % 3 == 0:
            training.save(place)
        if training.step == 8:
            os.kill(os.getpid(), signal.SIGKILL)

    Training(root, loader, seed=1, attempt=1).run(at_boundary)


@pytest.mark.parametrize("name", ["no workers", "two workers"])
def test_a_kill_after_a_checkpoint_costs_only_the_steps_since(tmp_path: Path, name: str) -> None:
    loader = LOADERS[name]
    whole = Training(tmp_path / "whole", loader, seed=1, attempt=1).run(nothing)
    child = FORK.Process(target=train_until_killed, args=(tmp_path / "run", loader))
    child.start()
    child.join()
    assert child.exitcode == -signal.SIGKILL

    rest, plan = resumed(tmp_path / "run", loader)

    assert (plan.epoch, plan.batch, plan.step) == (1, 2, 6)
    assert_same(whole, rest, plan)


def test_a_resume_of_a_resume_is_exact_as_well(tmp_path: Path) -> None:
    loader = LOADERS["no workers"]
    whole = Training(tmp_path / "whole", loader, seed=1, attempt=1).run(nothing)
    with pytest.raises(Stopped):
        Training(tmp_path / "run", loader, seed=1, attempt=1).run(stop_after(2))
    second = Training(tmp_path / "run", loader, seed=5, attempt=2)
    loaded = load_checkpoint(second.paths, "last")
    second.tracked.restore(loaded.payload["objects"])
    plan = ResumePlan(loaded.payload)
    second.step = plan.step
    with pytest.raises(Stopped):
        second.run(stop_after(1), plan)

    rest, plan = resumed(tmp_path / "run", loader)

    assert plan.batch == 3
    assert_same(whole, rest, plan)


@pytest.mark.parametrize("name", ["no workers", "global generator", "no auto-collation"])
def test_skipping_by_the_sampler_is_exact_without_workers(tmp_path: Path, name: str) -> None:
    """And it fetches none of the consumed samples."""
    loader = LOADERS[name]
    whole = Training(tmp_path / "whole", loader, seed=1, attempt=1).run(nothing)
    with pytest.raises(Stopped):
        Training(tmp_path / "run", loader, seed=1, attempt=1).run(stop_after(7))

    rest, plan = resumed(tmp_path / "run", loader, skip="sampler")

    assert (plan.skip, plan.batch, plan.exact) == ("sampler", 2, True)
    assert_same(whole, rest, plan)


def test_skipping_by_the_sampler_fetches_none_of_the_consumed_samples(tmp_path: Path) -> None:
    fetched: list[int] = []

    class Counted(Augmented):
        def __getitem__(self, index: int) -> Any:
            fetched.append(index)
            return super().__getitem__(index)

    def loader() -> Any:
        return DataLoader(Counted(), batch_size=4)

    with pytest.raises(Stopped):
        Training(tmp_path, loader, seed=1, attempt=1).run(stop_after(3))
    fetched.clear()

    resumed(tmp_path, loader, skip="sampler")

    assert fetched == [12, 13, 14, 15, *range(16), *range(16)]


def plain_with_workers(**options: Any) -> Callable[[], Any]:
    """Two workers over samples that nothing random changes."""
    kinds = {"shuffle": True, "batch_size": 4, "num_workers": 2, **options}
    return lambda: DataLoader(Augmented(noise=False), **kinds, **loader_kwargs(3))


def test_skipping_by_the_sampler_with_workers_keeps_the_order_and_promises_no_more(tmp_path: Path) -> None:
    loader = plain_with_workers()
    whole = Training(tmp_path / "whole", loader, seed=1, attempt=1).run(nothing)
    with pytest.raises(Stopped):
        Training(tmp_path / "run", loader, seed=1, attempt=1).run(stop_after(2))

    rest, plan = resumed(tmp_path / "run", loader, skip="sampler")

    assert_same(whole, rest, plan)
    assert plan.problems == [OTHER_WORKERS]


@pytest.mark.parametrize("boundary", [3, 7, 10])
@pytest.mark.parametrize("skip", ["replay", "sampler"])
def test_persistent_workers_keep_the_order_and_promise_no_more(
    tmp_path: Path, skip: str, boundary: int
) -> None:
    loader = plain_with_workers(persistent_workers=True)
    whole = Training(tmp_path / "whole", loader, seed=1, attempt=1).run(nothing)
    with pytest.raises(Stopped):
        Training(tmp_path / "run", loader, seed=1, attempt=1).run(stop_after(boundary))

    rest, plan = resumed(tmp_path / "run", loader, skip=skip)

    assert_same(whole, rest, plan)
    assert (PERSISTENT in plan.problems) == (boundary > 5)


class Stateful:
    """A loader that keeps its own place, as torchdata's StatefulDataLoader does."""

    def __init__(self) -> None:
        self.at = 0
        self.order: list[int] = []

    def state_dict(self) -> dict[str, Any]:
        return {"at": self.at, "order": tuple(self.order)}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        self.at, self.order = state["at"], list(state["order"])

    def __iter__(self) -> Iterator[int]:
        if not self.at:
            self.order = random.sample(range(10), 10)
        while self.at < 10:
            self.at += 1
            yield self.order[self.at - 1]
        self.at = 0


def test_a_loader_that_keeps_its_own_place_is_asked_for_it() -> None:
    loader, place = Stateful(), Place()
    place.begin_epoch(0)
    batches = iter(loader)
    for _ in range(4):
        next(batches)
        place.advance()
    position = place.position(4, loader=loader)
    expected = list(batches)

    plan = ResumePlan({"position": position, "world_size": 1})

    assert list(plan.iterate(Stateful())) == expected
    assert (plan.skip, plan.exact) == ("loader", True)


def test_a_loader_that_keeps_its_own_place_but_not_its_workers_generators_is_not_called_exact() -> None:
    """torchdata's loader with workers: the order is kept, random changes of samples are not (measured)."""
    loader, place = Stateful(), Place()
    place.begin_epoch(0)
    batches = iter(loader)
    next(batches)
    place.advance()
    plan = ResumePlan({"position": place.position(1, loader=loader), "world_size": 1})
    with_workers = Stateful()
    with_workers.num_workers = 2  # type: ignore[attr-defined]

    assert list(plan.iterate(with_workers)) == list(batches)
    assert plan.problems == [WORKERS_ANEW]


def test_what_a_resume_cannot_know_of_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    loader = LOADERS["no workers"]()
    assert doubts(loader, replayed=True) == doubts([1, 2], replayed=True) == []
    assert doubts(Shuffled(), replayed=False) == []
    assert doubts(Shuffled(), replayed=True) == [OWN_LOADER]
    # As on a GPU: the state of its library that is asked, and PyTorch's own answer on determinism.
    monkeypatch.setattr(torch.cuda, "is_initialized", lambda: True)
    assert doubts(loader, replayed=True) == [KERNELS]
    torch.use_deterministic_algorithms(True)
    try:
        assert doubts(loader, replayed=True) == []
    finally:
        torch.use_deterministic_algorithms(False)


def test_data_that_became_shorter_is_a_users_mistake() -> None:
    place = Place()
    place.begin_epoch(2)
    place.batch = 5
    plan = ResumePlan({"position": place.position(25), "world_size": 1})

    with pytest.raises(UserError, match="after 5 batches of epoch 2, but the data has only 3"):
        plan.iterate([1, 2, 3])


def test_a_checkpoint_from_the_middle_of_a_body_is_not_called_exact() -> None:
    plan = ResumePlan({"position": Place().position(3, point=INSIDE), "world_size": 1})

    assert not plan.exact


def test_another_number_of_ranks_moves_to_the_same_share_of_the_data() -> None:
    place = Place()
    place.begin_epoch(0)
    place.batch = 6
    plan = ResumePlan({"position": place.position(6), "world_size": 2}, world_size=3)

    assert plan.batch == 4
    assert plan.problems == ["it was saved by 2 ranks, now there are 3"]
