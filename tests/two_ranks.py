"""Run with a module and a script: two ranks of the script, in surroundings as torchrun makes them: forks of
one process that has the module, which torchrun and each of its ranks would import for themselves.
"""

from __future__ import annotations

import os
import runpy
import socket
import sys
from importlib import import_module


def train(rank: int, port: int) -> None:
    """Be this rank, to the script's end."""
    os.environ.update(
        RANK=str(rank), LOCAL_RANK=str(rank), WORLD_SIZE="2", LOCAL_WORLD_SIZE="2", MASTER_ADDR="127.0.0.1",
        MASTER_PORT=str(port), TORCHELASTIC_RUN_ID=f"forked-{port}",
    )  # fmt: skip
    sys.argv = sys.argv[2:]
    runpy.run_path(sys.argv[0], run_name="__main__")


def main() -> None:
    import_module(sys.argv[1])
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    for rank in range(2):
        if os.fork() == 0:
            train(rank, port)
            return
    codes = [os.waitstatus_to_exitcode(os.wait()[1]) for _ in range(2)]
    sys.exit(next((code for code in codes if code), 0))


if __name__ == "__main__":
    main()
