"""What is said of a command that may not use the library: `guard run -- anything`."""

from __future__ import annotations

from typing import Any

import pytest

from guardrun.events.encode import encode
from guardrun.reading.columns import ColumnReader
from guardrun.state.fold import RunFold
from guardrun.state.model import Facts, RunState, Status

T0 = 1_000_000.0


def state(*events: dict[str, Any], library: bool | None, after: float) -> RunState:
    """The state so many seconds after a launch, with these events of the training."""
    fold = RunFold()
    told = [{"kind": "header", "attempt": 1, "host": "node"}, {"kind": "run_start", "attempt": 1}]
    fold.add("supervisor", _batch(*told))
    if events:
        fold.add("rank0", _batch(*events))
    launch = {"attempt": 1, "created": T0, "library": library}
    return fold.state(Facts(trainer="alive", supervisor="alive"), launch, None, T0 + after, "runs/x")


def _batch(*events: dict[str, Any]) -> Any:
    return ColumnReader().read(b"".join(encode({"t": T0 + 1, "seq": 1, **event}) for event in events))


@pytest.mark.parametrize("library", [None, False])
def test_a_training_that_never_spoke_is_promised_no_checkpoint(library: bool | None) -> None:
    assert not state(library=library, after=5).can_save


def test_one_that_speaks_or_is_known_to_use_the_library_can_save_until_it_says_otherwise() -> None:
    header = {"kind": "header", "attempt": 1, "rank": 0, "host": "node"}

    assert state(header, library=None, after=5).can_save
    assert state(library=True, after=5).can_save
    assert not state(header, {"kind": "note", "can_save": False}, library=None, after=5).can_save


def test_a_silent_command_is_starting_at_first_and_running_soon() -> None:
    """It may still be importing; a script that prints for hours must not be "starting" all the while."""
    assert state(library=None, after=5).status is Status.STARTING
    assert state(library=None, after=60).status is Status.RUNNING
    assert state(library=True, after=60).status is Status.STARTING
