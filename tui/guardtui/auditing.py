"""Runs ``guard audit`` in a process of its own.

An audit reads whole logs and hashes checkpoints, and it needs rooms of guardrun that know how training
works: neither belongs into the process that draws.
"""

from __future__ import annotations

import contextlib
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from guardtui.viewmodel.audit_page import AuditResult

_ANSWERS = (0, 4)
"""Exit codes with an answer: yes, and no."""


class Auditor:
    """One audit at a time; ``answered`` is called from a thread."""

    def __init__(self, answered: Callable[[AuditResult], object]) -> None:
        self._answered = answered
        self._process: subprocess.Popen[bytes] | None = None
        self._thread: threading.Thread | None = None
        self._stopped = False

    @property
    def busy(self) -> bool:
        """Whether an audit is under way."""
        return self._thread is not None and self._thread.is_alive()

    def start(self, path: Path) -> None:
        """Begin, unless one is under way."""
        if not self.busy:
            self._stopped = False
            self._thread = threading.Thread(target=self._run, args=(path,), name="guard-audit", daemon=True)
            self._thread.start()

    def stop(self) -> None:
        """End the process; nothing is answered then."""
        self._stopped = True
        if self._process is not None:
            with contextlib.suppress(OSError):
                self._process.kill()

    def _run(self, path: Path) -> None:
        command = [sys.executable, "-m", "guardrun.cli.main", "audit", "--json", "--no-save", "--", str(path)]
        try:
            self._process = subprocess.Popen(
                command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE
            )
            if self._stopped:
                self._process.kill()
            out, complaint = self._process.communicate()
            result = _result(self._process.returncode, out, complaint)
        except OSError as error:
            result = AuditResult(None, f"guard audit cannot be started: {error.strerror or error}")
        self._process = self._thread = None
        if not self._stopped:
            self._answered(result)


def _result(code: int, out: bytes, complaint: bytes) -> AuditResult:
    import orjson

    try:
        document: Any = orjson.loads(out) if code in _ANSWERS else None
    except ValueError:
        document = None
    now = time.time()
    if not isinstance(document, dict):
        text = complaint.decode("utf-8", "replace").strip() or f"guard audit ended with {code}"
        return AuditResult(None, text)
    return AuditResult(document, t=now, when=time.strftime("%H:%M:%S", time.localtime(now)))
