"""On which splits a normalisation was fitted, read from what it left behind.

Data that was standardised by the statistics of a set of examples has mean 0 and standard deviation 1 over
exactly that set: over train when it was done right, over the test set or over everything when it leaked.
The mean and the deviation of several splits together follow from those of each.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from itertools import combinations
from typing import Any

from guardrun.provenance.data.findings import TRAIN, Finding, finding, role_of

EXACT = 3e-4
"""So far from 0 and 1 the statistics of the fitted set may be: float32 and rounding."""
TIMES = 15.0
"""So much further from them train must be, before anything is said."""
LEAST = 2e-3
CONSTANT = 1e-6
MANY_SPLITS = 5

SHARE = 0.1
"""Of the positions that vary, at least."""
POSITIONS = 3
"""Fewer positions between 0 and 1 may be so by chance, or by a fixed scale."""
EDGE = 1e-6

Pooled = tuple[float, Any, Any]
"""Count, means and population standard deviations (float64 arrays) of the positions of one column."""


def judge_normalisation(records: Mapping[str, Mapping[str, Any]]) -> list[Finding]:
    """A finding for each column that is standardised over another set of splits than train.

    ``records`` are those of all splits so far, by name, with statistics of every example.
    """
    known = {name: record for name, record in records.items() if role_of(name)}
    train = [name for name in known if role_of(name) == TRAIN]
    if len(train) != 1 or not 2 <= len(known) <= MANY_SPLITS:
        return []
    found = []
    for column, facts in dict(known[train[0]].get("fields", {})).items():
        if facts.get("label") or facts.get("kind") != "numeric":
            continue
        pools = {name: pooled_of(record, column) for name, record in known.items()}
        whole = {name: pool for name, pool in pools.items() if pool is not None}
        told = _judge_column(train[0], column, whole) if train[0] in whole else None
        told = told or _judge_ranges(train[0], column, known)
        if told is not None:
            found.append(told)
    return found


def pooled_of(record: Mapping[str, Any], column: str) -> Pooled | None:
    """What is needed to pool a column with another split's; None when it was not seen whole."""
    facts = record.get("fields", {}).get(column)
    if not facts or facts.get("kind") != "numeric" or facts.get("mean") is None:
        return None
    if record.get("statistics_rule") != "all examples":
        return None
    import numpy as np

    positions = facts.get("positions") or {"mean": [facts["mean"]], "std": [facts["std"]]}
    return float(facts["count"]), np.asarray(positions["mean"]), np.asarray(positions["std"])


def pool(parts: list[Pooled]) -> Pooled:
    """Count, means and deviations of several splits taken together."""
    import numpy as np

    total = sum(count for count, _, _ in parts)
    means = sum(count * mean for count, mean, _ in parts) / total
    squares = sum(count * (std**2 + (mean - means) ** 2) for count, mean, std in parts) / total
    return total, means, np.sqrt(squares)


def distances(fitted: Pooled) -> Any:
    """How far each position is from mean 0 and deviation 1; infinite for a constant one.

    The deviation may have been that of the sample (n - 1) or of the population (n).
    """
    import numpy as np

    count, means, stds = fitted
    sample = math.sqrt(count / max(1.0, count - 1.0))
    scale = np.minimum(np.abs(stds - 1), np.abs(stds * sample - 1))
    return np.where(stds >= CONSTANT, np.maximum(np.abs(means), scale), np.inf)


def _judge_column(train: str, column: str, pools: Mapping[str, Pooled]) -> Finding | None:
    """Position by position, since some columns of a table are left as they are; then all taken as one."""
    if len({len(one[1]) for one in pools.values()}) != 1 or len(pools) < 2:
        return None
    for candidates in (dict(pools), {name: _flat(one) for name, one in pools.items()}):
        own = distances(candidates[train])
        best: tuple[int, tuple[str, ...], float] = (0, (), math.inf)
        for size in range(1, len(candidates) + 1):
            for chosen in combinations(candidates, size):
                theirs = distances(pool([candidates[name] for name in chosen]))
                hit = (theirs <= EXACT) & (own >= LEAST) & (own >= TIMES * theirs)
                if hit.sum() > best[0]:
                    best = (int(hit.sum()), chosen, float(theirs[hit].max()))
        varied = int((own < math.inf).sum())
        if best[0] >= max(1, SHARE * varied):
            return _tell(train, column, best[1], best[2], best[0], varied)
    return None


def _flat(one: Pooled) -> Pooled:
    """All positions as one, for a normalisation by one mean and one deviation."""
    import numpy as np

    count, means, stds = one
    mean = means.mean()
    spread = np.sqrt((stds**2 + (means - mean) ** 2).mean())
    return count, np.asarray([mean]), np.asarray([spread])


