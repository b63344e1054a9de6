"""One seed for every source of randomness, and the record of what was seeded."""

from __future__ import annotations

import os
import random
import sys
from typing import Any

from guardrun.errors import UserError
from guardrun.recording.libraries import not_seeded, seed_libraries
from guardrun.recording.rng import register_generator

_RANK_STRIDE = 1_000_003
"""A prime far above any list of seeds: rank 1 of seed 1 never equals rank 0 of seed 2."""

_CUBLAS = "CUBLAS_WORKSPACE_CONFIG"


def rank_seed(seed: int, rank: int) -> int:
    """The seed of one rank: ``seed`` itself on rank 0, ``(seed + 1000003 * rank) mod 2**32`` in general.

    NumPy takes seeds of 32 bits, so larger ones are reduced. Raises UserError for a negative or
    non-integer seed.
    """
    if isinstance(seed, bool) or not hasattr(seed, "__index__"):
        raise UserError(f"a seed is a whole number, not {seed!r}", hint="for example run.seed(42)")
    number = seed.__index__()
    if number < 0:
        raise UserError(f"a seed is not negative: {number}", hint="for example run.seed(42)")
    return (number + _RANK_STRIDE * rank) % 2**32


def seed_everything(seed: int, *, rank: int = 0, deterministic: bool = False) -> dict[str, Any]:
    """Seed Python, NumPy, torch and CUDA where this process has them; return the ``seeds`` event's fields.

    Libraries that the process has not imported are neither imported nor seeded: their field is None.
    ``deterministic`` sets cuDNN's flags, ``torch.use_deterministic_algorithms(True)`` (an operation without
    a deterministic kernel then raises) and CUBLAS_WORKSPACE_CONFIG, which cuBLAS reads when it starts.
    Augmentation libraries that are imported are seeded as well, or named with what the script has to do.
    """
    mine = rank_seed(seed, rank)
    random.seed(mine)
    record: dict[str, Any] = {
        "seed": int(seed),
        "rank": rank,
        "rule": f"(seed + {_RANK_STRIDE} * rank) mod 2**32",
        "python": mine,
        "numpy": None,
        "torch": None,
        "cuda": None,
        "deterministic": bool(deterministic),
        "pythonhashseed": os.environ.get("PYTHONHASHSEED", "random"),
    }
    numpy = sys.modules.get("numpy")
    if numpy is not None:
        numpy.random.seed(mine)
        record["numpy"] = mine
    record["libraries"] = seed_libraries(mine)
    record["not_seeded"] = not_seeded(record["libraries"])
    if deterministic:
        os.environ.setdefault(_CUBLAS, ":4096:8")
    torch = sys.modules.get("torch")
    if torch is not None:
        record.update(_seed_torch(torch, mine, deterministic))
    return record


def _seed_torch(torch: Any, mine: int, deterministic: bool) -> dict[str, Any]:
    record: dict[str, Any] = {"torch": mine}
    late = torch.cuda.is_initialized()
    torch.manual_seed(mine)  # CUDA too: queued by torch until CUDA starts
    if torch.cuda.is_available():
        record["cuda"] = mine
    if deterministic:
        torch.backends.cudnn.deterministic = True
        torch.backends.cudnn.benchmark = False
        torch.use_deterministic_algorithms(True)
        record["cublas_workspace_config"] = os.environ[_CUBLAS]
        if late:
            record["problem"] = f"CUDA had already started: {_CUBLAS} may come too late for cuBLAS"
    record["cudnn_deterministic"] = bool(torch.backends.cudnn.deterministic)
    record["cudnn_benchmark"] = bool(torch.backends.cudnn.benchmark)
    return record


def loader_kwargs(seed: int, rank: int = 0) -> dict[str, Any]:
    """``generator`` and ``worker_init_fn`` for a ``torch.utils.data.DataLoader``.

    The generator's state goes into every checkpoint; each call hands out a new one. The first loader of a
    rank is seeded with ``rank_seed(seed, rank)``, the next ones with numbers drawn after it.
    """
    import torch

    generator = torch.Generator()
    position = register_generator("loader", generator)
    generator.manual_seed(random.Random(rank_seed(seed, rank) + 2**32 * position).getrandbits(63))
    return {"generator": generator, "worker_init_fn": seed_worker}


def seed_worker(worker_id: int) -> None:
    """Seed Python, NumPy and augmentation libraries in a DataLoader's worker from torch's seed there, which
    differs per worker.

    A function of this module, so that workers started by ``spawn`` can be sent it.
    """
    import torch

    derived = torch.initial_seed() % 2**32
    random.seed(derived)
    numpy = sys.modules.get("numpy")
    if numpy is not None:
        numpy.random.seed(derived)
    seed_libraries(derived)
