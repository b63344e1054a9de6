"""A real notebook kernel, whose cells are run one after another."""

from __future__ import annotations

import json
import os
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from jupyter_client import KernelManager

from guardrun.following.run_follower import RunFollower
from guardrun.state.model import RunState
from waiting import wait_for


class Cell:
    """What a cell has put out."""

    def __init__(self) -> None:
        self.said = ""
        self.shown: list[dict[str, Any]] = []
        self.error: str | None = None
        """The name of the exception that ended it."""


class Notebook:
    """One kernel with its runs in ``folder/runs``."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._kernels = 0
        self._begin()

    def _begin(self) -> None:
        self._kernels += 1
        file = self.folder / f"connection{self._kernels}.json"
        self._manager = KernelManager(kernel_name="python3", connection_file=str(file), transport="ipc")
        self._manager.start_kernel(
            cwd=self.folder, stderr=subprocess.DEVNULL,
            env={**os.environ, "IPYTHONDIR": str(self.folder / "ipython"), "OMP_NUM_THREADS": "1"},
        )  # fmt: skip
        self._client = self._manager.client()
        self._client.start_channels()
        self._client.wait_for_ready(60)
        self.cell("import time, guardrun")

    def cell(self, code: str, *, interrupt_at: int | None = None) -> Cell:
        """Run a cell to its end; interrupted as by the notebook's button once the newest run has done so
        many steps.
        """
        sent, found = self._client.execute(code), Cell()
        if interrupt_at is not None:
            threading.Thread(target=self._interrupt, args=(interrupt_at,), daemon=True).start()
        while True:
            message = self._client.get_iopub_msg(timeout=60)
            if message["parent_header"].get("msg_id") != sent:
                continue
            kind, content = message["msg_type"], message["content"]
            if kind == "stream":
                found.said += content["text"]
            elif kind == "error":
                found.error = content["ename"]
            elif kind in ("execute_result", "display_data", "update_display_data"):
                found.shown.append({"kind": kind, **content["data"]})
            elif kind == "status" and content["execution_state"] == "idle":
                return found

    def updates(self, enough: Callable[[str], bool]) -> str:
        """What comes to be drawn anew, until it is what was waited for."""
        deadline = time.monotonic() + 60
        while time.monotonic() < deadline:
            message = self._client.get_iopub_msg(timeout=60)
            if message["msg_type"] == "update_display_data":
                html = str(message["content"]["data"]["text/html"])
                if enough(html):
                    return html
        raise AssertionError("it is never drawn")

    def restart(self) -> None:
        """Another kernel after this one, with sockets of its own: those of the old one may vanish late."""
        self._client.stop_channels()
        self._manager.shutdown_kernel(restart=True)
        self._manager.cleanup_resources()
        self._begin()

    def close(self) -> None:
        self._client.stop_channels()
        self._manager.shutdown_kernel()

    # -- its runs

    def runs(self) -> list[Path]:
        """The oldest first; several may begin within the second that their names tell."""
        files = sorted(self.folder.glob("runs/*/run.json"), key=lambda file: file.stat().st_mtime_ns)
        return [file.parent for file in files]

    def events(self, kind: str, run: Path | None = None) -> list[dict[str, Any]]:
        file = (run or self.runs()[-1]) / "events.jsonl"
        whole = file.read_bytes().rpartition(b"\n")[0] if file.exists() else b""
        return [event for event in map(json.loads, whole.splitlines()) if event["kind"] == kind]

    def end(self, run: Path | None = None) -> dict[str, Any]:
        (end,) = self.events("run_end", run)
        return end

    def state(self, now: float | None = None) -> RunState:
        follower = RunFollower(self.runs()[-1])
        follower.catch_up()
        return follower.state(now)

    def wait_for_step(self, step: int, before: int = 0) -> None:
        """Of the run that comes after so many."""
        wait_for(
            lambda: len(self.runs()) > before and any(e["step"] >= step for e in self.events("metrics")),
            60, what=f"step {step}",
        )  # fmt: skip

    def _interrupt(self, step: int) -> None:
        self.wait_for_step(step, self._count)
        self._manager.interrupt_kernel()

    _count = 0

    def expects_a_new_run(self) -> None:
        self._count = len(self.runs())


@pytest.fixture(scope="module")
def kernel(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Notebook]:
    notebook = Notebook(tmp_path_factory.mktemp("notebook"))
    yield notebook
    notebook.close()


@pytest.fixture
def notebook(kernel: Notebook) -> Notebook:
    """The kernel of this file's tests, in which no run is open."""
    kernel.cell(
        "from guardrun.recording import starting\nfor one in list(starting._process.open): one.finish()"
    )
    kernel.expects_a_new_run()
    return kernel
