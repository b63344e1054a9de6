"""Where an axis is labelled, and how: few characters that still tell neighbouring values apart. Pure."""

from __future__ import annotations

import math
from dataclasses import dataclass

from guardtui.chart.scale import Limits, nice_step

_SUFFIXES = ((1e12, "T"), (1e9, "G"), (1e6, "M"), (1e3, "k"), (1.0, ""))
_DURATION_STEPS = (
    1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 10800, 21600, 43200, 86400,
)  # fmt: skip
_DAY = 86400.0
_LONGEST = 1e12
"""Seconds beyond which a number isn't a duration."""
_MOST_DIGITS = 6
"""Labels that need more digits than this name only what they add to a common offset."""


@dataclass(frozen=True, slots=True)
class Ticks:
    """Labels at positions between 0 and 1, rising."""

    positions: tuple[float, ...]
    labels: tuple[str, ...]
    offset: str = ""
    """What every label is to be added to ("1.2e12"), when the labels say only the difference."""


def axis_ticks(limits: Limits, most: int, unit: str = "", *, whole: bool = False) -> Ticks:
    """At least two and at most ``most`` ticks (two if ``most`` is smaller); ``whole``: at whole numbers."""
    most = max(2, most)
    if unit == "s" and max(abs(limits.low), abs(limits.high)) > _LONGEST:
        unit = ""
    if limits.log:
        return _log_ticks(limits, most, unit)
    step = _tick_step(limits, most, unit, whole=whole)
    values = _multiples(limits, step) if step else []
    if len(values) < 2:
        values, step = [limits.low, limits.high], min(limits.high / 2 - limits.low / 2, 8e307) * 2
    labels, offset = label_values(values, step, unit)
    return Ticks(tuple(_positions(limits, values)), tuple(labels), offset)


def _positions(limits: Limits, values: list[float]) -> list[float]:
    span = limits.high / 4 - limits.low / 4
    return [min(1.0, max(0.0, (value / 4 - limits.low / 4) / span)) for value in values]


def _tick_step(limits: Limits, most: int, unit: str, *, whole: bool) -> float:
    """The smallest nice step that gives at most ``most`` ticks; 0 where no nice step is large enough."""
    span = limits.high / 4 - limits.low / 4
    rough = 4 * min(span / most, 2e307)
    if unit == "s" and rough >= 0.5:
        for duration in _DURATION_STEPS:
            if duration >= rough * 0.999 and len(_multiples(limits, duration)) <= most:
                return float(duration)
        return max(_DAY, nice_step(rough / _DAY) * _DAY)
    step = nice_step(max(rough, 1.0) if whole else rough)
    for _ in range(6):
        if len(_multiples(limits, step)) <= most and not (whole and step % 1):
            return step
        step = nice_step(step * 1.01)
    return 0.0


def _multiples(limits: Limits, step: float) -> list[float]:
    """Multiples of ``step`` within the limits (at most some hundred)."""
    first, last = math.ceil(limits.low / step - 1e-6), math.floor(limits.high / step + 1e-6)
    if last - first > 500:
        last = first + 500
    return [min(max(k * step, limits.low), limits.high) for k in range(first, last + 1)]


def _log_ticks(limits: Limits, most: int, unit: str) -> Ticks:
    """Decades; every n-th where there are many, with 2 and 5 between where there are few."""
    exponents = _log_exponents(limits, most)
    labels = [_log_label(exponent, unit) for exponent in exponents]
    return Ticks(tuple(_positions(limits, exponents)), tuple(labels))


def _log_exponents(limits: Limits, most: int) -> list[float]:
    first, last = math.ceil(limits.low - 1e-6), math.floor(limits.high + 1e-6)
    decades = list(range(first, last + 1))
    between = [
        decade + part
        for decade in range(first - 1, last + 1)
        for part in (0.0, math.log10(2), math.log10(5))
        if limits.low - 1e-6 <= decade + part <= limits.high + 1e-6
    ]
    if 2 <= len(between) <= most:
        return between
    if len(decades) >= 2:
        every = 1
        while len(decades[::every]) > most:
            every += 1
        return [float(decade) for decade in decades[::every]]
    return [limits.low, limits.high]


