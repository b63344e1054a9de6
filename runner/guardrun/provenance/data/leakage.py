"""Features that give the label away: one column from which it can nearly be read off."""

from __future__ import annotations

import math
import random
import re
import time
from typing import Any

from guardrun.provenance.data.findings import Finding, Severity, finding
from guardrun.provenance.data.statistics import class_counts
from guardrun.provenance.data.table import Table, is_id, take

ROWS = 4000
"""So many examples are looked at, evenly spaced: enough to tell 98 % from 99.5 %."""
COLUMNS = 2048
LEAST_ROWS = 40
SCREENED = 400
PROMISING = 0.9
FEW = 8
"""A column with fewer values than an eighth of its examples is one of kinds, not of amounts."""
NEAR_PERFECT = 0.98
PERFECT = 0.995
SUSPICIOUS = 0.95
"""For columns that by their name only say what an example is called, or when it came."""
EASY = 0.9
"""A majority class of this share is right so often that no column can be told from it."""
CORRELATED = 0.9999
_NAMED = re.compile(
    r"(^|[_\W])(id|ids|uuid|index|idx|row|file|files|filename|path|name|url|time|timestamp|date|created)($|[_\W])",
    re.IGNORECASE,
)


def judge_leaks(name: str, table: Table, *, seconds: float = 1.0) -> list[Finding]:
    """Columns, and positions of small arrays, that alone predict the labels of held-out examples.

    A column's own rule is learned on one half of the examples and tried on the other, so that a column of
    unique values proves nothing by being unique. For labels that are numbers: a correlation of 0.9999.
    """
    labels = table.columns.get(table.label) if table.label is not None else None
    if labels is None or table.files is not None or table.seen < LEAST_ROWS or table.random:
        return []
    rows = _spread(table.seen)
    random.Random(0).shuffle(rows)  # any beginning of them is a fair sample
    target = take(labels, rows)
    codes = _codes(target) if class_counts(labels) is not None else None
    numbers = None if codes is not None else _numbers(target)
    if codes is None and numbers is None:
        return []
    base = _majority(codes) if codes is not None else 0.0
    if base >= EASY:
        return []
    found: list[Finding] = []
    deadline = time.monotonic() + seconds
    for column, values in table.features().items():
        for position, feature in _features(values, rows):
            if time.monotonic() > deadline:
                return found
            score = _score(feature, codes, numbers)
            told = _tell(name, column, position, values, score, base, codes is not None)
            if told is not None:
                found.append(told)
                break
    return found


def _spread(count: int) -> list[int]:
    from guardrun.provenance.data.hashing import spaced_rows

    return spaced_rows(count, ROWS)


def _tell(
    name: str, column: str, position: int | None, values: Any, score: float, base: float, classes: bool
) -> Finding | None:
    suspicious = _NAMED.search(column) is not None or is_id(column, values)
    enough = CORRELATED if not classes else SUSPICIOUS if suspicious else NEAR_PERFECT
    if score < enough:
        return None
    severity: Severity = "act" if suspicious or not classes or score >= PERFECT else "warn"
    where = (
        column if position is None else f"position {position} of {'the inputs' if column == '0' else column}"
    )
    word = where if position is not None else "the input" if column == "0" else f"column {where}"
    if classes:
        how = f"predicts {100 * score:.4g} % of held-out labels (the majority class: {100 * base:.3g} %)"
    else:
        how = f"is the label but for scale (correlation {score:.6g})"
    kind = " by its name it says what an example is called, not what it is;" if suspicious else ""
    return finding(
        "label_leak", severity, f"{name}: {word} alone {how}",
        f"ask whether it is known when the model is used;{kind} if not, leave it out and train again",
        column=column, position=position, score=score, majority=base,
    )  # fmt: skip


