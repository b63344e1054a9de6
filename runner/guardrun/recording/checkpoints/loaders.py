"""What guard knows of data loaders, all by duck typing: any iterable is a loader."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator


def is_stateful(loader: Any) -> bool:
    """Whether the loader saves and restores its own place, as torchdata's StatefulDataLoader does."""
    return callable(getattr(loader, "state_dict", None)) and callable(
        getattr(loader, "load_state_dict", None)
    )


def workers(loader: Any) -> int:
    """Number of worker processes, 0 for anything that has none."""
    count = getattr(loader, "num_workers", 0)
    return count if isinstance(count, int) else 0


def doubts(loader: Any, epoch: int) -> list[str]:
    """Why the rest of a replayed epoch may differ from what an uninterrupted training would have seen."""
    if epoch and workers(loader) and getattr(loader, "persistent_workers", False):
        return [
            "persistent workers keep generators of their own over epochs: random changes of samples differ"
        ]
    return []


def start_persistent_workers(loader: Any, epoch: int) -> None:
    """Bring a loader with persistent workers into the state it has after its first epoch.

    Its first iterator draws a seed for the workers from the loader's generator, later ones do not: without
    this the generator would be one draw further on in a resumed epoch, and the order of samples another.
    """
    if epoch and workers(loader) and getattr(loader, "persistent_workers", False):
        iter(loader)


def can_skip_indices(loader: Any) -> bool:
    """Whether it is a torch DataLoader over a map-style dataset: batches are lists of indices first."""
    torch = sys.modules.get("torch")
    return (
        torch is not None
        and isinstance(loader, torch.utils.data.DataLoader)
        and not isinstance(loader.dataset, torch.utils.data.IterableDataset)
    )


class _SkipOnce:
    """A batch sampler that passes over its first batches, the first time it is iterated."""

    def __init__(self, sampler: Any, skip: int) -> None:
        self._sampler = sampler
        self._skip = skip

    def __len__(self) -> int:
        return len(self._sampler)

    def __iter__(self) -> Iterator[Any]:
        """Passes over them at once, not at the first ``next``: the order is drawn from this moment's RNG."""
        batches: Iterator[Any] = iter(self._sampler)
        skip, self._skip = self._skip, 0
        for _ in range(skip):
            next(batches, None)
        return batches


def iterate_without(loader: Any, skip: int) -> Iterator[Any]:
    """``iter(loader)`` without its first ``skip`` batches, none of which is fetched.

    A DataLoader refuses a new sampler after its construction, but reads it when an iterator is made: it is
    exchanged for that moment only.
    """
    name = "batch_sampler" if loader.batch_sampler is not None else "sampler"
    sampler = getattr(loader, name)
    object.__setattr__(loader, name, _SkipOnce(sampler, skip))
    try:
        return iter(loader)
    finally:
        object.__setattr__(loader, name, sampler)
