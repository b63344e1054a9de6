"""What may make a resumed training differ although everything that guard knows of was restored."""

from __future__ import annotations

import sys
from typing import Any

from guardrun.recording.checkpoints import loaders

KERNELS = (
    "the resume may differ in rounding: some of this GPU's kernels add in an order of their own; "
    "`deterministic: true` asks for others"
)
OWN_LOADER = (
    "the resume relies on a data loader of the script's own: it is run through to its place with Python's, "
    "NumPy's and torch's generators as they were; what else it keeps (a generator of its own, a place in a "
    "file) is not known to guard"
)


def doubts(loader: Any, *, replayed: bool) -> list[str]:
    """Remarks for the log; ``replayed``: batches of this loader were fetched and dropped."""
    found = []
    torch = sys.modules.get("torch")
    if torch is not None and torch.cuda.is_initialized() and not torch.are_deterministic_algorithms_enabled():
        found.append(KERNELS)
    if replayed and not (loaders.is_torch_loader(loader) or isinstance(loader, list | tuple | range)):
        found.append(OWN_LOADER)
    return found
