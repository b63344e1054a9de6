"""Which rank this process is, and how all ranks of a training decide alike."""

from __future__ import annotations

import os
import sys
import threading
import time
from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

JOIN_WAIT_S = 60.0
"""How long a rank waits for the others to join guard's group before it goes without."""
ANSWER_WAIT_S = 3600.0
"""How long a rank waits for another's answer. A rank that died closes its connections and is noticed at
once; a long wait is one that evaluates while the others are ahead."""


class RankIdentity(NamedTuple):
    """This process among the processes of one training."""

    rank: int = 0
    world_size: int = 1
    local_rank: int = 0


def identify(environ: Mapping[str, str] | None = None) -> RankIdentity:
    """From torchrun's RANK, WORLD_SIZE and LOCAL_RANK, else from srun's SLURM_* of several tasks, else from
    the process group of a launcher that sets neither.
    """
    env = os.environ if environ is None else environ
    rank, world = _number(env, "RANK"), _number(env, "WORLD_SIZE")
    local = _number(env, "LOCAL_RANK")
    if rank is None and (_number(env, "SLURM_NTASKS") or 1) > 1 and "SLURM_STEP_ID" in env:
        rank, world = _number(env, "SLURM_PROCID"), _number(env, "SLURM_NTASKS")
        local = _number(env, "SLURM_LOCALID")
    if rank is None and environ is None and distributed_ready():
        distributed = sys.modules["torch"].distributed
        rank, world = distributed.get_rank(), distributed.get_world_size()
    if rank is None or world is None or not 0 <= rank < world:
        return RankIdentity()
    return RankIdentity(rank, world, rank if local is None else local)


def _number(env: Mapping[str, str], name: str) -> int | None:
    text = env.get(name, "")
    return int(text) if text.isascii() and text.isdigit() else None


class Round(NamedTuple):
    """What the ranks said in one round: the highest of each."""

    stop: int
    """0: nobody wants to stop; else the code of a reason."""
    active: int
    """1 while some rank still has batches."""
    step: int
    """The highest number of completed steps."""
    save: int = 0
    """1 when some rank was asked to save a checkpoint now."""


class Agreement:
    """Asynchronous rounds between the ranks: started at one step boundary, read at the next.

    Uses a gloo process group of its own on the training's store, so that neither the training's groups nor
    a GPU are touched. The interval is counted in steps, never in time, so that all ranks do the same number
    of rounds. A rank that is out of batches keeps answering from a thread until all are: it must not hold up
    collectives of the training that others still need.
    """

    def __init__(self, group: Any, reduce_max: Callable[[Any, list[int]], Any]) -> None:
        self._group = group
        self._reduce_max = reduce_max
        self._pending: Any = None
        self._answering: threading.Thread | None = None
        self._said_last = Round(0, 0, 0)
        self.broken = ""
        """Why there is no agreement any more; "" while there is."""

    def exchange(self, stop: int, step: int, save: int = 0) -> Round | None:
        """At a step boundary: the result of the round before (None at first), and the start of the next.

        When the result asks for a stop no further round is started: every rank reads the same result.
        """
        if self.broken:
            return None
        self._join_thread()
        result = self._read() if self._pending is not None else None
        if not self.broken and not (result and result.stop):
            self._start(stop, 1, step, save)
        return result

    def out_of_batches(self, stop: int, step: int) -> None:
        """This rank's loop is over: answer as an idle one until all are."""
        if self.broken or self._answering is not None:
            return
        self._answering = threading.Thread(
            target=self._answer, args=(stop, step), name="guard-ranks", daemon=True
        )
        self._answering.start()

    def outcome(self) -> Round | None:
        """After ``out_of_batches``: what the last common round said, once all ranks are out of batches."""
        self._join_thread()
        return None if self.broken else self._said_last

    def _answer(self, stop: int, step: int) -> None:
        result = self._read() if self._pending is not None else None
        while not self.broken and not (result and result.stop):
            self._start(stop, 0, step)
            result = self._read()
            if result is not None and not result.active:
                break
        self._said_last = result or Round(0, 0, 0)

    def _join_thread(self) -> None:
        thread, self._answering = self._answering, None
        while thread is not None and thread.is_alive():
            thread.join(0.05)

    def _start(self, stop: int, active: int, step: int, save: int = 0) -> None:
        try:
            self._pending = self._reduce_max(self._group, [stop, active, step, save])
        except Exception as error:
            self._break(error)

    def _read(self) -> Round | None:
        """The pending round's result; polled, so that Python's signal handlers run meanwhile."""
        (tensor, work), self._pending = self._pending, None
        deadline, pause = time.monotonic() + ANSWER_WAIT_S, 0.00005
        try:
            while not work.is_completed():
                if time.monotonic() > deadline:
                    raise TimeoutError(f"no answer from every rank within {ANSWER_WAIT_S:.0f} s")
                time.sleep(pause)
                pause = min(0.01, pause * 1.5)
            work.wait()
            return Round(*(int(value) for value in tensor.tolist()))
        except Exception as error:
            self._break(error)
            return None

    def _break(self, error: BaseException) -> None:
        self._pending = None
        self.broken = " ".join(str(error).split())[:200] or type(error).__name__


def distributed_ready() -> bool:
    """Whether torch.distributed is initialised with more than one rank."""
    distributed = sys.modules.get("torch.distributed")
    # Asked at every step: a torch without distributed has no is_initialized, and most programs stop there.
    initialized = getattr(distributed, "is_initialized", None)
    return initialized is not None and initialized() and distributed.get_world_size() > 1  # type: ignore[union-attr]


def make_agreement(label: str, wait_s: float = JOIN_WAIT_S) -> Agreement | str:
    """Join the other ranks' group; or why there is none. Every rank that starts to train calls this once.

    All ranks come to the same decision through the training's own store: the first to give up waiting, or
    the last to arrive, writes it down for all. A rank without guard thus costs one bounded wait, no hang.
    """
    from datetime import timedelta

    import torch.distributed as dist

    try:
        store = dist.PrefixStore(f"guardrun/{label}", dist.distributed_c10d._get_default_store())
        rank, world = dist.get_rank(), dist.get_world_size()
        if not _all_joined(store, world, wait_s):
            return f"not all {world} ranks use guard: stops are not agreed between them"
        group = dist.ProcessGroupGloo(
            dist.PrefixStore("gloo", store), rank, world, timedelta(seconds=ANSWER_WAIT_S)
        )
    except Exception as error:
        return f"guard's group of ranks could not be made: {' '.join(str(error).split())[:200]}"
    return Agreement(group, _reduce_max)


def _all_joined(store: Any, world: int, wait_s: float) -> bool:
    if store.add("joined", 1) >= world:
        store.compare_set("decision", "", "yes")
    deadline, pause = time.monotonic() + wait_s, 0.001
    while not store.check(["decision"]):
        if time.monotonic() > deadline:
            store.compare_set("decision", "", "no")
            break
        time.sleep(pause)
        pause = min(0.1, pause * 1.5)
    return bytes(store.get("decision")) == b"yes"


def _reduce_max(group: Any, values: list[int]) -> tuple[Any, Any]:
    import torch
    import torch.distributed as dist

    tensor = torch.tensor(values, dtype=torch.int64)
    options = dist.AllreduceOptions()
    options.reduceOp = dist.ReduceOp.MAX
    return tensor, group.allreduce([tensor], options)
