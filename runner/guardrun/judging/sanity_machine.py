"""Determinism, precision, batch size and data: verdicts from short trials. Pure."""

from __future__ import annotations

import math
import statistics
from collections.abc import Mapping, Sequence
from typing import Any, Final, NamedTuple

from guardrun.judging.checklist_origin import LEAKS, never_compared
from guardrun.judging.sanity_model import Item, Trial, troubles

_TIMES: Final = frozenset(("step_time", "data_time", "samples_per_s", "tokens_per_s"))
_MB: Final = 1024 * 1024
_NEVER_MERELY_ODD: Final = frozenset(("label_leak",))
"""Findings that a check takes for a failure even where a recorded run is only warned of them."""


# -- determinism


def compared(first: Trial, second: Trial) -> tuple[int, tuple[str, float] | None]:
    """How many values both have, and the first that differs: its curve and step."""
    count = 0
    earliest: tuple[str, float] | None = None
    for name in sorted(set(first.curves) & set(second.curves)):
        if name in _TIMES or name.startswith(("gpu/", "cpu/", "memory/")):
            continue
        (steps, values), theirs = first.curves[name], dict(zip(*second.curves[name], strict=True))
        for step, value in zip(steps, values, strict=True):
            if step not in theirs:
                continue
            count += 1
            other = theirs[step]
            same = value == other or (math.isnan(value) and math.isnan(other))
            if not same and (earliest is None or step < earliest[1]):
                earliest = (name, step)
    return count, earliest


def judge_determinism(first: Trial, second: Trial, forced: Sequence[Trial]) -> Item:
    """Two trainings of one seed must be equal. ``forced``: one or two under ``deterministic: true``."""
    name = "determinism"
    if (found := troubles(name, first) or troubles(name, second)) is not None:
        return found
    count, differs = compared(first, second)
    if not count:
        return Item(name, "unknown", "no value of both trainings could be compared", "run.log(loss=loss)")
    cost = _cost(second, forced)
    numbers: dict[str, Any] = {"values": count, "steps": second.steps, "deterministic_cost": cost}
    price = "" if cost is None else f"; deterministic: true takes {cost:.2f} times as long a step"
    if differs is None:
        text = f"{count} values of two trainings are equal over {second.steps} steps{price}"
        return Item(name, "pass", text, numbers=numbers)
    numbers |= {"differs": differs[0], "at_step": differs[1]}
    text = f"two trainings of one seed differ from step {differs[1]:.0f} on ({differs[0]})"
    if len(forced) > 1 and compared(forced[0], forced[1])[1] is None:
        text = f"{text}; with deterministic: true they are equal{price}"
        return Item(name, "fail", text, "deterministic: true", numbers)
    way = (
        "run.seed() before anything random is made, **run.loader_kwargs() for the loader; look for "
        "generators of other libraries, and for time or hash order in the data"
    )
    return Item(name, "fail", text, way, numbers)


def _cost(plain: Trial, forced: Sequence[Trial]) -> float | None:
    mine = step_time(plain)
    theirs = step_time(forced[0]) if forced and forced[0].end == "finished" else None
    return theirs / mine if mine and theirs else None


