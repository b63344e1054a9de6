"""A stand-in for a training with our library: writes the contract's events, obeys control files, saves.

Standard library only, so that it starts in some 30 ms. Behaviour by words in argv:
  steps=N        stop by itself after N steps (default: never)
  every=S        seconds a step (default 0.01)
  nan_at=N       the loss is NaN from step N on
  ignore         reads no control file, and ignores SIGINT and SIGTERM
  deaf           reads no control file
  crash_at=N     raises at step N
  save=S         seconds that the last checkpoint takes
  hang_at_exit   writes run_end, then never ends
"""

from __future__ import annotations

import json
import os
import signal
import sys
import time
from pathlib import Path
from typing import Any

from guardrun.events.commands import Command, CommandInbox
from guardrun.events.encode import encode
from guardrun.events.paths import RunPaths
from guardrun.provenance.host import Lease, boot_id, host_name, process_start

words = {word.partition("=")[0]: word.partition("=")[2] or "1" for word in sys.argv[1:]}
paths = RunPaths(os.environ["GUARDRUN_DIR"])
attempt = int(os.environ["GUARDRUN_ATTEMPT"])
rank = int(os.environ.get("RANK", "0"))
log = os.open(paths.events(rank), os.O_WRONLY | os.O_APPEND | os.O_CREAT)


def write(kind: str, **fields: Any) -> None:
    os.write(log, encode({"t": time.time(), "seq": 0, "kind": kind, **fields}))


def save(step: int) -> None:
    folder = paths.checkpoint(step, attempt)
    folder.mkdir(parents=True, exist_ok=True)
    write("phase", phase="checkpoint")
    until = time.monotonic() + float(words.get("save", "0"))
    with open(folder / "rank0.pt", "ab", buffering=0) as file:
        file.write(b"weights")
        while time.monotonic() < until:
            file.write(b"weights")
            time.sleep(0.02)
    pointer = {"folder": folder.name, "meta_sha256": "0" * 64, "step": step, "metric": None}
    paths.pointer("last").write_text(json.dumps(pointer))
    write("checkpoint", step=step, path=f"checkpoints/{folder.name}", roles=["last"])


def main() -> None:
    lease = Lease(paths.lease("trainer"))
    if rank == 0:
        lease.take(attempt, rank=0)
    if "ignore" in words:
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
    write(
        "header", schema=1, writer=f"rank{rank}", run_id=paths.root.name, attempt=attempt, rank=rank,
        pid=os.getpid(), pid_start=process_start(os.getpid()), host=host_name(), boot_id=boot_id(),
    )  # fmt: skip
    write("run_start", attempt=attempt, monitor="val/loss", mode="min")
    inbox = CommandInbox(paths, attempt)
    obeys = "ignore" not in words and "deaf" not in words
    step = 0
    while step < int(words.get("steps", "1000000")):
        time.sleep(float(words.get("every", "0.01")))
        step += 1
        if step >= int(words.get("crash_at", "1000000")):
            write("run_end", status="failed", reason="exception", step=step, error="RuntimeError: on purpose")
            raise RuntimeError("on purpose")
        loss = float("nan") if step >= int(words.get("nan_at", "1000000")) else 1.0 / step
        write("metrics", step=step, epoch=0, **{"train/loss": loss})
        asked = [one for one in inbox.poll(time.time()) if isinstance(one, Command)] if obeys else []
        if asked:
            write("ack", id=asked[0].id, command="stop", step=step, rank=rank, via=asked[0].via)
            save(step)
            reason = asked[0].reason or f"stop:{asked[0].via}"
            status = "aborted" if reason.startswith("abort:") else "stopped"
            write("run_end", status=status, reason=reason, step=step)
            break
    else:
        save(step)
        write("run_end", status="finished", reason="completed", step=step)
    if "hang_at_exit" in words:
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        while True:
            time.sleep(1)


if __name__ == "__main__":
    Path(paths.root).mkdir(exist_ok=True)
    main()
