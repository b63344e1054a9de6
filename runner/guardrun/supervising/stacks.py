"""The Python stacks of every rank and its children, saved while they still can be had."""

from __future__ import annotations

import contextlib
import os
import shutil
import subprocess
import time
from collections.abc import Callable, Mapping
from typing import Final

import psutil

from guardrun.events.atomic import write_atomic
from guardrun.events.paths import RunPaths
from guardrun.events.untrusted import open_inside
from guardrun.supervising.process_tree import Identity, alive, identify, send_signal

MOST_SECONDS: Final = 10.0
"""For all processes together: a stop must not wait long for its evidence."""
_ANSWER_S: Final = 1.0
_SETTLED_S: Final = 0.05
_PY_SPY_S: Final = 5.0
_MOST_CHILDREN: Final = 32
_MOST_BYTES: Final = 256 * 1024
"""Of one process's answer."""


class StackSaver:
    """Writes ``stacks/<time>.rank<k>.txt``. ``signals``: by which signal a rank writes its stacks itself."""

    def __init__(
        self, paths: RunPaths, ranks: Callable[[], Mapping[int, Identity]], signals: Mapping[int, int]
    ) -> None:
        self.last = ""
        """Where the newest ones are, relative to the run directory; "" before any were saved."""
        self._paths = paths
        self._ranks = ranks
        self._signals = signals
        self._py_spy = shutil.which("py-spy")

    def save(self) -> str:
        """Where the stacks are: a pattern of file names below the run directory; "" if there are none."""
        deadline = time.monotonic() + MOST_SECONDS
        stamp = time.strftime("%Y-%m-%d_%H-%M-%S")
        saved = []
        for rank, process in sorted(self._ranks().items()):
            parts = [self._part(rank, one, deadline) for one in (process, *_children(process))]
            text = "\n".join(part for part in parts if part)
            if text:
                self._paths.stacks.mkdir(exist_ok=True)
                name = f"{stamp}.rank{rank}.txt"
                write_atomic(self._paths.stacks / name, text.encode("utf-8", "replace"), sync=False)
                saved.append(name)
        if saved:
            self.last = f"stacks/{saved[0] if len(saved) == 1 else f'{stamp}.rank*.txt'}"
        return self.last if saved else ""

    def tidy(self) -> None:
        """The ranks are gone: remove the files that they never had to write into."""
        for rank in self._signals:
            raw = self._paths.raw_stacks(rank)
            if raw.is_file() and not _size(raw):
                raw.unlink()
        with contextlib.suppress(OSError):
            self._paths.stacks.rmdir()

    def _part(self, rank: int, process: Identity, deadline: float) -> str:
        """What is known of one process: its state and its stacks, or why there are none."""
        if not alive(process):
            return ""
        head = f"== rank {rank}, pid {process.pid}, {_state(process.pid)}"
        if time.monotonic() > deadline:
            return f"{head}\nnot asked: the others took too long\n"
        stacks = self._by_py_spy(process) or self._by_signal(rank, process)
        return f"{head}\n{stacks}\n" if stacks else ""

    def _by_py_spy(self, process: Identity) -> str:
        if self._py_spy is None:
            return ""
        try:
            done = subprocess.run(
                [self._py_spy, "dump", "--pid", str(process.pid)], capture_output=True, timeout=_PY_SPY_S,
                check=False, stdin=subprocess.DEVNULL,
            )  # fmt: skip
        except (OSError, subprocess.TimeoutExpired):
            return ""
        return done.stdout[:_MOST_BYTES].decode("utf-8", "replace") if done.returncode == 0 else ""

    def _by_signal(self, rank: int, process: Identity) -> str:
        """Ask the process itself. Only when it has a handler: the signal would end any other."""
        number = self._signals.get(rank)
        if number is None or not _catches(process.pid, number):
            return ""
        raw = self._paths.raw_stacks(rank)
        before = _size(raw)
        if not send_signal(process, number):
            return ""
        if not _grown(raw, before):
            return f"no answer within {_ANSWER_S:g} s"
        return _read(raw, before)


def _children(process: Identity) -> list[Identity]:
    """The processes that it started, such as a DataLoader's workers."""
    try:
        pids = [child.pid for child in psutil.Process(process.pid).children(recursive=True)]
    except psutil.Error:
        return []
    return [found for pid in pids[:_MOST_CHILDREN] if (found := identify(pid)) is not None]


def _catches(pid: int, number: int) -> bool:
    """Whether the process has a handler for the signal: the mask SigCgt of proc_pid_status(5)."""
    try:
        with open(f"/proc/{pid}/status", encoding="ascii", errors="replace") as file:
            masks = [line.split()[1] for line in file if line.startswith("SigCgt:")]
        return bool(masks) and bool(int(masks[0], 16) >> (number - 1) & 1)
    except (OSError, ValueError, IndexError):
        return False


def _state(pid: int) -> str:
    """In the kernel's words: S (sleeping), D (disk sleep), T (stopped), and where it waits in the kernel."""
    try:
        with open(f"/proc/{pid}/status", encoding="ascii", errors="replace") as file:
            states = [line.split(maxsplit=1)[1].strip() for line in file if line.startswith("State:")]
        with open(f"/proc/{pid}/wchan", encoding="ascii", errors="replace") as file:
            place = file.read(64).strip()
    except (OSError, IndexError):
        return "state unknown"
    return f"state {states[0] if states else 'unknown'}" + (f", in {place}" if place not in ("", "0") else "")


def _size(path: os.PathLike[str]) -> int:
    try:
        return os.stat(path, follow_symlinks=False).st_size
    except OSError:
        return 0


def _grown(path: os.PathLike[str], before: int) -> bool:
    """Wait for an answer, and until it grows no more."""
    deadline = time.monotonic() + _ANSWER_S
    size = before
    while time.monotonic() < deadline:
        time.sleep(_SETTLED_S)
        now = _size(path)
        if now == size > before:
            return True
        size = now
    return size > before


def _read(path: os.PathLike[str], begin: int) -> str:
    try:
        descriptor = open_inside(os.fspath(path))
    except OSError:
        return ""
    try:
        return os.pread(descriptor, _MOST_BYTES, begin).decode("utf-8", "replace")
    except OSError:
        return ""
    finally:
        os.close(descriptor)
