"""Data sets as a sanity mode wants them: fewer examples, one small set over and over, shuffled labels.

Everything is chosen by a fixed seed of its own: two runs see the same, and no generator of the
training moves.
"""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Sequence
from typing import Any, NamedTuple

from guardrun.recording.data import undisturbed
from guardrun.recording.sanity_sources import NotUnderstood, Source, source_of

__all__ = ["Changed", "NotUnderstood", "changed"]

MOST_CLASSES = 1000
_SEED = 20_240_229
_LABELS_READ = 4096
"""Labels of a data set that has to be read item by item."""


class Changed(NamedTuple):
    """The data set to train on, and what is told of it."""

    data: Any
    facts: dict[str, Any]


class _Plan(NamedTuple):
    """For each example of the new data set: where its input and its label come from."""

    inputs: list[int]
    labels: list[int]
    distinct: int


def changed(name: str, obj: Any, labels: Any, mode: str, options: dict[str, Any]) -> Changed:
    """``obj`` under ``mode``. Options: ``train`` and ``other`` (most examples), ``distinct`` (of train, over
    and over), ``tokens`` (most of a stream), ``export`` (a folder for the examples themselves).

    Raises NotUnderstood with the reason, and whatever the data set raises.
    """
    source = source_of(obj, labels)
    train = _is_train(name)
    with undisturbed(obj):
        if source.stream:
            found = _changed_stream(source, train, mode, options)
        else:
            found = _changed_examples(source, train, mode, options)
        if options.get("export"):
            from guardrun.recording.sanity_export import export

            found.facts["export"] = export(name, source, str(options["export"]))
    return found


def _is_train(name: str) -> bool:
    from guardrun.provenance.data.findings import TRAIN, role_of

    return role_of(name) == TRAIN


# -- examples


def _changed_examples(source: Source, train: bool, mode: str, options: dict[str, Any]) -> Changed:
    if mode == "labels" and train and not source.labelled:
        raise NotUnderstood("guard can't tell which part of an example is its label")
    plan = _plan(source, train, mode, options)
    same = plan.inputs == plan.labels == list(range(source.count))
    data = source.original if same else source.build(plan.inputs, plan.labels)
    facts: dict[str, Any] = {
        "count": source.count, "examples": len(plan.inputs), "distinct": plan.distinct,
        "shuffled": plan.inputs != plan.labels,
    }  # fmt: skip
    if source.labelled:
        rows = plan.labels[: plan.distinct] if plan.distinct < len(plan.labels) else plan.labels
        facts["labels"] = label_facts([source.label(row) for row in rows[:_LABELS_READ]])
    return Changed(data, facts)


def _plan(source: Source, train: bool, mode: str, options: dict[str, Any]) -> _Plan:
    most = options.get("train" if train else "other")
    count = source.count if most is None else min(source.count, int(most))
    rows = _chosen(source.count, count)
    distinct = options.get("distinct")
    if distinct is None or not train or int(distinct) >= count:
        if mode == "labels" and train:
            return _Plan(rows, _spread(rows, source), count)
        if mode == "inputs":
            return _Plan(rows, _rotated(rows), count)
        return _Plan(rows, rows, count)
    few = _chosen(source.count, int(distinct))
    theirs = _spread(few, source) if mode == "labels" else _rotated(few) if mode == "inputs" else few
    repeats = range(count)
    return _Plan([few[i % len(few)] for i in repeats], [theirs[i % len(few)] for i in repeats], len(few))


def _chosen(count: int, wanted: int) -> list[int]:
    """So many rows by a fixed draw, in order."""
    return (
        list(range(count)) if wanted >= count else sorted(random.Random(_SEED).sample(range(count), wanted))
    )


def _rotated(rows: Sequence[int]) -> list[int]:
    """A fixed random permutation."""
    return random.Random(_SEED + 1).sample(list(rows), len(rows))


