"""What a script logs is what stands in the log, under one spelling a metric."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import guardrun
from guardrun.events.decode import as_number

Begin = Callable[..., guardrun.Run]
LogOf = Callable[..., list[dict[str, Any]]]

names = st.text(min_size=1, max_size=10).filter(lambda name: name not in ("step", "epoch"))
numbers = st.floats(allow_nan=True, allow_infinity=True) | st.integers(-(2**63), 2**64 - 1) | st.booleans()


def equal(written: Any, read: Any) -> bool:
    number = as_number(read)
    return number is not None and (number == float(written) or (math.isnan(number) and math.isnan(written)))


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=60, deadline=None)
@given(values=st.dictionaries(names, numbers, max_size=8))
def test_any_numbers_survive_the_way_to_the_disk(begin: Begin, log_of: LogOf, values: dict[str, Any]) -> None:
    from guardrun.events.names import canonical_metric

    with begin() as run:
        run.log(values, step=7)

    (event,) = log_of(run, "metrics")
    assert event["step"] == 7
    for name, value in values.items():
        stored = canonical_metric(name)
        stored = f"metric/{stored}" if stored in ("t", "seq", "kind") else stored
        last = [v for k, v in values.items() if canonical_metric(k) == canonical_metric(name)][-1]
        assert equal(last, event[stored.encode("utf-8", "replace").decode()]), (name, value)


@pytest.mark.parametrize(
    ("value", "stored"),
    [
        (np.float32(0.5), 0.5),
        (np.float64("nan"), "NaN"),
        (np.int64(3), 3),
        (np.bool_(True), 1),
        (np.array(2.5), 2.5),
        (np.array([2.5]), 2.5),
        (torch.tensor(0.25), 0.25),
        (torch.tensor([4]), 4),
        (torch.tensor(float("-inf")), "-Infinity"),
        (torch.tensor(1.5, requires_grad=True), 1.5),
        (torch.tensor(0.5, dtype=torch.bfloat16), 0.5),
        (True, 1),
        (2**70, str(2**70)),
        ("text", "text"),
    ],
)
def test_scalars_of_every_library_are_numbers(begin: Begin, log_of: LogOf, value: Any, stored: Any) -> None:
    with begin() as run:
        run.log(x=value)

    (event,) = log_of(run, "metrics")
    assert event["x"] == stored


@pytest.mark.parametrize(
    "value", [torch.zeros(3), np.zeros((2, 2)), object(), [1.0], torch.empty((), device="meta")]
)
def test_what_is_no_number_is_told_once_and_hurts_nothing(begin: Begin, log_of: LogOf, value: Any) -> None:
    with begin() as run:
        run.log(x=value, y=1.0)
        run.log(x=value, y=2.0)

    assert [event["y"] for event in log_of(run, "metrics")] == [1.0, 2.0]
    assert sum("x is not logged" in str(note.get("text")) for note in log_of(run, "note")) == 1


class AttributeDict(dict[str, Any]):
    """A common idiom, whose missing attributes are KeyErrors."""

    __getattr__ = dict.__getitem__


def test_values_and_batches_that_raise_when_looked_at_hurt_nothing(begin: Begin, log_of: LogOf) -> None:
    class Lengthless:
        def __len__(self) -> int:
            raise RuntimeError("not known yet")

        def __iter__(self) -> Iterator[Any]:
            return iter([AttributeDict(x=1)])

    with begin() as run:
        run.log(x=AttributeDict(a=1), y=1.0)
        run.evaluate({"val/loss": 1.0, "val/count": 10**400})
        assert [len(batch) for batch in run.steps(Lengthless())] == [1]

    assert log_of(run, "metrics")[0]["y"] == 1.0
    assert log_of(run, "eval")[0]["val/loss"] == 1.0


def test_a_rename_is_told_once(begin: Begin, log_of: LogOf) -> None:
    with begin() as run:
        for _ in range(3):
            run.log(loss=1.0, val_acc=0.5, lr=0.1)

    renamed = [note["renamed"] for note in log_of(run, "note") if "renamed" in note]
    assert renamed == [{"loss": "train/loss"}, {"val_acc": "val/acc"}]


def test_in_a_plain_loop_a_step_begins_when_a_name_comes_again(begin: Begin, log_of: LogOf) -> None:
    with begin() as run:
        for _ in range(3):
            run.log(loss=1.0)
            run.log(accuracy=0.5)
        run.log(loss=1.0, step=10)
        run.log({"loss": 1.0, "step": np.int64(11)})
        run.log(loss=0.5)

    assert [event["step"] for event in log_of(run, "metrics")] == [1, 1, 2, 2, 3, 3, 10, 11, 12]


def test_logging_after_the_end_is_harmless(begin: Begin, log_of: LogOf) -> None:
    with begin() as run:
        pass
    run.log(loss=1.0)
    assert run.should_stop is False

    assert log_of(run)[-1]["kind"] == "run_end"