def _features(values: Any, rows: list[int]) -> Any:
    """Each single number, word or name of the examples at ``rows``, with its position in an array."""
    import numpy as np

    if hasattr(values, "dtype") and values.dtype.kind in "biufmM":
        flat = values.reshape(len(values), -1)
        if flat.shape[1] > COLUMNS:
            return
        chosen = flat[rows].astype(np.float64) if flat.dtype.kind in "biuf" else flat[rows].astype(np.int64)
        single = values.ndim == 1 or values.shape[1:] == (1,)
        for position in range(chosen.shape[1]):
            yield (None if single else position), chosen[:, position]
        return
    chosen_list = take(values, rows)
    listed = chosen_list.tolist() if hasattr(chosen_list, "tolist") else chosen_list
    if all(isinstance(value, str) for value in listed):
        for words in (listed, [_folder(value) for value in listed], [_letters(value) for value in listed]):
            codes = _codes(words)
            if codes.max(initial=0) < len(listed) / 2:
                yield None, codes.astype(np.float64)


def _folder(text: str) -> str:
    return text.replace("\\", "/").rpartition("/")[0]


def _letters(text: str) -> str:
    """The word that a file name begins with: cat_0012.jpg -> cat."""
    match = re.match(r"[^\W\d_]+", text.replace("\\", "/").rpartition("/")[2])
    return match[0].lower() if match else ""


def _codes(values: Any) -> Any:
    """Whole numbers for distinct values."""
    import numpy as np

    array = (
        np.array([str(value) for value in values])
        if isinstance(values, list)
        else np.asarray(values).reshape(-1)
    )
    return np.unique(array, return_inverse=True)[1].reshape(-1)


def _numbers(values: Any) -> Any:
    import numpy as np

    if not hasattr(values, "dtype") or values.dtype.kind not in "iuf":
        return None
    found = values.reshape(len(values), -1).astype(np.float64)
    return found[:, 0] if found.shape[1] == 1 and np.isfinite(found).all() else None


def _majority(codes: Any) -> float:
    import numpy as np

    return float(np.bincount(codes).max() / len(codes))


def _score(feature: Any, codes: Any, numbers: Any) -> float:
    """How well a feature tells the label; only one that does well on a few examples is tried on all."""
    if codes is None:
        return _correlation(feature, numbers)
    if len(codes) > 2 * SCREENED and _hit_rate(feature[:SCREENED], codes[:SCREENED]) < PROMISING:
        return 0.0
    return _hit_rate(feature, codes)


def _hit_rate(feature: Any, codes: Any) -> float:
    """How often the rule that is learned on one half of the examples is right on the other.

    The rule: of few distinct values the majority class of each, otherwise the class of the nearest example.
    """
    import numpy as np

    floating = feature.dtype.kind == "f"
    values = np.where(np.isfinite(feature), feature, np.finfo(np.float32).max) if floating else feature
    order = np.random.default_rng(0).permutation(len(codes))
    known, asked = order[::2], order[1::2]
    distinct, positions = np.unique(values, return_inverse=True)
    if len(distinct) > len(values) / FEW:
        guess = _nearest(values[known], codes[known], values[asked])
    else:
        counts = np.zeros((len(distinct), int(codes.max()) + 1), dtype=np.int64)
        np.add.at(counts, (positions.reshape(-1)[known], codes[known]), 1)
        guess = counts.argmax(axis=1)[positions.reshape(-1)[asked]]
    return float((guess == codes[asked]).mean())


def _nearest(known: Any, codes: Any, asked: Any) -> Any:
    """The class of the known value that is nearest to each value asked for."""
    import numpy as np

    order = np.argsort(known, kind="stable")
    ordered = known[order]
    right = np.clip(np.searchsorted(ordered, asked), 1, len(ordered) - 1)
    nearer = asked - ordered[right - 1] <= ordered[right] - asked
    return codes[order][np.where(nearer, right - 1, right)]


def _correlation(feature: Any, numbers: Any) -> float:
    import numpy as np

    if feature.dtype.kind != "f" or not np.isfinite(feature).all():
        return 0.0
    spread = float(feature.std() * numbers.std())
    if spread <= 0 or not math.isfinite(spread):
        return 0.0
    centred = (feature - feature.mean()) * (numbers - numbers.mean())
    return abs(float(centred.mean() / spread))
