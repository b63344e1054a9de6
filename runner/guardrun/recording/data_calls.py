"""What a run is told of its data: the calls of ``Run`` that a training script makes before it trains."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeVar

if TYPE_CHECKING:
    from guardrun.recording.data_records import DataRecords
    from guardrun.recording.sanity import Sanity

T = TypeVar("T")


class DataCalls:
    """The part of ``Run`` that tells of data."""

    _data: DataRecords
    sanity: Sanity | None
    """The mode that `guard check` asks for, which a script may honour; None in a run of its own."""

    def data(self, name: str, obj: T, *, version: str | None = None, labels: Any = None) -> T:
        """Record what ``obj`` holds as ``name`` ("train", "val", "test", ...); returns it unchanged,
        but for a mode of `guard check`.

        Takes arrays, tensors, data sets of torch and Hugging Face, tables of pandas and polars, and paths.
        The record has a hash by a stated rule, counts, classes, ranges, missing values and whatever looks
        wrong: examples that another split holds too, NaN, classes that train lacks. ``labels`` is the name
        of their column, or holds them, where that can't be guessed. ``version`` is your own word for it.
        """
        self._data.record(name, obj, version=version, labels=labels)
        if self.sanity is None:
            return obj
        changed: T = self.sanity.apply(name, obj, labels)
        return changed
