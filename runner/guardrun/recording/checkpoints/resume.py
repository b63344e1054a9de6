"""Where training is in its data, and how a resumed training gets there again."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from guardrun.errors import UserError
from guardrun.recording.checkpoints import loaders
from guardrun.recording.checkpoints.reduction import expand_state, reduce_state
from guardrun.recording.rng import capture_rng, restore_rng

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

BOUNDARY = "boundary"
"""Between two optimizer steps, or between two epochs: a resume goes on as if nothing had happened."""
INSIDE = "inside"
"""In the middle of a loop's body (an evaluation): the rest of the body is not done again by a resume."""


class Place:
    """The epoch and the batches consumed in it, with the generators' state at the epoch's start.

    ``begin_epoch`` comes right before ``iter(loader)``, ``advance`` after each batch was fetched,
    ``end_epoch`` once the epoch's whole body is done.
    """

    __slots__ = ("batch", "epoch", "rng_start")

    def __init__(self, epoch: int = 0, batch: int = 0, rng_start: dict[str, Any] | None = None) -> None:
        self.epoch = epoch
        self.batch = batch
        self.rng_start = rng_start

    def begin_epoch(self, epoch: int) -> None:
        self.epoch, self.batch, self.rng_start = epoch, 0, capture_rng()

    def advance(self) -> None:
        self.batch += 1

    def end_epoch(self) -> None:
        self.epoch, self.batch, self.rng_start = self.epoch + 1, 0, None

    def position(self, step: int, *, point: str = BOUNDARY, loader: Any = None) -> dict[str, Any]:
        """What ``CheckpointStore.save`` takes as position; call it before the next batch is fetched.

        A ``loader`` that keeps its own place (torchdata's StatefulDataLoader) is asked for it.
        """
        position: dict[str, Any] = {
            "epoch": self.epoch,
            "batch": self.batch,
            "step": step,
            "point": point,
            "rng_start": self.rng_start,
            "rng": capture_rng(),
        }
        if self.batch and loaders.is_stateful(loader):
            position["loader"] = reduce_state(loader.state_dict(), ("loader",))
        return position


class ResumePlan:
    """How a loaded checkpoint's place is reached again.

    ``skip`` is how the consumed batches are passed: "replay" (fetched and dropped; exact), "sampler" (their
    indices only; fast), "loader" (the loader keeps its own place), "none" (there are none). ``exact`` says
    whether everything from here on is bit for bit as if training had not been interrupted, as far as guard
    can know, and ``problems`` why not. Both are final once ``iterate`` has returned.
    """

    def __init__(
        self, payload: Mapping[str, Any], *, skip: str = "replay", own_part: bool = True, world_size: int = 1
    ) -> None:
        position = payload["position"]
        self.epoch: int = position["epoch"]
        self.batch: int = position["batch"]
        self.step: int = position["step"]
        self.problems: list[str] = []
        self._rng_start: dict[str, Any] | None = position.get("rng_start")
        self._rng: dict[str, Any] | None = position.get("rng")
        self._loader_state = position.get("loader")
        if position.get("point") == INSIDE:
            self.problems.append("it was saved in the middle of a loop's body, whose rest is not done again")
        if not own_part:
            self._rng_start = self._rng = None
            self.problems.append("it has no part of this rank: generators start anew")
        saved_by = payload["world_size"]
        if saved_by != world_size:
            self.batch = self.batch * saved_by // world_size
            self._loader_state = None
            self.problems.append(f"it was saved by {saved_by} ranks, now there are {world_size}")
        self.skip = skip if self.batch else "none"
        self._boundary_done = False

    @property
    def exact(self) -> bool:
        return not self.problems

    def place(self) -> Place:
        """Where training is once ``iterate`` has returned."""
        return Place(self.epoch, self.batch, self._rng_start)

    def restore_boundary(self) -> None:
        """Set every generator as it was at the checkpoint, once.

        For a checkpoint between two epochs: before the next epoch's body begins. ``iterate`` does it in the
        other cases.
        """
        if not self._boundary_done and self._rng is not None:
            self.problems += restore_rng(self._rng)
        self._boundary_done = True

    def iterate(self, loader: Any) -> Iterator[Any]:
        """An iterator over ``loader`` that goes on with the batch after the checkpoint.

        Where that is an epoch's first batch, ``Place.begin_epoch`` comes before, as in any epoch.

        Raises UserError when the loader has fewer batches than had been consumed.
        """
        if not self.batch:
            self.restore_boundary()
            self._start_persistent_workers(loader)
            fresh: Iterator[Any] = iter(loader)
            return fresh
        if self._loader_state is not None and loaders.is_stateful(loader):
            self.skip = "loader"
            loader.load_state_dict(expand_state(self._loader_state))
            if loaders.workers(loader):
                self.problems.append(loaders.WORKERS_ANEW)
            iterator: Iterator[Any] = iter(loader)
        else:
            iterator = self._skipping(loader)
        self.restore_boundary()
        return iterator

    def _start_persistent_workers(self, loader: Any) -> None:
        """In an epoch that is not the training's first they are at work already; no draw is spent on it."""
        if self.epoch and loaders.persistent(loader):
            now = capture_rng()
            loaders.start_persistent_workers(loader)
            restore_rng(now)
            self.problems.append(loaders.PERSISTENT)

    def _skipping(self, loader: Any) -> Iterator[Any]:
        self._start_persistent_workers(loader)
        if self._rng_start is None:
            self.problems.append(
                "the generators' state at the epoch's start is unknown: the order may differ"
            )
        else:
            restore_rng(self._rng_start)  # what can't be restored is told of once, at the boundary
        if self.skip == "sampler" and loaders.can_skip_indices(loader):
            if loaders.workers(loader):
                self.problems.append(loaders.OTHER_WORKERS)
            return loaders.iterate_without(loader, self.batch)
        self.skip = "replay"
        iterator: Iterator[Any] = iter(loader)
        for dropped in range(self.batch):
            try:
                next(iterator)
            except StopIteration:
                raise UserError(
                    f"the checkpoint was made after {self.batch} batches of epoch {self.epoch}, but the data "
                    f"has only {dropped}",
                    hint="resume with the data and batch size of the interrupted training",
                ) from None
        return iterator