def _spread(rows: Sequence[int], source: Source) -> list[int]:
    """A permutation by which the examples of every class get the labels of all classes in their shares.

    A plain permutation leaves a network room to be right by luck: where all that looks like a 3 happens to
    be labelled 7 most often, nobody errs, and where it is labelled 3, it looks like a leak.
    """
    keys = [key_of(source.label(row)) for row in rows]
    draw = random.Random(_SEED + 1)
    counts = Counter(keys)
    if len(counts) > min(MOST_CLASSES, len(rows) // 2):
        return _rotated(rows)
    order = sorted(range(len(rows)), key=lambda at: (str(keys[at]), draw.random()))
    seen: Counter[Any] = Counter()
    times = []
    for at in order:
        key = keys[at]
        times.append(((seen[key] + draw.random()) / counts[key], at))
        seen[key] += 1
    evenly = [at for _, at in sorted(times)]
    spread = [0] * len(rows)
    for place, label_from in zip(order, evenly, strict=True):
        spread[place] = rows[label_from]
    return spread


# -- streams of tokens


def _changed_stream(source: Source, train: bool, mode: str, options: dict[str, Any]) -> Changed:
    most = options.get("tokens")
    count = source.count
    if train and mode == "overfit" and most is not None:
        count = min(count, int(most))
    rows = list(range(count))
    shuffle = train and mode in ("labels", "inputs")
    if shuffle:
        rows = _rotated(rows)
    data = source.original if not shuffle and count == source.count else source.build(rows, rows)
    facts: dict[str, Any] = {
        "count": source.count, "examples": count, "distinct": count, "shuffled": shuffle,
        "labels": {**_class_facts(source.counts()), "kind": "tokens", "highest": _highest(source.counts())},
    }  # fmt: skip
    return Changed(data, facts)


def _highest(counts: dict[Any, int]) -> int:
    """The vocabulary has at least so many tokens, whatever few of them are in the text."""
    return max(counts, default=0) + 1


# -- what labels are


def key_of(label: Any) -> Any:
    """A label as something to count by: a number, a word; None for what is neither."""
    if isinstance(label, str | bytes | bool | int):
        return label
    item = getattr(label, "item", None)
    if item is not None and getattr(label, "size", None) is not None:
        try:
            label = item()
        except (ValueError, RuntimeError):  # more than one number
            return None
    if isinstance(label, float):
        return int(label) if label.is_integer() else label
    return label if isinstance(label, str | bytes | bool | int) else None


def label_facts(labels: Sequence[Any]) -> dict[str, Any] | None:
    """What chance is on these labels; None where they are neither classes nor numbers.

    ``kind`` classes: ``classes``, ``share`` of the greatest, ``entropy`` in nats. ``kind`` numbers: ``mean``,
    ``variance``, ``mean_abs`` from the median, ``mean_square``.
    """
    keys = [key_of(label) for label in labels]
    if not keys or any(key is None for key in keys):
        return None
    counts = Counter(keys)
    fractional = any(isinstance(key, float) for key in counts)
    if not fractional and len(counts) <= min(MOST_CLASSES, max(2, len(keys) // 2)):
        return _class_facts(counts)
    if any(isinstance(key, str | bytes) for key in counts):
        return None
    import numpy as np

    values = np.array(keys, dtype=np.float64)
    return {
        "kind": "numbers", "count": len(keys), "mean": float(values.mean()), "variance": float(values.var()),
        "mean_abs": float(np.abs(values - np.median(values)).mean()),
        "mean_square": float(np.square(values).mean()),
    }  # fmt: skip


def _class_facts(counts: Counter[Any] | dict[Any, int]) -> dict[str, Any]:
    import math

    total = sum(counts.values())
    shares = [count / total for count in counts.values() if count]
    return {
        "kind": "classes", "count": total, "classes": len(shares), "share": max(shares),
        "entropy": -sum(share * math.log(share) for share in shares),
    }  # fmt: skip
