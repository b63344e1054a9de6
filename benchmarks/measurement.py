"""How a cost is measured and told."""

from __future__ import annotations

import gc
import statistics
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Result:
    """One measured cost with its aim: at most ``aim``."""

    name: str
    measured: float
    aim: float
    unit: str
    """What the number is: ``of a bare orjson.loads loop``, ``MB``, ``ms``."""

    @property
    def held(self) -> bool:
        return self.measured <= self.aim


def interleaved(functions: Mapping[str, Callable[[], object]], *, repeats: int = 5) -> dict[str, float]:
    """Median processor seconds of each function, called in turn: a noisy neighbour disturbs all alike.

    Processor time of this process: what these functions do is computing, and other people's work on the
    same machine is not theirs.
    """
    taken: dict[str, list[float]] = {name: [] for name in functions}
    for _ in range(repeats):
        for name, function in functions.items():
            gc.collect()
            start = time.process_time()
            function()
            taken[name].append(time.process_time() - start)
    return {name: statistics.median(seconds) for name, seconds in taken.items()}


def median_ratio(function: Callable[[], object], floor: Callable[[], object], *, repeats: int = 5) -> float:
    """Median of the ratios of neighbouring runs of the two functions."""
    ratios = []
    for _ in range(repeats):
        pair = interleaved({"floor": floor, "function": function}, repeats=1)
        ratios.append(pair["function"] / pair["floor"])
    return statistics.median(ratios)


def table(results: list[Result]) -> str:
    """Results as lines: name, measured, aim, verdict."""
    wide = max(len(result.name) for result in results)
    lines = [f"{'cost':{wide}}  {'measured':>9}  {'aim':>7}  verdict"]
    for result in results:
        verdict = "held" if result.held else "MISSED"
        numbers = f"{_number(result.measured):>9}  {_number(result.aim):>7}"
        lines.append(f"{result.name:{wide}}  {numbers}  {verdict:7}  {result.unit}")
    return "\n".join(lines)


def _number(value: float) -> str:
    return f"{value:.0f}" if value >= 100 else f"{value:.3g}"
