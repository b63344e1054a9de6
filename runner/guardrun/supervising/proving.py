"""Prove a run's checkpoints after the training is gone, in a process of the training's own Python."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any, Final

from guardrun.events.paths import RunPaths
from guardrun.events.untrusted import read_bounded

_MODULE: Final = "guardrun.recording.checkpoints.prove"
_ABSENT: Final = 2
"""The proof's exit code when it found nothing to examine: not the same as damage."""
ROLES: Final = ("last", "best")
"""Under a deadline ``last`` comes first: it is the work that can't be had again."""


@dataclass(frozen=True, slots=True)
class Proof:
    """What is known of one pointer's checkpoint."""

    role: str
    path: str
    verified: bool | None
    """None: it could not be examined (``problem`` says why), which is not the same as damaged."""
    level: str
    problem: str
    seconds: float
    step: int | None = None
    metric: float | None = None
    remarks: tuple[str, ...] = ()
    """What is worth knowing of a checkpoint that is whole."""


class Prover:
    """Runs the proofs one after another. ``timeout`` seconds each; ``hurried`` ends a full proof early."""

    def __init__(
        self, paths: RunPaths, python: str, *, timeout: float, hurried: Callable[[], bool] = lambda: False
    ) -> None:
        self._paths = paths
        self._python = python
        self._timeout = timeout
        self._hurried = hurried
        self._child: subprocess.Popen[bytes] | None = None

    @property
    def pids(self) -> set[int]:
        """Processes of ours, which belong to no training."""
        return set() if self._child is None else {self._child.pid}

    def prove_all(self) -> Iterator[Proof]:
        """A proof of ``last`` and of ``best``, where there are such pointers; one folder is proved once."""
        known: dict[bytes, Proof] = {}
        for role in ROLES:
            try:
                named = _folder(read_bounded(self._paths.pointer(role)))
            except OSError:
                continue
            proof = known.get(named) or self._prove(role)
            known[named] = proof
            yield replace(proof, role=role)

    def _prove(self, role: str) -> Proof:
        """Full proof by the training's Python; where that can't be had, at least the hashes by ours."""
        begun = time.monotonic()
        problem = ""
        for python, level in ((self._python, "full"), (sys.executable, "hash")):
            answer, why = self._ask(python, role, level)
            if answer is not None:
                return _as_proof(role, level, answer, time.monotonic() - begun)
            problem = problem or why
        return Proof(role, "", None, "none", f"not examined: {problem}", time.monotonic() - begun)

    def _ask(self, python: str, role: str, level: str) -> tuple[Mapping[str, Any] | None, str]:
        root = self._paths.root.resolve()
        command = [python, "-m", _MODULE, str(root), role, "--level", level]
        try:
            # From the run's own folder: a script named like a module of ours must not be imported.
            self._child = subprocess.Popen(
                command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                start_new_session=True, env=_environment(), cwd=root,
            )  # fmt: skip
        except OSError as error:
            return None, f"{python}: {error.strerror or error}"
        child = self._child
        deadline = time.monotonic() + self._timeout
        try:
            while True:
                try:
                    output, complaint = child.communicate(timeout=0.2)
                    break
                except subprocess.TimeoutExpired:
                    if level == "full" and self._hurried():
                        return None, "hurried"
                    if time.monotonic() > deadline:
                        return None, f"no answer within {self._timeout:g} s"
        finally:
            self._end_child()
        answer = _last_json(output)
        if answer is not None and child.returncode == _ABSENT:
            return None, str(answer.get("problem") or "no such checkpoint")
        if answer is None:
            lines = complaint.decode("utf-8", "replace").strip().splitlines()
            return None, lines[-1] if lines else f"{python} gave no answer"
        return answer, ""

    def _end_child(self) -> None:
        child, self._child = self._child, None
        if child is not None and child.poll() is None:
            try:
                os.killpg(child.pid, signal.SIGKILL)
            except OSError:
                pass
            child.communicate()


def _environment() -> dict[str, str]:
    """No GPU is touched, no run is joined, and one core is enough."""
    kept = {key: value for key, value in os.environ.items() if not key.startswith("GUARDRUN_")}
    return {**kept, "CUDA_VISIBLE_DEVICES": "", "OMP_NUM_THREADS": "1"}


def _folder(pointer: bytes) -> bytes:
    try:
        return str(json.loads(pointer)["folder"]).encode()
    except (ValueError, KeyError, TypeError):
        return pointer


def _last_json(output: bytes) -> Mapping[str, Any] | None:
    for line in reversed(output.splitlines()):
        try:
            found = json.loads(line)
        except ValueError:
            continue
        if type(found) is dict and "verified" in found:
            return found
    return None


def _as_proof(role: str, level: str, answer: Mapping[str, Any], seconds: float) -> Proof:
    verified = answer.get("verified")
    step, metric = answer.get("step"), answer.get("metric")
    remarks = answer.get("remarks")
    return Proof(
        role=role,
        path=str(answer.get("path") or ""),
        verified=None if verified is None else bool(verified),
        level=str(answer.get("level") or level),
        problem=str(answer.get("problem") or ""),
        seconds=float(answer.get("seconds") or seconds),
        step=step if isinstance(step, int) else None,
        metric=float(metric) if isinstance(metric, int | float) else None,
        remarks=tuple(map(str, remarks)) if isinstance(remarks, list) else (),
    )
