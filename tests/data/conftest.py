"""Runs in this process, and the events that they left."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

import guardrun
from guardrun.recording import starting


@pytest.fixture
def begin(tmp_path: Path) -> Iterator[Callable[..., guardrun.Run]]:
    """Start runs in this process; whatever a test left open is ended."""

    def start(**arguments: Any) -> guardrun.Run:
        return guardrun.start("test", runs_dir=tmp_path / "runs", **arguments)

    yield start
    for run in list(starting._process.open):
        run.finish()


@pytest.fixture
def events() -> Callable[..., list[dict[str, Any]]]:
    """The events of a run so far, of one kind if asked."""

    def read(run: guardrun.Run, kind: str | None = None) -> list[dict[str, Any]]:
        assert run.path is not None
        found = [json.loads(line) for line in (run.path / "events.jsonl").read_bytes().splitlines()]
        return [event for event in found if kind is None or event["kind"] == kind]

    return read


@pytest.fixture
def told(events: Callable[..., list[dict[str, Any]]]) -> Callable[..., list[str]]:
    """The ids of everything that a run found in its data, in order."""

    def ids(run: guardrun.Run) -> list[str]:
        return [one["id"] for event in events(run) for one in event.get("findings") or []]

    return ids
