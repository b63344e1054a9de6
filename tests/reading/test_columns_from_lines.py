"""The fast path must be the slow path, only faster: same rows, values, order and count of errors."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from guardrun.events.decode import decode
from guardrun.events.encode import encode
from guardrun.events.schema import SERIES_KINDS
from guardrun.reading import columns as columns_module
from guardrun.reading import layout as layout_module
from guardrun.reading.columns import ABSENT, Batch, ColumnReader, is_absent, number


def lines(*events: dict[str, Any] | bytes) -> bytes:
    return b"".join(event if isinstance(event, bytes) else encode(event) for event in events)


def metrics(step: int, **values: Any) -> dict[str, Any]:
    return {"t": 1.0 * step, "seq": step, "kind": "metrics", "step": step, "epoch": 0, **values}


def column(batch: Batch, name: str, kind: str = "metrics") -> list[float]:
    """The column, with None for "absent"."""
    (rows,) = [rows for rows in batch.rows if rows.kind == kind]
    values = rows.columns[name]
    return [None if gone else value for value, gone in zip(values.tolist(), is_absent(values), strict=True)]


def test_a_logged_nan_and_a_missing_key_differ() -> None:
    batch = ColumnReader().read(
        lines(metrics(1, loss=math.nan), metrics(2), metrics(3, loss=math.inf), metrics(4, loss=-math.inf))
    )

    found = column(batch, "loss")
    assert found[1:] == [None, math.inf, -math.inf]
    assert found[0] is not None
    assert math.isnan(found[0])


def test_an_absent_value_is_a_nan_of_its_own_kind() -> None:
    values = np.array([ABSENT, math.nan, -math.nan, 0.0])

    assert is_absent(values).tolist() == [True, False, False, False]
    assert math.isnan(ABSENT)


def test_new_keys_half_way_become_columns() -> None:
    many = [metrics(n, loss=n / 10) for n in range(1, 3000)]
    later = [metrics(n, loss=n / 10, acc=1 - 1 / n) for n in range(3000, 6000)]
    batch = ColumnReader().read(lines(*many, *later))

    assert column(batch, "acc") == [None] * 2999 + [1 - 1 / n for n in range(3000, 6000)]
    assert column(batch, "step") == list(range(1, 6000))


def test_other_events_know_how_many_rows_precede_them() -> None:
    reader = ColumnReader()
    first = reader.read(lines({"kind": "header"}, metrics(1), {"kind": "note", "text": "a"}, metrics(2)))
    second = reader.read(
        lines(metrics(3), {"kind": "note", "text": "b"}, {"t": 4, "kind": "eval", "step": 3})
    )

    assert [(before, e["kind"]) for before, e in first.events] == [(0, "header"), (1, "note")]
    assert [(before, e.get("text")) for before, e in second.events] == [(3, "b")]
    assert {rows.kind: rows.order.tolist() for rows in second.rows} == {"metrics": [2], "eval": [3]}


@pytest.mark.parametrize(
    "bad",
    [
        b'{"t":1,"kind":"metrics","lo\n',
        b"\xff\xfe\n",
        b"[1]\n",
        b"{}\n",
        b'{"kind":3}\n',
        b"nonsense\n",
        b'{"a":1}}\n',
    ],
)
@pytest.mark.parametrize("place", [0, 1, 700, 1999, 2000])
def test_a_bad_line_is_counted_and_costs_its_neighbours_nothing(bad: bytes, place: int) -> None:
    events: list[dict[str, Any] | bytes] = [metrics(n, loss=n) for n in range(2000)]
    events.insert(place, bad)

    batch = ColumnReader().read(lines(*events))

    assert (batch.count, batch.bad_lines) == (2000, 1)
    assert column(batch, "step") == list(range(2000))


def test_attempts_of_rows_follow_headers_and_resumes() -> None:
    batch = ColumnReader().read(
        lines(
            {"kind": "header", "attempt": 1},
            metrics(1),
            {"kind": "resume", "attempt": 2, "step": 1},
            metrics(1),
        )
    )

    (rows,) = batch.rows
    assert rows.attempt.tolist() == [1, 2]


def test_values_that_are_no_numbers_are_absent_not_errors() -> None:
    values: list[Any] = [0.5, None, True, "word", [1], {"a": 1}, "1.5", "NaN"]
    batch = ColumnReader().read(lines(*(metrics(n, loss=v) for n, v in enumerate(values))))

    assert batch.bad_lines == 0
    found = column(batch, "loss")
    assert found[:7] == [0.5, None, None, None, None, None, 1.5]
    assert found[7] is not None


def test_a_key_that_often_holds_no_number_keeps_its_numbers() -> None:
    events = [metrics(n, loss=None if n % 2 else n, other=n) for n in range(4000)]

    batch = ColumnReader().read(lines(*events))

    assert column(batch, "loss") == [None if n % 2 else n for n in range(4000)]
    assert column(batch, "other") == list(range(4000))


def test_keys_that_no_struct_can_have_are_columns_all_the_same() -> None:
    odd = 'a"b\\c\n'
    batch = ColumnReader().read(lines(metrics(1, **{odd: 1.0}), metrics(2), metrics(3, **{odd: 3.0})))

    assert column(batch, odd) == [1.0, None, 3.0]


def test_a_log_gone_wrong_does_not_make_columns_without_end(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(layout_module, "MAX_KEYS", 20)
    events = [metrics(n, **{f"key{n}": 1.0, "loss": n}) for n in range(200)]

    batch = ColumnReader().read(lines(*events))

    (rows,) = batch.rows
    assert len(rows.columns) <= 20
    assert column(batch, "step") == list(range(200))
    assert batch.bad_lines == 0


VALUES = st.one_of(
    st.floats(allow_nan=False, allow_infinity=False),
    st.integers(-(2**63), 2**64 - 1),
    st.sampled_from(["NaN", "Infinity", "-Infinity", None, True, "word", [1], {}, "3"]),
)
EVENTS = st.one_of(
    st.fixed_dictionaries(
        {"t": st.floats(0, 1e9), "kind": st.sampled_from(["metrics", "metrics", "eval", "system"])},
        optional={"step": st.integers(0, 10**6), "epoch": VALUES, "seq": VALUES, "loss": VALUES, "lr": VALUES,
                  "új": VALUES, 'q"': VALUES},
    ).map(lambda event: orjson.dumps(event) + b"\n"),
    st.sampled_from([b'{"kind":"note","text":"x"}\n', b'{"kind":"header","attempt":2}\n', b'{"kind":"metr\n',
                     b"\n", b"  \n", b"null\n", b'{"kind":"metrics"}\n',
                     b"{}\n", b'{"kind":"","never":0}\n', b'{"t":1,"kind":"metrics","loss":1}x\n']),
)  # fmt: skip


@settings(max_examples=200, deadline=None)
@given(st.lists(EVENTS, max_size=60), st.integers(1, 400), st.booleans())
def test_blocks_give_what_lines_one_by_one_give(events: list[bytes], block: int, repeated: bool) -> None:
    """For any mixture of events and garbage, at any size of block."""
    data = b"".join(events) * (3 if repeated else 1)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(columns_module, "BLOCK", block)
        patch.setattr(columns_module, "_FIRST_LINES", 50)
        batch = ColumnReader().read(data)

    expected: dict[str, list[dict[str, Any]]] = {}
    others, bad, count = [], 0, 0
    for line in data.split(b"\n"):
        if not line.strip():
            continue
        event = decode(line)
        if event is None:
            bad += 1
        elif event["kind"] in SERIES_KINDS:
            expected.setdefault(event["kind"], []).append({**event, "order": count})
            count += 1
        else:
            others.append((count, event))
    assert (batch.count, batch.bad_lines, list(batch.events)) == (count, bad, others)
    assert {rows.kind for rows in batch.rows} == expected.keys()
    for rows in batch.rows:
        wanted = expected[rows.kind]
        assert rows.order.tolist() == [event["order"] for event in wanted]
        for name, values in rows.columns.items():
            for event, value, gone in zip(wanted, values.tolist(), is_absent(values), strict=True):
                told = number(event.get(name))
                assert gone == (told is None)
                assert told is None or value == told or (math.isnan(value) and math.isnan(told))


@settings(max_examples=50, deadline=None)
@given(st.binary(max_size=2000))
def test_no_bytes_whatever_make_it_raise(data: bytes) -> None:
    reader = ColumnReader()
    reader.read(lines(metrics(1, loss=1)))

    reader.read(data + b"\n")
