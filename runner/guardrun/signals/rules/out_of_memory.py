"""The training ended because memory was full."""

from __future__ import annotations

import re
from typing import Final

from guardrun.signals.context import Context
from guardrun.signals.machine import memories, place
from guardrun.signals.model import About, Finding, Point

_GPU: Final = re.compile(
    r"(?:CUDA|HIP|MPS backend|XPU)[ \w:]{0,20}out of memory|CUDA error: out of memory|torch\.OutOfMemoryError"
    r"|(?:cuda|torch)\S{0,20}OutOfMemoryError|CUBLAS_STATUS_ALLOC_FAILED|CUDNN_STATUS_ALLOC_FAILED"
    r"|RESOURCE_EXHAUSTED: Out of memory|ResourceExhaustedError|hipErrorOutOfMemory|cudaErrorMemoryAllocation"
)
_HOST: Final = re.compile(
    r"(?<![A-Za-z])_?(?:Array)?MemoryError|std::bad_alloc|DefaultCPUAllocator: (?:can't|not enough)"
    r"|Cannot allocate memory|Killed signal.{0,20}memory|oom[-_ ]kill|[Oo]ut of memory: [Kk]ill"
    r"|is killed by signal: Killed|out of memory: the kernel"
)
_ANY: Final = re.compile(r"OutOfMemoryError|out of memory", re.IGNORECASE)
_LONGEST: Final = 64 * 1024
_QUOTED: Final = 160
ROOMY: Final = 0.8
"""A host that was never fuller than this refused one large request, or a process had a limit of its own."""
_MAYBE: Final = ("probably", "is killed by signal")


class OutOfMemory:
    """The training ended because memory was full.

    Definition: what it ended with names it: CUDA out of memory, OutOfMemoryError, MemoryError, a failed
    allocation, or the kernel's counters say that its out-of-memory killer was at work when the training was
    killed. The words are looked for in the error that the library recorded, and in the last output of a
    training that ended with an exit code other than 0.

    Defaults: a warning: the run is over.

    Source: the messages of PyTorch, TensorFlow, JAX, NumPy and the C++ library; the kernel's oom_kill
    counters of the control group and of the host.

    Wrong when: a training caught such an error, printed it, and ended later by another.
    """

    about = About(
        id="out_of_memory", family="resources", kinds=frozenset(("end", "system")), clear_after=1,
        graced=False,
    )  # fmt: skip

    def __init__(self, context: Context) -> None:
        self.reset()

    def reset(self) -> None:
        self._peaks: dict[str, float] = {}
        self._finding: Finding | None = None

    def update(self, point: Point) -> bool:
        if point.kind == "system":
            for name, used, total in memories(point.values):
                if used / total > self._peaks.get(name, 0.0):
                    self._peaks[name] = used / total
            return False
        if self._finding is None:
            self._finding = self._look(point, point.text[-_LONGEST:])
        return self._finding is not None

    def _look(self, point: Point, text: str) -> Finding | None:
        for kind, pattern in (("gpu", _GPU), ("host", _HOST), ("memory", _ANY)):
            found = pattern.search(text)
            if found is not None:
                return self._told(point, kind, _line_at(text, found.start()))
        return None

    def _told(self, point: Point, kind: str, line: str) -> Finding:
        peaks = {name: round(share, 3) for name, share in sorted(self._peaks.items())}
        held = max(((s, n) for n, s in peaks.items() if (n == "host") == (kind == "host")), default=None)
        most = "" if held is None else f" {_sentence(place(held[1]))} had been {held[0]:.0%} full."
        where = {"gpu": "GPU memory was full", "host": "host memory was full"}.get(kind, "memory was full")
        if kind == "host" and held is not None and held[0] < ROOMY and "kill" not in line.lower():
            where = "host memory was refused"
            most += " It asked for a lot at once, or the process has a limit of its own (ulimit -v)."
        guess = "probably " if any(words in line for words in _MAYBE) else ""
        advice = (
            "Fewer loader workers or a smaller cache, or a host with more memory; then resume from the last "
            "checkpoint."
            if kind == "host"
            else "Halve the batch and accumulate over two (steps then learn the same), or use activation "
            "checkpointing or bfloat16; then resume from the last checkpoint."
        )
        evidence = {"memory": kind, "value": held[0] if held else None, "threshold": 1.0, "error": line,
                    "peaks": peaks, "window": 1}  # fmt: skip
        return Finding(
            "warn", point.step, f"The training ended at step {point.step}: {guess}{where}.{most}",
            evidence, advice, "nothing: the training is over",
        )  # fmt: skip

    def finding(self) -> Finding | None:
        return self._finding


def _sentence(words: str) -> str:
    return words[:1].upper() + words[1:]


def _line_at(text: str, place: int) -> str:
    """The line of that place, cut around it."""
    start, end = text.rfind("\n", 0, place) + 1, text.find("\n", place)
    line = text[max(start, place - _QUOTED) : len(text) if end < 0 else end]
    return line[: 2 * _QUOTED].strip()
