"""What a training costs and how well it uses its machine: numbers from curves. Pure."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from guardrun.judging.facts import Mode, RunFacts, seconds_of
from guardrun.series.store import Series

FloatArray = NDArray[np.float64]

_LONGEST_GAP_S: Final = 60.0
"""Between two samples of power that still belong together; a longer one is a pause nobody measured."""
_JOULES_A_KWH: Final = 3.6e6

PEAK_FLOPS: Final[Mapping[str, float]] = {
    "GB200": 2.5e15, "B200": 2.25e15, "H200": 989e12, "GH200": 989e12, "H100 PCIe": 756e12,
    "H100 NVL": 835e12, "H100": 989e12, "H800": 989e12, "A100": 312e12, "A800": 312e12, "A30": 165e12,
    "A10G": 70e12, "A10": 125e12, "L40S": 362e12, "L40": 181e12, "L4": 121e12, "V100": 125e12, "T4": 65e12,
}  # fmt: skip
"""GPU -> dense bf16 (fp16 where there is no bf16) tensor FLOPs a second, by NVIDIA's data sheets."""


class Pace(NamedTuple):
    """How fast a training was; None where its log does not say."""

    step_time: float | None
    data_time: float | None
    data_share: float | None
    samples_per_s: float | None
    tokens_per_s: float | None
    effective_batch: float | None


class Quality(NamedTuple):
    """The best value so far against what it had cost until then."""

    step: int
    hours: float
    cost: float | None
    best: float


def pace(ranks: Sequence[Mapping[str, Series]]) -> Pace:
    """Steps of rank 0, throughput of all ranks together.

    Throughput is samples over time of all the steps, not a mean of rates: slow steps count by their length.
    """
    times = _finite(ranks[0].get("step_time")) if ranks else np.empty(0)
    waits = _finite(ranks[0].get("data_time")) if ranks else np.empty(0)
    batches = [_per_step(rank, "samples_per_s") for rank in ranks]
    whole = all(batch is not None for batch in batches) and bool(batches)
    return Pace(
        step_time=_median(times),
        data_time=_median(waits),
        data_share=_share(waits, times),
        samples_per_s=_summed(ranks, "samples_per_s"),
        tokens_per_s=_summed(ranks, "tokens_per_s"),
        effective_batch=math.fsum(batch for batch in batches if batch is not None) if whole else None,
    )


def _finite(series: Series | None) -> FloatArray:
    if series is None:
        return np.empty(0)
    return series.value[np.isfinite(series.value)]


def _median(values: FloatArray) -> float | None:
    return float(np.median(values)) if len(values) else None


def _share(part: FloatArray, whole: FloatArray) -> float | None:
    total = float(np.sum(whole))
    if not len(part) or len(part) != len(whole) or total <= 0:
        return None
    return min(1.0, max(0.0, float(np.sum(part)) / total))


def _paired(rank: Mapping[str, Series], name: str) -> tuple[FloatArray, FloatArray] | None:
    """(rates, step times) of the rows that have both."""
    rate, time = rank.get(name), rank.get("step_time")
    if rate is None or time is None:
        return None
    times = dict(zip(zip(time.attempt.tolist(), time.step.tolist(), strict=True), time.value.tolist(),
                     strict=True)) if len(rate) != len(time) else None  # fmt: skip
    if times is None:
        seconds = time.value
    else:
        keys = zip(rate.attempt.tolist(), rate.step.tolist(), strict=True)
        seconds = np.array([times.get(key, math.nan) for key in keys])
    good = np.isfinite(rate.value) & np.isfinite(seconds) & (seconds > 0) & (rate.value > 0)
    return (rate.value[good], seconds[good]) if good.any() else None


def _summed(ranks: Sequence[Mapping[str, Series]], name: str) -> float | None:
    rates = []
    for rank in ranks:
        pair = _paired(rank, name)
        if pair is None:
            return None
        rates.append(float(np.sum(pair[0] * pair[1]) / np.sum(pair[1])))
    return math.fsum(rates) if rates else None


def _per_step(rank: Mapping[str, Series], name: str) -> float | None:
    """Samples of one optimizer step: the median, which the short last batch of an epoch does not move."""
    pair = _paired(rank, name)
    if pair is None:
        return None
    found = float(np.median(pair[0] * pair[1]))
    whole = round(found)
    return float(whole) if whole and abs(found - whole) < 0.01 * whole else found


