"""What a run is told of its data: the calls of ``Run`` that a training script makes before it trains."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeVar

if TYPE_CHECKING:
    from collections.abc import Mapping

    from guardrun.recording.data_records import DataRecords
    from guardrun.recording.fitting import Statistics
    from guardrun.recording.sanity import Sanity

T = TypeVar("T")


class DataCalls:
    """The part of ``Run`` that tells of data."""

    _data: DataRecords
    sanity: Sanity | None
    """The mode that `guard check` asks for, which a script may honour; None in a run of its own."""

    def data(
        self,
        name: str,
        obj: T,
        *,
        version: str | None = None,
        labels: Any = None,
        sha256: str | None = None,
    ) -> T:
        """Record what ``obj`` holds as ``name`` ("train", "val", "test", ...); returns it unchanged,
        but for a mode of `guard check`.

        Takes arrays, tensors, data sets of torch and Hugging Face, tables of pandas and polars, and paths.
        The record has a hash by a stated rule, counts, classes, ranges, missing values and whatever looks
        wrong: examples that another split holds too, NaN, classes that train lacks, a feature that gives the
        label away, what changed since the last run. ``labels`` is the name of their column, or holds them,
        where that can't be guessed. ``version`` is your own word for the content. With ``sha256`` it raises
        UserError when the data is not the data that has this hash.
        """
        self._data.record(name, obj, version=version, labels=labels, sha256=sha256)
        if self.sanity is None:
            return obj
        changed: T = self.sanity.apply(name, obj, labels)
        return changed

    def split(self, path: Any, parts: Mapping[str, Any] | None = None) -> dict[str, list[Any]]:
        """The ids of each split, from a split file: ``{"train": [...], "val": [...], "test": [...]}``.

        Where there is no such file yet ``parts`` is written to it, once, and sealed. Raises UserError when
        the file changed since it was sealed, and when ``parts`` is another split than the file's. From here
        on each use of the test split is entered in the ledger beside the file.
        """
        return self._data.split(path, parts)

    def fit_statistics(
        self, data: Any, name: str = "train", *, labels: Any = None, per: str = "position"
    ) -> Statistics:
        """Mean, std (of the population), min and max of the inputs, for a normalisation.

        What they were fitted on is compared with the splits of ``run.data``: examples of val or test among
        it are a finding. ``per`` is "position" (each number of an example), "channel" (its first axis) or
        "all". Raises UserError where there are no numbers.
        """
        return self._data.fit(data, name, labels, per)

    def preprocessing(self, obj: T, name: str = "preprocessing") -> T:
        """Record transforms (modules, pipelines, functions by their source) with a hash; returns ``obj``."""
        self._data.preprocessing(obj, name)
        return obj