def _judge_ranges(train: str, column: str, known: Mapping[str, Mapping[str, Any]]) -> Finding | None:
    """Every position reaches from 0 to 1 over all splits together, and not over train."""
    import numpy as np

    if any(record.get("statistics_rule") != "all examples" for record in known.values()):
        return None
    positions = {name: record["fields"].get(column, {}).get("positions") for name, record in known.items()}
    if any(one is None for one in positions.values()) or len({len(p["min"]) for p in positions.values()}) > 1:
        return None
    lows = {name: np.asarray(one["min"]) for name, one in positions.items()}
    highs = {name: np.asarray(one["max"]) for name, one in positions.items()}
    low, high = np.min(list(lows.values()), axis=0), np.max(list(highs.values()), axis=0)
    varied = high > low
    scaled = (np.abs(low) <= EDGE) & (np.abs(high - 1) <= EDGE)
    short = (lows[train] > EDGE) | (highs[train] < 1 - EDGE)
    if varied.sum() < POSITIONS or not scaled[varied].all() or not short[varied].any():
        return None
    return finding(
        "normalised_on_other_data", "act",
        f"{'the inputs are' if column == '0' else f'the column {column} is'} scaled to 0…1 over all splits "
        f"together, not over {train} alone: the splits that are measured on were seen by the preprocessing",
        f"take minimum and maximum from {train} and use them for every split",
        column=column, fitted_on=list(known), positions_short=int(short[varied].sum()),
    )  # fmt: skip


def _tell(train: str, column: str, names: tuple[str, ...], best: float, hits: int, varied: int) -> Finding:
    what = "the inputs are" if column == "0" else f"the column {column} is"
    over = " and ".join(names) if len(names) < 3 else ", ".join(names[:-1]) + f" and {names[-1]}"
    together = " together" if len(names) > 1 else ""
    return finding(
        "normalised_on_other_data", "act",
        f"{what} standardised over {over}{together}, not over {train} alone: "
        f"the splits that are measured on were seen by the preprocessing",
        f"compute mean and deviation from {train} and use them for every split "
        "(run.fit_statistics gives both)",
        column=column, fitted_on=list(names), distance=best, positions=hits, of=varied,
    )  # fmt: skip


def judge_fit(
    fitted: Mapping[str, Any],
    hashes: Any,
    examples: Mapping[str, Any],
    records: Mapping[str, Mapping[str, Any]],
) -> list[Finding]:
    """Whether statistics came from other data than train: ``fitted`` is the record of what they came from.

    The same hash as another split, or examples that are in another split and not in train, prove it.
    """
    name = str(fitted.get("name"))
    found: list[Finding] = []
    for other, record in records.items():
        if role_of(other) in ("", TRAIN):
            continue
        same = bool(fitted.get("sha256")) and fitted.get("sha256") == record.get("sha256")
        count = _only_there(hashes, other, examples)
        if not same and not count:
            found += _by_count(fitted, hashes, examples, other, records)
        else:
            how = f"it is {other}" if same else f"{count} of its examples are in {other}"
            found.append(finding(
                "fitted_on_other_data", "act",
                f"the statistics of {name} were not fitted on train alone: {how}",
                "fit them on train and use them for every split", split=other, count=count, same=same,
            ))  # fmt: skip
    return found


def _by_count(
    fitted: Mapping[str, Any], hashes: Any, examples: Mapping[str, Any], other: str,
    records: Mapping[str, Mapping[str, Any]],
) -> list[Finding]:  # fmt: skip
    """Where no example can be found again (they were normalised since), the number of them may still tell."""
    if hashes is not None and any(len(_both(hashes, theirs)) for theirs in examples.values()):
        return []
    counts = {name: record.get("count") for name, record in records.items() if role_of(name)}
    train = [count for name, count in counts.items() if role_of(name) == TRAIN]
    count = fitted.get("count")
    if len(train) != 1 or not count or count == train[0] or not all(counts.values()):
        return []
    together = count == sum(int(one or 0) for one in counts.values())
    if not together and count != counts.get(other):
        return []
    what = " and ".join(counts) + " together" if together else other
    return [finding(
        "fitted_on_other_data", "warn",
        f"the statistics of {fitted.get('name')} came from {count} examples: as many as {what} hold, "
        f"not the {train[0]} of train",
        "fit them on train and use them for every split", split=other, count=count, same=False,
    )]  # fmt: skip


def _both(one: Any, other: Any) -> Any:
    import numpy as np

    return np.intersect1d(one, other)


def _only_there(hashes: Any, other: str, examples: Mapping[str, Any]) -> int:
    """Examples that the fit shares with this split and with no training split."""
    if hashes is None or other not in examples:
        return 0
    import numpy as np

    mine = np.intersect1d(hashes, examples[other])
    for name, theirs in examples.items():
        if role_of(name) == TRAIN:
            mine = np.setdiff1d(mine, theirs)
    return len(mine)
