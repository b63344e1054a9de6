"""A run in MLflow: on the server that MLFLOW_TRACKING_URI names, else in files below the folder."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Final

from mlflow import MlflowClient
from mlflow.entities import Metric, Param, RunTag

from guardrun.integrations.bridges.model import Ending, Point, Subject

_AT_ONCE: Final = 1000
"""Metrics that one request may hold."""
_PARAMS_AT_ONCE: Final = 100
_LONGEST: Final = 500
"""Of a parameter's value; older servers take no more."""
_STATUS: Final = {"finished": "FINISHED", "stopped": "FINISHED", "running": "RUNNING", "killed": "KILLED"}


class MlflowBridge:
    """One MLflow run; a second mirror goes on in it."""

    def __init__(self, subject: Subject, out: Path, project: str, known: str | None) -> None:
        uri = os.environ.get("MLFLOW_TRACKING_URI")
        if not uri:
            folder = (out / "mlruns").resolve()
            folder.mkdir(parents=True, exist_ok=True)
            uri = folder.as_uri()
            os.environ.setdefault("MLFLOW_ALLOW_FILE_STORE", "true")  # else MLflow wants a database for it
        self._client: Any = MlflowClient(uri)
        found = self._client.get_experiment_by_name(project)
        experiment = found.experiment_id if found else self._client.create_experiment(project)
        self.place = known or self._create(subject, experiment)

    def _create(self, subject: Subject, experiment: str) -> str:
        tags = {"guard.run_id": subject.run_id, "guard.group": subject.group or ""}
        run = self._client.create_run(
            experiment, start_time=int(subject.created * 1000), run_name=subject.name, tags=tags
        )
        params = [Param(_name(k), v[:_LONGEST]) for k, v in _flat(subject.config)]
        for first in range(0, len(params), _PARAMS_AT_ONCE):
            self._client.log_batch(run.info.run_id, params=params[first : first + _PARAMS_AT_ONCE])
        return str(run.info.run_id)

    def points(self, points: list[Point]) -> None:
        metrics = [
            Metric(_name(name), value, int(point.t * 1000), point.step)
            for point in points
            for name, value in point.values.items()
        ]
        for first in range(0, len(metrics), _AT_ONCE):
            self._client.log_batch(self.place, metrics=metrics[first : first + _AT_ONCE])

    def signals(self, told: tuple[str, ...], step: int) -> None:
        self._client.set_tag(self.place, "guard.signals", "\n".join(told))

    def end(self, ending: Ending) -> None:
        tags = [RunTag("guard.status", ending.status), RunTag("guard.reason", ending.reason)]
        tags += [RunTag(f"guard.best.{_name(name)}", str(value)) for name, value in ending.best.items()]
        self._client.log_batch(self.place, tags=tags)
        status = _STATUS.get(ending.status, "FAILED")
        if status == "RUNNING":
            self._client.update_run(self.place, status)
        else:
            self._client.set_terminated(self.place, status)


def _name(raw: str) -> str:
    """MLflow allows letters, digits and a few signs."""
    return re.sub(r"[^\w./ -]", "_", raw)


def _flat(config: Mapping[str, Any], before: str = "") -> Iterator[tuple[str, str]]:
    for name, value in config.items():
        if isinstance(value, Mapping) and value:
            yield from _flat(value, f"{before}{name}.")
        else:
            yield f"{before}{name}", str(value)
