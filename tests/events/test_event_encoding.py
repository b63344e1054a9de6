"""What goes to disk comes back: any value, and a NaN as a NaN."""

from __future__ import annotations

import math
from collections import OrderedDict
from pathlib import Path

import numpy as np
import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from guardrun.events.decode import as_number, decode
from guardrun.events.encode import encode
from guardrun.events.names import canonical_metric

numbers = st.floats(allow_nan=True, allow_infinity=True) | st.integers(-(2**53), 2**53)
json_values = st.recursive(
    st.none() | st.booleans() | st.text() | numbers,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
    max_leaves=12,
)


def same(written: object, read: object) -> bool:
    if isinstance(written, float):
        number = as_number(read)
        return number is not None and (number == written or (math.isnan(number) and math.isnan(written)))
    if isinstance(written, dict):
        return isinstance(read, dict) and all(same(value, read[key]) for key, value in written.items())
    if isinstance(written, list):
        return isinstance(read, list) and all(map(same, written, read, strict=True))
    return written == read


@given(st.dictionaries(st.text(max_size=12), numbers, max_size=8))
def test_numbers_survive_the_round_trip(values: dict[str, float]) -> None:
    event = {"kind": "metrics", **{f"m/{key}": value for key, value in values.items()}}

    line = encode(event)

    assert line.endswith(b"\n")
    assert line.count(b"\n") == 1
    read = decode(line)
    assert read is not None
    assert same(event, read)


@given(st.dictionaries(st.text(max_size=8), json_values | st.binary() | st.complex_numbers(), max_size=6))
def test_encoding_never_raises_and_always_gives_one_line(event: dict[str, object]) -> None:
    line = encode(event)

    assert line.count(b"\n") == 1
    assert isinstance(orjson.loads(line), dict)


@pytest.mark.parametrize(
    ("value", "stored"),
    [
        (float("nan"), "NaN"),
        (float("inf"), "Infinity"),
        (np.float64("-inf"), "-Infinity"),
        (np.float32(0.5), 0.5),
        (2**80, str(2**80)),
        (Path("/a"), "/a"),
        ("\ud800", "?"),
        (OrderedDict(a=float("nan")), {"a": "NaN"}),
        ((1, float("inf")), [1, "Infinity"]),
    ],
)
def test_values_that_json_does_not_know_are_kept_as_evidence(value: object, stored: object) -> None:
    assert orjson.loads(encode({"kind": "note", "value": value}))["value"] == stored


def test_a_value_that_contains_itself_does_not_stop_the_log() -> None:
    loop: list[object] = []
    loop.append(loop)

    assert encode({"kind": "note", "value": loop}).endswith(b"\n")


@pytest.mark.parametrize("line", [b"", b"{", b"[]", b'{"kind":3}', b"{}", b"\xff", b"null", b'{"kind":"me'])
def test_a_line_that_is_no_event_is_none(line: bytes) -> None:
    assert decode(line) is None


@pytest.mark.parametrize(
    "name", ["loss", "train/loss", "val/loss", "lr", "grad_norm", "test/accuracy", "my-metric"]
)
def test_canonical_names_are_fixed_points(name: str) -> None:
    assert canonical_metric(canonical_metric(name)) == canonical_metric(name)


@pytest.mark.parametrize(
    ("raw", "stored"),
    [("loss", "train/loss"), ("val_loss", "val/loss"), ("eval_loss", "val/loss"), ("eval/loss", "val/loss")],
)
def test_spellings_of_a_loss_are_one_metric(raw: str, stored: str) -> None:
    assert canonical_metric(raw) == stored
