"""The memory of a GPU or of the host is nearly full."""

from __future__ import annotations

from typing import Final

from guardrun.signals.block import Block
from guardrun.signals.context import Context
from guardrun.signals.machine import TREE_RSS, memories, place
from guardrun.signals.model import About, Finding, Point
from guardrun.signals.words import bytes_words

LIMIT: Final = 0.95
CLEAR: Final = 0.93
LASTING: Final = 3
RESERVED: Final = "gpu/memory_reserved_bytes"


class MemoryNearLimit:
    """The memory of a GPU or of the host is nearly full: the next larger batch ends the run.

    Definition: more than 95 % of the memory of a GPU, or of the host (what programs hold, without caches
    that the system gives back), are in use in three samples in a row; it ends below 93 %.

    Defaults: 95 %; warns and never stops a run.

    Source: the share at which allocators begin to free and retry, and the kernel to swap or to kill.

    Wrong when: a framework takes all of a GPU's memory beforehand (TensorFlow, JAX with a high
    XLA_PYTHON_CLIENT_MEM_FRACTION), or a caching allocator keeps what it would give back.
    """

    about = About(
        id="memory_near_limit", family="resources", kinds=frozenset(("system", "metrics")), clear_after=1,
        graced=False,
    )  # fmt: skip

    def __init__(self, context: Context) -> None:
        self.reset()

    def reset(self) -> None:
        self._above: dict[str, tuple[int, int]] = {}
        """Memory -> how many samples in a row were above the limit, and the step of the first."""
        self._finding: Finding | None = None
        self._reserved: float | None = None

    def update(self, point: Point) -> bool:
        values = point.values
        if point.kind == "metrics":
            reserved = values.get(RESERVED)
            if reserved is not None:
                self._reserved = reserved
            return False
        concerned = False
        worst: tuple[float, str, float, float] | None = None
        for name, used, total in memories(values):
            concerned = True
            share = used / total
            count, since = self._above.get(name, (0, point.step))
            if share > (CLEAR if count >= LASTING else LIMIT):
                self._above[name] = (count + 1, since)
                if count + 1 >= LASTING and (worst is None or share > worst[0]):
                    worst = (share, name, used, total)
            elif count:
                del self._above[name]
        self._finding = None if worst is None else self._told(*worst, values.get(TREE_RSS))
        return concerned

    def skim(self, block: Block) -> bool:
        reserved = block.values(RESERVED)
        if len(reserved):
            self._reserved = float(reserved[-1])
        return True

    def _told(self, share: float, name: str, used: float, total: float, rss: float | None) -> Finding:
        count, since = self._above[name]
        where = place(name)
        evidence = {
            "memory": name, "value": round(share, 4), "threshold": LIMIT, "window": LASTING,
            "in_a_row": count, "used_bytes": used, "total_bytes": total,
        }  # fmt: skip
        if name == "host":
            evidence["tree_rss_bytes"] = rss
            advice = "Fewer loader workers, a smaller cache or prefetch; look what else runs on this host."
        else:
            evidence["reserved_bytes"] = self._reserved
            advice = (
                "A smaller batch with gradient accumulation, activation checkpointing or a shorter sequence; "
                "look what else holds this GPU's memory."
            )
        return Finding(
            "warn", since,
            f"{bytes_words(used)} of {bytes_words(total)} of the memory of {where} are in use ({share:.1%}).",
            evidence, advice, f"less than {CLEAR:.0%} in use",
        )  # fmt: skip

    def finding(self) -> Finding | None:
        return self._finding
