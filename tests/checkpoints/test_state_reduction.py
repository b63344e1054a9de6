"""Any state that an optimizer, scheduler or user keeps comes back from ``weights_only=True`` as it was."""

from __future__ import annotations

import io
import math
from collections import Counter, OrderedDict, defaultdict, deque, namedtuple
from enum import Enum, IntEnum
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from guardrun.errors import UserError
from guardrun.recording.checkpoints.reduction import expand_state, reduce_state


class Phase(Enum):
    WARM = "warm"
    COLD = "cold"


class Level(IntEnum):
    LOW = 1


Pair = namedtuple("Pair", "left right")


def through_a_file(value: Any) -> Any:
    buffer = io.BytesIO()
    torch.save(reduce_state(value, ("state",)), buffer)
    buffer.seek(0)
    return expand_state(torch.load(buffer, weights_only=True))


def same(left: Any, right: Any) -> bool:
    if type(left) is not type(right):
        return False
    if isinstance(left, torch.Tensor):
        return left.dtype == right.dtype and torch.equal(left, right)
    if isinstance(left, np.ndarray | np.generic):
        return left.dtype == right.dtype and np.array_equal(left, right, equal_nan=left.dtype.kind in "fc")
    if isinstance(left, float):
        return left == right or (math.isnan(left) and math.isnan(right))
    if isinstance(left, dict):
        return list(left) == list(right) and all(same(left[key], right[key]) for key in left)
    if isinstance(left, list | tuple | deque):
        return len(left) == len(right) and all(map(same, left, right))
    return left == right


numbers = st.integers() | st.floats(allow_nan=True) | st.booleans() | st.none() | st.text(max_size=8)
keys = (
    st.text(max_size=5) | st.integers() | st.tuples(st.integers(), st.text(max_size=3)) | st.just("__guard__")
)
leaves = (
    numbers
    | st.binary(max_size=9)
    | st.complex_numbers(allow_nan=False)
    | st.sampled_from([np.float64(1.5), np.float32(2.5), np.int64(3), np.bool_(True), np.str_("s")])
    | st.sampled_from([torch.float16, torch.device("cpu"), torch.Size([2, 3]), range(1, 9, 2)])
    | st.sampled_from([Phase.WARM, Phase.COLD, Level.LOW, Path("/tmp/a b"), Pair(1, "x")])
    | st.sampled_from(["int8", "uint16", "float16", "float64", "complex64", "bool", "datetime64[s]"]).map(
        lambda name: np.zeros((2, 3), dtype=name)
    )
    | st.sampled_from(
        [np.array([]), np.array(7.0), np.array(["a", "bc"]), torch.arange(3), torch.tensor(1.5)]
    )
)
states = st.recursive(
    leaves,
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(keys, inner, max_size=3)
        | st.dictionaries(keys, inner, max_size=3).map(OrderedDict)
        | st.dictionaries(keys, inner, max_size=3).map(lambda one: defaultdict(list, one))
        | st.lists(inner, max_size=3).map(tuple)
        | st.lists(inner, max_size=3).map(lambda one: deque(one, maxlen=5))
    ),
    max_leaves=8,
)


@settings(max_examples=80, deadline=None)
@given(states)
def test_any_state_comes_back_with_values_types_and_order(state: Any) -> None:
    assert same(state, through_a_file(state))


def test_sets_counters_bytes_and_enum_keys_come_back() -> None:
    state = {
        "set": {1, 2},
        "frozen": frozenset("ab"),
        "counter": Counter("aab"),
        "bytes": bytearray(b"\0\xff"),
        Phase.WARM: 1,
        "plain_factory": defaultdict(None, {1: 2}),
    }

    assert state == through_a_file(state)


@pytest.mark.parametrize(
    ("value", "path"),
    [
        ({"fn": [lambda: 1]}, "scheduler['fn'][0] is a builtins.function"),
        ({("a", 1): object()}, "scheduler[('a', 1)] is a builtins.object"),
        (defaultdict(lambda: 0, {}), "default_factory"),
        ({"o": np.array([object()])}, "scheduler['o'] is a numpy.ndarray"),
        ({"m": torch.empty(2, device="meta")}, "scheduler['m']"),
        (torch.nn.LazyLinear(3).weight, "feed the lazy module one batch"),
    ],
)
def test_what_cannot_be_kept_is_named_with_its_path_of_keys(value: Any, path: str) -> None:
    with pytest.raises(UserError) as caught:
        reduce_state(value, ("scheduler",))

    assert path in str(caught.value)


def test_a_state_that_contains_itself_is_refused() -> None:
    state: dict[str, Any] = {}
    state["me"] = state

    with pytest.raises(UserError, match="levels deep"):
        reduce_state(state, ("loop",))


def test_an_enum_of_a_module_that_is_not_imported_is_not_imported_either() -> None:
    """A checkpoint from elsewhere names classes; reading it must not run their modules."""
    import sys

    hostile = {"__guard__": "enum", "class": "this:Zen", "name": "A"}

    with pytest.raises(UserError, match="does not have"):
        expand_state(hostile)
    assert "this" not in sys.modules


@pytest.mark.parametrize(
    "name", ["os:system", "subprocess:Popen", "builtins:eval", "collections:OrderedDict"]
)
def test_a_named_tuple_tag_never_calls_anything_else(name: str) -> None:
    import subprocess  # noqa: F401

    with pytest.raises(UserError, match="does not have"):
        expand_state({"__guard__": "namedtuple", "class": name, "items": ["true"]})


def test_a_row_of_a_large_table_is_saved_without_the_table() -> None:
    table = torch.zeros(1000, 1000)
    buffer = io.BytesIO()

    torch.save(reduce_state({"row": table[3]}), buffer)

    assert buffer.tell() < 20_000


def test_versions_of_a_modules_layout_survive() -> None:
    state = torch.nn.BatchNorm1d(3).state_dict()

    assert through_a_file(state)._metadata == state._metadata
