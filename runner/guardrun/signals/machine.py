"""Names of the numbers that samples of the machine hold."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Final

HOST_USED: Final = "memory/used_bytes"
HOST_TOTAL: Final = "memory/total_bytes"
TREE_RSS: Final = "tree/rss_bytes"
DISK_FREE: Final = "disk/free_bytes"
_GPU_USED: Final = "/memory_bytes"


def memories(values: Mapping[str, float]) -> Iterator[tuple[str, float, float]]:
    """(name, used, total) in bytes of the host's memory and of every GPU's that a sample tells."""
    used, total = values.get(HOST_USED), values.get(HOST_TOTAL)
    if used is not None and total is not None and total > 0:
        yield "host", used, total
    for key, used in values.items():
        if key.startswith("gpu") and key.endswith(_GPU_USED):
            name = key.removesuffix(_GPU_USED)
            total = values.get(f"{name}/memory_total_bytes")
            if total is not None and total > 0:
                yield name, used, total


def place(name: str) -> str:
    """``gpu0`` -> "GPU 0", ``host`` -> "the host"."""
    return "the host" if name == "host" else f"GPU {name.removeprefix('gpu')}"
