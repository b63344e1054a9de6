"""What guard knows of data loaders, all by duck typing: any iterable is a loader."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator


PERSISTENT = "persistent workers keep generators of their own over epochs: random changes of samples differ"
OTHER_WORKERS = "batches go to other workers than before: random changes of samples differ"
WORKERS_ANEW = "the loader's workers begin with generators of their own: random changes of samples differ"


def is_stateful(loader: Any) -> bool:
    """Whether the loader saves and restores its own place, as torchdata's StatefulDataLoader does."""
    return callable(getattr(loader, "state_dict", None)) and callable(
        getattr(loader, "load_state_dict", None)
    )


def is_torch_loader(loader: Any) -> bool:
    """Whether it is PyTorch's own DataLoader, which has no other state than generators that guard keeps."""
    torch = sys.modules.get("torch")
    return torch is not None and isinstance(loader, torch.utils.data.DataLoader)


def workers(loader: Any) -> int:
    """Number of worker processes, 0 for anything that has none."""
    count = getattr(loader, "num_workers", 0)
    return count if isinstance(count, int) else 0


def persistent(loader: Any) -> bool:
    """Whether its worker processes outlive an epoch."""
    return workers(loader) > 0 and bool(getattr(loader, "persistent_workers", False))


def start_persistent_workers(loader: Any) -> None:
    """Bring a loader with persistent workers into the state it has after its first epoch.

    Its first iterator draws a seed for the workers from the loader's generator, later ones do not: without
    this the generator would be one draw further on in a resumed epoch, and the order of samples another.
    """
    if persistent(loader):
        iter(loader)


def can_skip_indices(loader: Any) -> bool:
    """Whether batches are lists of indices first: a torch DataLoader over a map-style dataset.

    Persistent workers that are at work hold on to the sampler they began with: nothing can be skipped there.
    """
    torch = sys.modules.get("torch")
    return (
        torch is not None
        and isinstance(loader, torch.utils.data.DataLoader)
        and not isinstance(loader.dataset, torch.utils.data.IterableDataset)
        and getattr(loader, "_iterator", None) is None
    )


class _Skipping:
    """An iterator over batches of indices that passes over its first ones before it gives any."""

    def __init__(self, batches: Iterator[Any], skip: int) -> None:
        self._batches = batches
        self._skip = skip

    def __iter__(self) -> Iterator[Any]:
        return self

    def __next__(self) -> Any:
        self.skip()
        return next(self._batches)

    def skip(self) -> None:
        """Pass over them now. The order is drawn with the first one, from the generators as they are."""
        left, self._skip = self._skip, 0
        for _ in range(left):
            next(self._batches, None)


class _SkippingSampler:
    """A sampler that passes over its first batches until it is told to be itself again."""

    def __init__(self, sampler: Any, skip: int) -> None:
        self.latest: _Skipping | None = None
        self.left = skip
        self._sampler = sampler

    def __len__(self) -> int:
        return len(self._sampler)

    def __iter__(self) -> Iterator[Any]:
        batches: Iterator[Any] = iter(self._sampler)
        if self.left:  # a DataLoader with workers begins twice and uses the second
            batches = self.latest = _Skipping(batches, self.left)
        return batches


def iterate_without(loader: Any, skip: int) -> Iterator[Any]:
    """``iter(loader)`` without its first ``skip`` batches, none of which is fetched.

    A DataLoader refuses a new sampler after its construction, but reads it when an iterator is made: it is
    exchanged for that moment only. The iterator draws the workers' seed before the sampler draws the order,
    as it does when nothing is skipped.
    """
    name = "batch_sampler" if loader.batch_sampler is not None else "sampler"
    sampler = getattr(loader, name)
    exchanged = _SkippingSampler(sampler, skip)
    object.__setattr__(loader, name, exchanged)
    try:
        iterator: Iterator[Any] = iter(loader)
    finally:
        object.__setattr__(loader, name, sampler)
        exchanged.left = 0
    if exchanged.latest is not None:
        exchanged.latest.skip()
    return iterator
