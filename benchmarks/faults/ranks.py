"""Several ranks as forks of a process with one thread, watched as torchrun's agent watches its own.

torchrun itself forks (where it does) from a process with threads, which hung 2 of 150 trials in PyTorch's own
rendezvous, before guard was even started; the tests of the ranks use the real one.
"""

from __future__ import annotations

import os
import signal
import socket
import time
from collections.abc import Callable
from typing import Any, Final

SHUTDOWN_S: Final = 5.0
"""From SIGTERM to SIGKILL for the ranks that are left when one has failed; torchrun waits 30 s."""


def run_ranks(count: int, function: Callable[..., Any], *arguments: Any) -> int:
    """Fork ``count`` ranks that call ``function``; 0 when each ended well, else 1 and all of them ended."""
    port = str(_free_port())
    ranks = {_fork(rank, count, port, function, arguments): rank for rank in range(count)}
    failed_at = None
    while ranks:
        pid, status = os.waitpid(-1, os.WNOHANG)
        if pid:
            ranks.pop(pid, None)
            if status and failed_at is None:
                failed_at = time.monotonic()
                _signal_all(ranks, signal.SIGTERM)
            continue
        if failed_at is not None and time.monotonic() - failed_at > SHUTDOWN_S:
            _signal_all(ranks, signal.SIGKILL)
        time.sleep(0.02)
    return 0 if failed_at is None else 1


def _fork(rank: int, count: int, port: str, function: Callable[..., Any], arguments: tuple[Any, ...]) -> int:
    pid = os.fork()
    if pid:
        return pid
    code = 1
    try:
        os.environ.update(
            RANK=str(rank), LOCAL_RANK=str(rank), WORLD_SIZE=str(count), LOCAL_WORLD_SIZE=str(count),
            MASTER_ADDR="127.0.0.1", MASTER_PORT=port,
        )  # fmt: skip
        function(*arguments)
        code = 0
    except SystemExit as error:
        code = error.code if isinstance(error.code, int) else int(error.code is not None)
    finally:
        if code:
            _tell_exception()
        os._exit(code)


def _tell_exception() -> None:
    import traceback

    traceback.print_exc()


def _signal_all(ranks: dict[int, int], number: int) -> None:
    for pid in ranks:
        os.kill(pid, number)


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