def _log_label(exponent: float, unit: str) -> str:
    whole = math.floor(exponent + 1e-9)
    mantissa = f"{10 ** (exponent - whole):.2g}"
    if abs(whole) >= 300:
        return f"{mantissa}e{whole}"
    value = float(f"{mantissa}e{whole}")
    if unit:
        return label_values([value], value, unit)[0][0]
    if -4 < whole < 4:
        return f"{value:g}"
    return _numbers([value], value, value)[0] if 0 < whole < 6 else f"{mantissa}e{whole}"


def label_values(values: list[float], step: float, unit: str = "") -> tuple[list[str], str]:
    """A label for each value, and the offset that all of them leave out ("" when they leave out none).

    >>> label_values([0.0, 2500.0, 5000.0, 10000.0], 2500.0)
    (['0', '2.5k', '5k', '10k'], '')
    >>> label_values([1.2e12, 1.2e12 + 5], 5.0)
    (['+0', '+5'], '1.2e12')
    """
    biggest = max(abs(value) for value in values)
    if biggest > 0 and step > 0 and math.log10(biggest) - math.log10(step) > _MOST_DIGITS:
        offset = _common_offset(values, step)
        labels, _ = label_values([value - offset for value in values], step, unit)
        return [label if label.startswith("-") else f"+{label}" for label in labels], _offset_text(
            offset, unit
        )
    if unit == "s" and biggest <= _LONGEST:
        return _durations(values, step, biggest), ""
    if unit == "%":
        return [f"{label}%" for label in _numbers(values, step, biggest)], ""
    if unit == "B":
        return [f"{label}B" for label in _numbers(values, step, biggest, smallest_suffixed=1e3)], ""
    return _numbers(values, step, biggest), ""


def _offset_text(offset: float, unit: str) -> str:
    if unit == "B":
        scale, suffix = next((pair for pair in _SUFFIXES if abs(offset) >= pair[0]), (1.0, ""))
        return f"{offset / scale:.15g}{suffix}B"
    plain = f"{offset:.15g}"
    mantissa, _, power = f"{offset:.14e}".partition("e")
    scientific = f"{_no_zeros(mantissa)}e{int(power)}"
    return min(plain, scientific, key=len)


def _common_offset(values: list[float], step: float) -> float:
    """A round number near the values, with as few digits as their spread allows."""
    spread = max(values) - min(values)
    unit = 10.0 ** math.ceil(math.log10(max(spread, step)))
    base = min(values, key=abs)
    return float(f"{math.trunc(base / unit) * unit:.15g}")


def _numbers(
    values: list[float], step: float, biggest: float, *, smallest_suffixed: float = 1e4
) -> list[str]:
    if biggest >= 1e15 or 0 < biggest < 1e-3:
        return [_scientific(value, step) for value in values]
    scale, suffix = 1.0, ""
    if biggest >= smallest_suffixed:
        scale, suffix = next(pair for pair in _SUFFIXES if biggest >= pair[0])
    decimals = _decimals(step / scale)
    if not suffix:
        return [_plain(value, decimals) for value in values]
    texts = [_plain(value / scale, decimals) for value in values]
    return [f"{_no_zeros(text)}{suffix}" if float(text) else "0" for text in texts]


def _plain(value: float, decimals: int) -> str:
    """Fixed decimals, and no minus before a zero."""
    text = f"{value:.{decimals}f}"
    return text.removeprefix("-") if float(text) == 0 else text


def _no_zeros(text: str) -> str:
    """Without the zeros at the end of its decimals."""
    return text.rstrip("0").rstrip(".") if "." in text else text


def _decimals(step: float) -> int:
    """Decimals that a multiple of ``step`` needs."""
    for decimals in range(12):
        scaled = step * 10.0**decimals
        if abs(scaled - round(scaled)) < 1e-4 * max(scaled, 1e-9) and round(scaled) > 0:
            return decimals
    return 12


