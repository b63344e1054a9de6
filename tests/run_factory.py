"""Run directories and run states made by hand, for tests that read runs rather than train them."""

from __future__ import annotations

import json
import math
import os
from collections.abc import Mapping
from hashlib import sha256
from pathlib import Path
from typing import Any

from guardrun.events import schema
from guardrun.events.encode import encode
from guardrun.events.paths import RunPaths
from guardrun.state.model import RunState, Status

T0 = 1_764_000_000.0
"""2025-11-24 16:00 UTC: the time at which made runs start."""


class RunWriter:
    """Writes one run directory the way a training and its supervisor would."""

    def __init__(
        self,
        runs_dir: Path,
        name: str = "digits",
        *,
        suffix: str = "0001",
        group: str | None = None,
        t: float = T0,
    ) -> None:
        self.paths = RunPaths(runs_dir / f"2025-11-24_16-00-00_{suffix}")
        self.t = t
        self.step = 0
        self._sequence: dict[str, int] = {}
        for folder in (self.paths.attempts, self.paths.control, self.paths.leases, self.paths.checkpoints):
            folder.mkdir(parents=True)
        identity = {"id": self.paths.root.name, "name": name, "group": group, "created": t, "parent": None}
        self.paths.run_json.write_text(json.dumps(identity))

    def launch(self, *, attempt: int = 1, config: Mapping[str, Any] | None = None, **facts: Any) -> None:
        """``attempts/<n>.json``."""
        body = {
            "attempt": attempt,
            "created": self.t,
            "config": config or {},
            "config_source": None,
            "overrides": [],
            "command": ["python", "train.py"],
            "workdir": "/",
            "python": "python",
            "environment": {},
            "git": {},
            "host": os.uname().nodename,
            "cli": [],
            "resume_from": None,
            "library": True,
            **facts,
        }
        self.paths.attempt(attempt).write_text(json.dumps(body))

    def event(self, kind: str, *, file: str = "events.jsonl", after: float = 0.0, **values: Any) -> None:
        """Append one event, ``after`` seconds after the one before."""
        self.t += after
        sequence = self._sequence[file] = self._sequence.get(file, 0) + 1
        with open(self.paths.root / file, "ab") as stream:
            stream.write(encode({"t": self.t, "seq": sequence, "kind": kind, **values}))

    def start(
        self,
        *,
        total_steps: int = 1000,
        total_epochs: int = 10,
        monitor: str = "val/loss",
        mode: str = "min",
        attempt: int = 1,
        can_save: bool = True,
        host: str | None = None,
    ) -> None:
        """Header, run_start and the totals, as ``guardrun.start()`` writes them."""
        self._header("rank0", "events.jsonl", attempt, host)
        self.event(
            schema.RUN_START,
            attempt=attempt,
            monitor=monitor,
            mode=mode,
            argv=["train.py"],
            script="train.py",
            python="3.11",
            interactive=False,
        )
        self.event(
            schema.PHASE,
            phase="train",
            total_steps=total_steps,
            total_epochs=total_epochs,
            steps_per_epoch=max(1, total_steps // total_epochs),
            epoch=0,
        )
        self.event(schema.NOTE, text="", can_save=can_save)

    def supervise(self, *, attempt: int = 1) -> None:
        """Header and run_start of a supervisor."""
        self._header("supervisor", "supervisor.jsonl", attempt, None)
        self.event(
            schema.RUN_START, file="supervisor.jsonl", attempt=attempt, pid=1, command=["python"], policy={}
        )

    def _header(self, writer: str, file: str, attempt: int, host: str | None) -> None:
        self.event(
            schema.HEADER,
            file=file,
            schema=schema.SCHEMA_VERSION,
            writer=writer,
            run_id=self.paths.root.name,
            attempt=attempt,
            rank=0,
            world_size=1,
            guardrun="0.1.0",
            pid=0,
            pid_start=0,
            host=host or os.uname().nodename,
            boot_id="",
        )

    def train(self, steps: int, *, every: int = 1, seconds: float = 0.05, **extra: Any) -> None:
        """Log a smooth training curve: loss falls, the gradient norm follows, one lr schedule."""
        for _ in range(steps):
            self.step += 1
            self.t += seconds
            if self.step % every:
                continue
            wave = 0.05 * math.sin(self.step * 1.7) + 0.03 * math.sin(self.step * 0.31)
            self.event(
                schema.METRICS,
                step=self.step,
                epoch=self.step // 100,
                **{
                    "train/loss": 0.2 + 2.0 * math.exp(-self.step / 250) + wave,
                    "lr": 0.1 * 0.5 * (1 + math.cos(math.pi * min(1.0, self.step / 1000))),
                    "grad_norm": 1.5 * math.exp(-self.step / 400) + 0.3 + abs(wave),
                    "step_time": seconds,
                    "data_time": seconds * 0.1,
                    "samples_per_s": 64 / seconds * (1 + wave / 9),
                    **extra,
                },
            )

    def evaluate(self, **values: float) -> None:
        """One evaluation; without values a validation loss and an accuracy that fit ``train``."""
        loss = 0.35 + 1.9 * math.exp(-self.step / 300)
        shown = values or {"val/loss": loss, "val/accuracy": 1 - loss / 3}
        self.event(schema.EVAL, step=self.step, epoch=self.step // 100, improved=True, **shown)

    def checkpoint(
        self, *, roles: tuple[str, ...] = ("best", "last"), metric: float = 0.4, attempt: int = 1, **more: Any
    ) -> None:
        """A checkpoint event with its files: a few bytes stand for the weights, all hashes fit."""
        folder = self.paths.checkpoint(self.step, attempt)
        folder.mkdir(exist_ok=True)
        weights = b"weights"
        (folder / "rank0.pt").write_bytes(weights)
        part = {"path": "rank0.pt", "bytes": len(weights), "external": False}
        meta = {"schema": 1, "step": self.step, "epoch": self.step // 100, "metric": metric,
                "files": [{**part, "sha256": sha256(weights).hexdigest()}]}  # fmt: skip
        body = json.dumps(meta).encode()
        (folder / "meta.json").write_bytes(body)
        seal = sha256(body).hexdigest()
        pointer = {"folder": folder.name, "meta_sha256": seal, "step": self.step, "metric": metric}
        for role in roles:
            self.paths.pointer(role).write_text(json.dumps(pointer))
        self.event(
            schema.CHECKPOINT,
            step=self.step,
            epoch=self.step // 100,
            path=f"checkpoints/{folder.name}",
            roles=list(roles),
            metrics={"val/loss": metric},
            metric=metric,
            meta_sha256=seal,
            bytes=1_234_567,
            seconds=0.2,
            **{"external": False, **more},
        )

    def signal(
        self, id: str = "overfit", *, severity: str = "warn", action: str = "warn", **values: Any
    ) -> None:
        """A signal as the supervisor records it."""
        body = {
            "state": "raised",
            "first_step": max(0, self.step - 100),
            "raised_at": self.step,
            "cleared_at": None,
            "message": "validation loss rises while training loss falls",
            "advice": "stop here; use the best checkpoint",
            "evidence": {"val_loss": 0.61, "best": 0.42, "evaluations": 5},
            **values,
        }
        self.event(schema.SIGNAL, file="supervisor.jsonl", id=id, severity=severity, action=action, **body)

    def stage(self, stage: str, *, after: float = 0.2, **values: Any) -> None:
        """A stage of a safe stop as the supervisor records it."""
        body = {"id": "c0ffee00", "via": "watch", "text": "", **values}
        self.event(schema.PHASE, file="supervisor.jsonl", after=after, phase="stop", stage=stage, **body)

    def end(self, status: str = "finished", reason: str = "completed", **values: Any) -> None:
        """The training's last event."""
        self.event(schema.RUN_END, status=status, reason=reason, step=self.step, **values)

    def console(self, text: str) -> None:
        """Append to the training's own output."""
        with open(self.paths.console, "a", encoding="utf-8") as stream:
            stream.write(text)


def run_state(**changes: Any) -> RunState:
    """A running, supervised run half-way through; keywords replace fields."""
    values: dict[str, Any] = {
        "run_id": "2025-11-24_16-00-00_digits_0001",
        "name": "digits",
        "path": "runs/digits",
        "group": None,
        "created": T0,
        "status": Status.RUNNING,
        "reason": "",
        "exit_code": None,
        "attempt": 1,
        "attempts": (),
        "step": 500,
        "total_steps": 1000,
        "epoch": 4,
        "total_epochs": 10,
        "steps_per_epoch": 100,
        "phase": "train",
        "monitor": None,
        "best": None,
        "last": None,
        "signals": (),
        "stop": (),
        "stop_offer": "",
        "can_save": True,
        "supervised": True,
        "host": os.uname().nodename,
        "ranks": 1,
        "elapsed_s": 25.0,
        "eta_s": 25.0,
        "step_rate": 20.0,
        "last_event_t": T0 + 25,
        "silent_s": 0.0,
        "cost": None,
        "currency": "EUR",
        "bad_lines": 0,
        "dropped_events": 0,
    }
    return RunState(**{**values, **changes})
