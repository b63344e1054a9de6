"""The words that put torchrun in front of a script: what a configuration says, as torchrun's options."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, Final

MODULE: Final = "torch.distributed.run"
_NOT_AN_ID: Final = re.compile(r"[^A-Za-z0-9_.-]+")


def torchrun_words(config: Mapping[str, Any]) -> list[str]:
    """``-m torch.distributed.run …``, up to where the script's own words begin.

    On one host ``--standalone`` gives each run a rendezvous port of its own, so that two runs never meet.
    The ``--`` at the end keeps the script's options from torchrun, which refuses each that could be the
    beginning of one of its own (``--log``, ``--no``, ``--max``).
    """
    nodes = _count(config.get("nnodes"), 1)
    meeting = ["--standalone"]
    if nodes > 1:
        name = _NOT_AN_ID.sub("-", str(config.get("name") or config.get("entry") or "run"))
        meeting = [
            "--nnodes", str(nodes), "--rdzv_backend", "c10d", "--rdzv_id", f"guard-{name}",
            "--rdzv_endpoint", str(config.get("rendezvous") or ""),
        ]  # fmt: skip
    restarts = _count(config.get("max_restarts"), 0)
    meeting += ["--max_restarts", str(restarts)] if restarts else []
    ranks = str(_count(config.get("nproc_per_node"), 1))
    return ["-m", MODULE, *meeting, "--nproc_per_node", ranks, "--"]


def _count(value: Any, default: int) -> int:
    return value if isinstance(value, int) and value > 0 else default