def _scientific(value: float, step: float) -> str:
    """``3e-7``, ``2.5e-4``: a mantissa with as many digits as the step needs."""
    if value == 0 or abs(value) < step * 1e-6:
        return "0"
    exponent = math.floor(math.log10(abs(value)) + 1e-12)
    digits = max(0, exponent - math.floor(math.log10(step) + 1e-12) + 1)
    mantissa, _, power = f"{value:.{min(digits, 14)}e}".partition("e")
    return f"{_no_zeros(mantissa)}e{int(power)}"


def _durations(values: list[float], step: float, biggest: float) -> list[str]:
    if biggest < 1.0:
        scale, suffix = (1e3, "ms") if biggest >= 1e-3 else (1e6, "µs") if biggest >= 1e-6 else (1e9, "ns")
        decimals = min(3, _decimals(step * scale))
        return [_plain(value * scale, decimals) + (suffix if value else "") for value in values]
    if step < 1.0 or biggest < 120.0:
        decimals = _decimals(step) if step < 1.0 else 0
        return [_plain(value, decimals) + ("s" if value else "") for value in values]
    return [duration_label(value, step) for value in values]


def duration_label(seconds: float, step: float) -> str:
    """Two units at most, no finer than the step: ``45m``, ``1h30``, ``2d``."""
    if abs(seconds) < 0.5:
        return "0"
    sign, left = ("-" if seconds < 0 else ""), round(abs(seconds))
    days, left = divmod(left, 86400)
    hours, left = divmod(left, 3600)
    minutes, rest = divmod(left, 60)
    if days >= 100 or (days and step >= _DAY):
        return f"{sign}{days}d"
    if days:
        return f"{sign}{days}d{hours}h" if hours else f"{sign}{days}d"
    if hours:
        return f"{sign}{hours}h{minutes:02d}" if minutes else f"{sign}{hours}h"
    if minutes:
        return f"{sign}{minutes}m{rest:02d}" if step < 60 or rest else f"{sign}{minutes}m"
    return f"{sign}{rest}s"


def short(value: float, unit: str = "") -> str:
    """One value for a readout: four significant digits, zeros too, so that a live value keeps its width.

    >>> short(0.41237), short(1234567.0), short(3e-7), short(0.0123, "s"), short(float("nan"))
    ('0.4124', '1.235M', '3e-7', '12.3ms', 'NaN')
    """
    if math.isnan(value):
        return "NaN"
    if math.isinf(value):
        return "inf" if value > 0 else "-inf"
    if value == 0:
        return "0"
    if unit == "s" and abs(value) <= _LONGEST:
        return _short_duration(value)
    if unit == "B":
        return _significant(value, smallest_suffixed=1e3) + "B"
    if unit == "%":
        return f"{value:.1f}%"
    return _significant(value)


def _significant(value: float, *, smallest_suffixed: float = 1e5) -> str:
    size = abs(value)
    if size >= 1e15 or size < 1e-3:
        mantissa, _, power = f"{value:.3e}".partition("e")
        return f"{_no_zeros(mantissa)}e{int(power)}"
    if size < smallest_suffixed:
        return f"{value:.0f}" if size >= 1e3 or value == round(value) else f"{value:#.4g}"
    scale, suffix = next(pair for pair in _SUFFIXES if size >= pair[0])
    return f"{value / scale:#.4g}".rstrip(".") + suffix


def _short_duration(value: float) -> str:
    size = abs(value)
    if size >= 120:
        return duration_label(value, 1.0 if size < 3600 else 60.0)
    if size >= 1:
        return f"{value:.3g}s"
    scale, suffix = (1e3, "ms") if size >= 1e-3 else (1e6, "µs")
    return f"{value * scale:.3g}{suffix}"


def step_text(value: float, unit: str = "") -> str:
    """An x in the readout: whole steps with thousands separated, durations, or a plain number.

    >>> step_text(12400.0), step_text(0.25), step_text(5400.0, "s")
    ('12,400', '0.25', '1h30')
    """
    if unit == "s" or not math.isfinite(value):
        return short(value, "s")
    if value == round(value) and abs(value) < 1e15:
        return f"{int(value):,}"
    return f"{value:.6g}"