def highest(curves: Iterable[Series | None]) -> float | None:
    """The highest finite value of several curves."""
    values = [_finite(series) for series in curves]
    return max((float(np.max(each)) for each in values if len(each)), default=None)


def energy_kwh(power: Iterable[Series]) -> float | None:
    """Kilowatt hours under curves of watts (trapezoids); pauses that nobody measured count nothing."""
    joules, measured = 0.0, False
    for series in power:
        good = np.isfinite(series.value) & np.isfinite(series.t)
        t, watts = series.t[good], series.value[good]
        if len(t) < 2:
            continue
        gaps = np.diff(t)
        mean = (watts[1:] + watts[:-1]) / 2
        counted = (gaps > 0) & (gaps <= _LONGEST_GAP_S)
        joules += float(np.sum(gaps[counted] * mean[counted]))
        measured = True
    return joules / _JOULES_A_KWH if measured else None


def peak_flops_of(gpu: str) -> float | None:
    """Dense bf16 FLOPs a second of a GPU by its name; None for one that is not in the table.

    >>> peak_flops_of("NVIDIA H100 80GB HBM3"), peak_flops_of("NVIDIA GeForce GTX 1080")
    (989000000000000.0, None)
    """
    words = gpu.replace("-", " ").split()
    for name, peak in PEAK_FLOPS.items():
        if all(part in words for part in name.split()):
            return peak
    return None


def model_flops_utilisation(
    *,
    flops_per_step: float | None,
    flops_per_token: float | None,
    step_time: float | None,
    tokens_per_s: float | None,
    peak: float | None,
    devices: int,
) -> float | None:
    """Share of the hardware's peak that the model's own arithmetic used, as in the PaLM paper (appendix B).

    ``flops_per_step``: forward and backward of one optimizer step, all ranks together; ``flops_per_token``:
    the same of one token (about 6 times the parameters of a transformer). ``peak``: of one device.
    """
    if peak is None or peak <= 0 or devices < 1:
        return None
    if flops_per_token is not None and tokens_per_s is not None:
        return flops_per_token * tokens_per_s / (peak * devices)
    if flops_per_step is not None and step_time is not None and step_time > 0:
        return flops_per_step / step_time / (peak * devices)
    return None


def quality_curve(facts: RunFacts, metric: str | None = None, mode: Mode | None = None) -> list[Quality]:
    """The best value so far at every evaluation that improved it, against training hours and money.

    Money grows evenly with time: it is what the configured price an hour makes of it.
    """
    name = metric or (facts.monitor.name if facts.monitor else None)
    way = mode or (facts.monitor.mode if facts.monitor else "min")
    series = facts.curves.get(name) if name else None
    if series is None:
        return []
    seconds = seconds_of(facts.attempts, series)
    price = facts.cost / facts.hours if facts.cost is not None and facts.hours else None
    kept = np.isfinite(series.value) & np.isfinite(seconds)
    value = np.where(kept, series.value, -math.inf if way == "max" else math.inf)
    running = np.maximum.accumulate(value) if way == "max" else np.minimum.accumulate(value)
    improved = kept & np.concatenate((np.isfinite(running[:1]), running[1:] != running[:-1]))
    curve = []
    for index in np.flatnonzero(improved).tolist():
        hours, step = float(seconds[index]) / 3600, float(series.step[index])
        cost = None if price is None else hours * price
        curve.append(Quality(int(step) if math.isfinite(step) else 0, hours, cost, float(running[index])))
    return curve


def margin(facts: RunFacts) -> float | None:
    """By how much the run's best value is better than the baseline's, in the metric's unit.

    None without a baseline, or when that is of another metric. Negative: the baseline is better.
    """
    baseline, monitor = facts.baseline, facts.monitor
    if baseline is None:
        return None
    if monitor is not None and baseline.metric == monitor.name and facts.best is not None:
        reached = facts.best.value
        mode: Mode = monitor.mode
    else:
        series = facts.curves.get(baseline.metric)
        found = mode_of_metric(baseline.metric)
        if series is None or found is None or not len(series):
            return None
        finite = _finite(series)
        if not len(finite):
            return None
        mode = found
        reached = float(finite.max() if mode == "max" else finite.min())
    return reached - baseline.value if mode == "max" else baseline.value - reached


def mode_of_metric(name: str) -> Mode | None:
    """Whether less or more of it is better, where the name tells."""
    from guardrun.provenance.config.normal import mode_of

    found = mode_of(name)
    return None if found is None else "max" if found == "max" else "min"
