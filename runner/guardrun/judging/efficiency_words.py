"""What a run cost and how well it used its machine, as short lines and as JSON. Pure."""

from __future__ import annotations

from typing import Any, Final

from guardrun.judging.compare_words import duration
from guardrun.judging.efficiency import Quality, margin, quality_curve
from guardrun.judging.facts import RunFacts
from guardrun.state.money import money_words

_DOT: Final = " · "
_MOST_OF_IT: Final = 0.95
_MOST_POINTS: Final = 200


def efficiency_lines(facts: RunFacts) -> list[str]:
    """Pace, batch and precision, memory and energy, quality per cost, margin; nothing that is not known."""
    parts = (_pace(facts), _batch(facts), _machine(facts))
    lines = [_DOT.join(part) for part in parts if part]
    return [*lines, *filter(None, (_quality(facts), _margin(facts)))]


def _pace(facts: RunFacts) -> list[str]:
    found = []
    if facts.step_time is not None:
        wait = ""
        if facts.data_share is not None:
            wait = f", {facts.data_share:.0%} of it waiting for data"
        found.append(f"{seconds(facts.step_time)} a step{wait}")
    if facts.samples_per_s is not None:
        found.append(f"{_rate(facts.samples_per_s)} samples/s")
    if facts.tokens_per_s is not None:
        found.append(f"{_rate(facts.tokens_per_s)} tokens/s")
    if facts.mfu is not None:
        found.append(f"model FLOPs utilisation {facts.mfu:.1%}")
    return found


def _batch(facts: RunFacts) -> list[str]:
    found = []
    if facts.effective_batch is not None:
        of = []
        if facts.accumulate is not None and facts.accumulate > 1:
            of.append(f"{facts.accumulate} accumulated")
        if facts.world_size > 1:
            of.append(f"{facts.world_size} ranks")
        found.append(f"effective batch {facts.effective_batch:.4g}" + (f" ({', '.join(of)})" if of else ""))
    if facts.precision is not None:
        found.append(f"precision {facts.precision}")
    if facts.loss_scale is not None:
        found.append(f"loss scale {facts.loss_scale:g}")
    return found


def _machine(facts: RunFacts) -> list[str]:
    found = []
    if facts.peak_gpu_bytes is not None:
        found.append(f"peak GPU memory {_bytes(facts.peak_gpu_bytes)}")
    if facts.peak_host_bytes is not None:
        found.append(f"peak memory {_bytes(facts.peak_host_bytes)}")
    if facts.gpu_hours:
        found.append(f"{facts.gpu_hours:.3g} GPU hours")
    if facts.energy_kwh is not None:
        found.append(f"{facts.energy_kwh:.3g} kWh")
    return found


def _quality(facts: RunFacts) -> str:
    """When most of the gain was there, and what the rest cost."""
    curve = quality_curve(facts)
    most = most_of_the_gain(curve)
    if most is None or not facts.hours or facts.monitor is None:
        return ""
    total = max(facts.hours, most.hours)
    text = f"{_MOST_OF_IT:.0%} of the gain in {facts.monitor.name} after {duration(most.hours)}"
    rest = 1 - most.hours / total
    money = ""
    if most.cost is not None and facts.cost is not None:
        money = f" and {money_words(max(0.0, facts.cost - most.cost), facts.currency)}"
    return f"{text}; the rest took {rest:.0%} of the time{money}"


def most_of_the_gain(curve: list[Quality]) -> Quality | None:
    """The first point that had 95 % of what was gained from the first evaluation to the best."""
    if len(curve) < 2:
        return None
    first, best = curve[0].best, curve[-1].best
    needed = first + _MOST_OF_IT * (best - first)
    return next(p for p in curve if (p.best >= needed if best > first else p.best <= needed))


def _margin(facts: RunFacts) -> str:
    baseline, by = facts.baseline, margin(facts)
    if baseline is None:
        return ""
    model = f" ({baseline.model})" if baseline.model else ""
    if by is None:
        return f"baseline{model}: {baseline.metric} {baseline.value:.4g}"
    word = "better" if by > 0 else "worse"
    amount = f"{abs(by):.4g} {word} than" if by else "no better than"
    return f"{amount} the baseline{model}, {baseline.metric} {baseline.value:.4g}"


def efficiency_json(facts: RunFacts) -> dict[str, Any]:
    """Every number of it; null where it is not known. ``quality`` holds at most 200 points of the curve."""
    curve = quality_curve(facts)
    every = -(-len(curve) // _MOST_POINTS) or 1
    kept = curve[::-every][::-1]
    baseline = facts.baseline
    return {
        "hours": facts.hours, "gpus": facts.gpus, "gpu_hours": facts.gpu_hours,
        "energy_kwh": facts.energy_kwh, "cost": facts.cost, "currency": facts.currency,
        "step_time": facts.step_time, "data_time": facts.data_time, "data_share": facts.data_share,
        "samples_per_s": facts.samples_per_s, "tokens_per_s": facts.tokens_per_s,
        "effective_batch": facts.effective_batch, "accumulate": facts.accumulate,
        "world_size": facts.world_size, "precision": facts.precision, "loss_scale": facts.loss_scale,
        "peak_gpu_bytes": facts.peak_gpu_bytes, "peak_host_bytes": facts.peak_host_bytes, "mfu": facts.mfu,
        "baseline": None if baseline is None else baseline._asdict(),
        "margin_over_baseline": margin(facts),
        "quality": [point._asdict() for point in kept],
    }  # fmt: skip


def seconds(value: float) -> str:
    """A short time in one unit.

    >>> [seconds(s) for s in (0.0000421, 0.00421, 0.25, 4.2)]
    ['42.1 µs', '4.21 ms', '250 ms', '4.2 s']
    """
    for factor, unit in ((1.0, "s"), (1e3, "ms")):
        if value * factor >= 1:
            return f"{value * factor:.3g} {unit}"
    return f"{value * 1e6:.3g} µs"


def _rate(value: float) -> str:
    return f"{value:,.0f}" if value >= 100 else f"{value:.3g}"


def _bytes(value: float) -> str:
    for unit in ("B", "kB", "MB", "GB"):
        if value < 1000:
            return f"{value:.3g} {unit}"
        value /= 1000
    return f"{value:.3g} TB"