def step_time(trial: Trial) -> float | None:
    """Median seconds of a step, the first few left out; None: not measured."""
    times = trial.values("step_time")
    settled = times[min(5, len(times) // 2) :]
    return statistics.median(settled) if settled else None


# -- memory


def peak(trial: Trial) -> float | None:
    """Most memory of the training: of its GPU where it used one, else resident."""
    told = trial.own_end
    found = told.get("peak_gpu_bytes") or told.get("peak_host_bytes")
    return float(found) if isinstance(found, int | float) else None


# -- batch size


class Probe(NamedTuple):
    """A training with that batch size: what it took."""

    batch: int
    """Examples of the greatest batch that was seen."""
    bytes: float | None
    fits: bool
    samples_per_s: float | None = None


def probe_of(trial: Trial, limit: float) -> Probe | None:
    """None: it never showed a batch."""
    seen = trial.own_end.get("batch")
    taken = peak(trial)
    rates = trial.values("samples_per_s") or trial.values("tokens_per_s")
    fits = trial.end == "finished" and (taken is None or taken <= limit)
    if trial.end == "out of memory":
        return Probe(0, None, False)
    if not isinstance(seen, int) or not seen:
        return None
    return Probe(seen, taken, fits, statistics.median(rates) if rates else None)


def next_batch(probes: Sequence[Probe], limit: float, most: int) -> int | None:
    """The batch to try next, by a straight line through what was measured; None: there is nothing to gain.

    Memory is taken to grow evenly with the batch; the proposal is then proved by a training of its own.
    """
    good = [probe for probe in probes if probe.fits and probe.bytes is not None]
    if not good or len(probes) > 4:
        return None
    first, last = good[0], max(good)
    if last.batch >= most:
        return None
    if len(probes) == 1:
        return min(most, 4 * first.batch)
    if not probes[-1].fits:
        halved = last.batch * max(1, int(math.sqrt(probes[-1].batch / last.batch))) if probes[-1].batch else 0
        return halved if halved > last.batch else None
    slope = max(0.0, float(last.bytes or 0) - float(first.bytes or 0)) / max(1, last.batch - first.batch)
    room = limit - float(last.bytes or 0)
    reach = most if slope <= 0 else min(most, last.batch + int(room / slope))
    if reach < most:
        reach = first.batch * 2 ** int(math.log2(max(1, reach / first.batch)))
    return reach if reach > last.batch and len(probes) < 3 else None


def judge_batch_size(
    probes: Sequence[Probe], limit: float, most: int, where: str, *, whole: bool = True
) -> Item:
    """The largest batch that fits, with the head-room that ``limit`` leaves.

    ``most`` is the largest that was worth trying: ``whole``: all of train.
    """
    name = "batch-size"
    if not probes:
        return Item(
            name, "unknown", "no batch of the training was seen", "take batches from run.steps(loader)"
        )
    good = [probe for probe in probes if probe.fits]
    numbers = {"probes": [probe._asdict() for probe in probes], "limit_bytes": limit, "most": most}
    if not good or not probes[0].fits:
        return Item(name, "fail", f"a batch of {probes[0].batch} takes more than {_size(limit)} {where}",
                    "a smaller batch with run.steps(accumulate=n), or --memory", numbers)  # fmt: skip
    best = max(good)
    numbers["largest"] = best.batch
    reach = "" if best.batch < most else " (all of train)" if whole else " (no more was tried)"
    tried = ", ".join(_probe(probe) for probe in sorted(set(probes)))
    text = f"batches up to {best.batch}{reach} fit into {_size(limit)} {where}: {tried}"
    return Item(name, "pass", text, numbers=numbers)


def _probe(probe: Probe) -> str:
    if not probe.fits:
        return f"{probe.batch or 'more'} does not fit"
    rate = f", {probe.samples_per_s:,.0f}/s" if probe.samples_per_s else ""
    return f"{probe.batch} takes {_size(probe.bytes or 0)}{rate}"


def _size(count: float) -> str:
    return f"{count / 1024 / _MB:.1f} GB" if count >= 1024 * _MB else f"{count / _MB:.0f} MB"


# -- data


def judge_data(trial: Trial, leakage: bool) -> Item:
    """What ``run.data`` found in the data: leaks across splits, or everything else."""
    name = "leakage" if leakage else "data"
    if not trial.data:
        if (found := troubles(name, trial)) is not None:
            return found
        return Item(
            name, "unknown", "no data passed through guard", 'run.data("train", …) and run.data("val", …)'
        )
    found_here = [one for one in trial.findings if (one.get("id") in LEAKS) == leakage]
    acts = [one for one in found_here if one.get("severity") == "act" or one.get("id") in _NEVER_MERELY_ODD]
    numbers: dict[str, Any] = {"findings": [_short(one) for one in found_here[:20]]}
    if acts:
        more = f" (and {len(acts) - 1} more)" if len(acts) > 1 else ""
        return Item(name, "fail", f"{acts[0].get('message')}{more}", str(acts[0].get("next") or ""), numbers)
    names = [str(one.get("name")) for one in trial.data]
    numbers["splits"] = names
    if leakage:
        return _leakage_free(trial, names, found_here, numbers)
    if not leakage and (blind := _never_seen(trial)) is not None:
        return blind
    seen = [f"{one.get('name')} {one['count']}" for one in trial.data if one.get("count") is not None]
    text = (
        f"{', '.join(seen) or ', '.join(names)}: nothing is wrong with it"
        if not found_here
        else _told(found_here)
    )
    return Item(name, "pass", text, str(found_here[0].get("next") or "") if found_here else "", numbers)


def _never_seen(trial: Trial) -> Item | None:
    """Data of which nothing was looked at can't be called sound."""
    blind = [one for one in trial.data if not one.get("fields") and one.get("classes") is None]
    if not blind:
        return None
    names = ", ".join(str(one.get("name")) for one in blind)
    why = str(blind[0].get("statistics_rule") or "").removeprefix("none: ") or "guard can't read it"
    return Item(
        "data", "unknown", f"{names} could not be looked at: {why}",
        "hand arrays, tensors, a table or a data set with a length to run.data",
    )  # fmt: skip


def _leakage_free(
    trial: Trial, names: list[str], found: list[Mapping[str, Any]], numbers: dict[str, Any]
) -> Item:
    if len(names) < 2:
        return Item("leakage", "unknown", f"only {', '.join(names)} passed through guard",
                    'run.data("val", …) as well: shared examples would not show', numbers)  # fmt: skip
    apart = never_compared({str(one.get("name")): one for one in trial.data})
    if apart:
        if all(_is_stream(trial, name) for name in names):
            return _streams_differ(trial, names, numbers)
        text = f"{', '.join(apart)} could not be compared with the other splits example by example"
        way = "hand arrays or data sets to run.data without augmentation, and augment what it returns"
        return Item("leakage", "unknown", text, way, numbers)
    if found:
        return Item("leakage", "pass", _told(found), str(found[0].get("next") or ""), numbers)
    return Item("leakage", "pass", f"{', '.join(names)} share no example; no feature gives the label away",
                numbers=numbers)  # fmt: skip


def _streams_differ(trial: Trial, names: list[str], numbers: dict[str, Any]) -> Item:
    """Rows of tokens have no examples to compare: only whether one is the other can be told."""
    hashes = [one.get("sha256") for one in trial.data]
    if None in hashes:
        return Item("leakage", "unknown", "the splits have no hash to compare", "", numbers)
    if len(set(hashes)) < len(hashes):
        text = f"two of {', '.join(names)} are the same tokens"
        return Item("leakage", "fail", text, "cut the text into parts that do not overlap", numbers)
    return Item("leakage", "pass", f"{', '.join(names)} are rows of tokens, each another", "", numbers)


def _is_stream(trial: Trial, name: str) -> bool:
    labels = trial.told_of(name.lower()).get("labels")
    return isinstance(labels, Mapping) and labels.get("kind") == "tokens"


def _told(found: Sequence[Mapping[str, Any]]) -> str:
    return "; ".join(str(one.get("message")) for one in found[:2])


def _short(one: Mapping[str, Any]) -> dict[str, Any]:
    return {key: one.get(key) for key in ("id", "severity", "message", "next")}
