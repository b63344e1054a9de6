"""A run in W&B; offline where WANDB_MODE says so."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import wandb

from guardrun.integrations.bridges.model import Ending, Point, Subject


class WandbBridge:
    """One W&B run under guard's run id; a second mirror goes on in it.

    W&B drops what comes for a step before the newest, as evaluations and resumed runs do: the step is an
    axis of its own (``guard/step``).
    """

    def __init__(self, subject: Subject, out: Path, project: str, known: str | None) -> None:
        out.mkdir(parents=True, exist_ok=True)
        self._run: Any = wandb.init(
            project=project, id=re.sub(r"[^\w-]", "-", subject.run_id), name=subject.name,
            group=subject.group, config=dict(subject.config), tags=["guard"], dir=str(out),
            resume="allow", reinit="create_new",
            settings=wandb.Settings(x_disable_stats=True, x_disable_meta=True, console="off", silent=True),
        )  # fmt: skip
        self._run.define_metric("guard/step")
        self._run.define_metric("*", step_metric="guard/step")
        self.place = str(Path(self._run.dir).parent if self._run.offline else self._run.url)

    def points(self, points: list[Point]) -> None:
        for point in points:
            self._run.log({**point.values, "guard/step": point.step, "guard/time": point.t})

    def signals(self, told: tuple[str, ...], step: int) -> None:
        self._run.summary["guard/signals"] = "\n".join(told)

    def end(self, ending: Ending) -> None:
        self._run.summary.update(
            {"guard/status": ending.status, "guard/reason": ending.reason}
            | {f"guard/best/{name}": value for name, value in ending.best.items()}
        )
        self._run.finish(exit_code=0 if ending.status in ("finished", "stopped", "running") else 1)
