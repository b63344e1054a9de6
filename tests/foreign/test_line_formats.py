"""Logs that other tools wrote, as our rows: evidence survives, and nothing that they hold raises."""

from __future__ import annotations

import json
import math
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from guardrun.events.encode import encode
from guardrun.reading.foreign.model import ForeignRow
from guardrun.reading.foreign.naming import stored_name
from guardrun.reading.foreign.repeats import Repeats, row_of
from guardrun.reading.foreign.rows import ForeignRows


def read(text: str) -> list[ForeignRow]:
    return ForeignRows().read(text.encode())


def metrics(step: int, epoch: int | None = None, **values: float) -> ForeignRow:
    return ForeignRow(
        "metrics", step, epoch, None, {name.replace("__", "/"): value for name, value in values.items()}
    )


def evaluation(step: int, epoch: int | None = None, **values: float) -> ForeignRow:
    return ForeignRow(
        "eval", step, epoch, None, {name.replace("__", "/"): value for name, value in values.items()}
    )


CASES: dict[str, tuple[str, list[ForeignRow]]] = {
    "Hugging Face's trainer": (
        '{"loss": 2.5, "grad_norm": 1.5, "learning_rate": 5e-05, "epoch": 0.5, "step": 10}\n'
        '{"eval_loss": 2.0, "eval_runtime": 3.0, "epoch": 1.0, "step": 20}\n'
        '{"train_runtime": 9.0, "train_loss": 2.2, "epoch": 1.0, "step": 20}\n',
        [
            metrics(10, 0, train__loss=2.5, grad_norm=1.5, lr=5e-05),
            evaluation(20, 1, val__loss=2.0, val__runtime=3.0),
            # Its last row is the mean of all steps and no point of the curve.
            metrics(20, 1, train__runtime=9.0, train__mean_loss=2.2),
        ],
    ),
    "Lightning's metrics.csv": (
        "epoch,step,train_loss_epoch,train_loss_step,val_loss\n0,49,,0.7,\n0,99,,,0.6\n0,99,0.8,,\n",
        [
            metrics(49, 0, train__loss=0.7),
            evaluation(99, 0, val__loss=0.6),
            metrics(99, 0, train__loss_epoch=0.8),
        ],
    ),
    "Keras' CSVLogger: rows are counted": (
        "epoch,accuracy,loss,val_loss\n0,0.5,1.0,1.5\n1,0.6,0.5,1.25\n",
        [
            metrics(1, 0, accuracy=0.5, train__loss=1.0),
            evaluation(1, 0, val__loss=1.5),
            metrics(2, 1, accuracy=0.6, train__loss=0.5),
            evaluation(2, 1, val__loss=1.25),
        ],
    ),
    "NaN and infinity are evidence": (
        "step,loss,grad_norm\n1,inf,1\n2,-Infinity,NaN\n",
        [
            metrics(1, train__loss=math.inf, grad_norm=1.0),
            metrics(2, train__loss=-math.inf, grad_norm=math.nan),
        ],
    ),
    "Python's JSON has NaN, others write it as a text": (
        '{"step": 1, "loss": NaN}\n{"step": 2, "loss": "inf"}\n{"step": 3, "loss": -Infinity}\n',
        [
            metrics(1, train__loss=math.nan),
            metrics(2, train__loss=math.inf),
            metrics(3, train__loss=-math.inf),
        ],
    ),
    "objects are flattened by one level": (
        '{"global_step": 5, "train": {"loss": 1, "deep": {"x": 1}}, "valid": {"acc": 0.5}}\n',
        [metrics(5, train__loss=1.0), evaluation(5, val__acc=0.5)],
    ),
    "a row says of which split it is": (
        '{"mode": "train", "iter": 50, "loss": 1.5, "lr": 0.1}\n'
        '{"mode": "val", "iter": 50, "loss": 2.5, "mAP": 0.5}\n',
        [metrics(50, train__loss=1.5, lr=0.1), evaluation(50, val__loss=2.5, val__mAP=0.5)],
    ),
    "rows without a step belong to the newest": (
        '{"_step": 7, "loss": 1}\n{"val_loss": 2}\n',
        [metrics(7, train__loss=1.0), evaluation(7, val__loss=2.0)],
    ),
    "texts, truth values, lists and nulls are no metrics": (
        '{"step": 1, "loss": 1, "name": "run 1", "ok": true, "list": [1], "none": null, "id": "1_000"}\n',
        [metrics(1, train__loss=1.0)],
    ),
    "names of our own envelope are kept apart": (
        '{"step": 1, "t": 5, "kind": 2, "seq": 3, "self": 4}\n',
        [metrics(1, metric__t=5.0, metric__kind=2.0, metric__seq=3.0, self=4.0)],
    ),
    "tabs, quotes, a byte order mark, CRLF, comments and blank lines": (
        '\ufeff# made by hand\r\n"step"\t"train loss"\r\n\r\n1\t"0.5"\r\n# pause\r\n',
        [metrics(1, train__loss=0.5)],
    ),
    "a header that comes again, with a column more": (
        "step,loss\n1,2\nstep,loss\n2,1\nstep,loss,lr\n3,1,0.5\n",
        [metrics(1, train__loss=2.0), metrics(2, train__loss=1.0), metrics(3, train__loss=1.0, lr=0.5)],
    ),
    "steps that are none are not believed": (
        "step,loss\n-1,1\n1.5,1\n1e300,1\n12.0,1\n",
        [
            metrics(1, train__loss=1.0),
            metrics(2, train__loss=1.0),
            metrics(3, train__loss=1.0),
            metrics(12, train__loss=1.0),
        ],
    ),
}


@pytest.mark.parametrize("case", CASES)
def test_rows_of_known_formats(case: str) -> None:
    text, expected = CASES[case]
    assert [encode(row._asdict()) for row in read(text)] == [encode(row._asdict()) for row in expected]


@pytest.mark.parametrize("case", CASES)
def test_rows_do_not_depend_on_how_the_lines_arrive(case: str) -> None:
    text, _ = CASES[case]
    rows = ForeignRows()
    singly = [row for line in text.encode().splitlines(keepends=True) for row in rows.read(line)]
    assert repr(singly) == repr(read(text))


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ('{\n  "log_history": [\n', "one JSON document over several lines"),
        ("[1, 2]\n[3]\n", "one JSON document over several lines"),
        ("\x18\x00\x00\x00\x00\x00\x01\n\x00\x01\n", "binary data"),
    ],
)
def test_what_is_no_log_of_lines_is_described_and_read_no_further(text: str, found: str) -> None:
    rows = ForeignRows()
    assert rows.read((text + '{"loss": 1}\n').encode()) == []
    assert found in rows.problem
    assert rows.format == ""


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("Epoch 1 went well\nEpoch 2 too\n", "Epoch 1 went well"),
        ("1,2,3\n4,5,6\n", "1,2,3"),
        ("\x1b[31mred\x1b[0m\nblue\n", "red"),
    ],
)
def test_unknown_text_is_read_on_for_a_while_and_then_no_further(text: str, found: str) -> None:
    """A training may print its whole configuration, or its program, before the first row."""
    rows = ForeignRows()
    assert rows.read(text.encode()) == []
    assert rows.problem == ""
    assert found in rows.describe()
    assert "\x1b" not in rows.describe()
    assert len(rows.read(text.encode() + b'{"loss": 1}\n')) == 1

    rows = ForeignRows()
    assert rows.read(text.encode() * 20_000 + b'{"loss": 1}\n') == []
    assert found in rows.problem


def test_a_format_is_open_until_there_is_enough_to_tell() -> None:
    rows = ForeignRows()
    assert rows.read(b"step,loss\n") == []
    assert (rows.format, rows.problem) == ("", "")
    assert "step,loss" in rows.describe()
    assert rows.read(b"1,2\n")
    assert (rows.format, rows.describe()) == ("CSV", "")


def test_lines_about_the_machine_before_the_first_row_are_no_rows() -> None:
    """mmcv begins its JSON lines with the environment: neither a row, nor what the format is told by."""
    rows = ForeignRows()
    found = rows.read(
        b'{"env_info": "Python 3.8", "seed": 0, "exp_name": "x.py"}\n'
        b'{"mode": "train", "epoch": 1, "iter": 50, "loss": 0.5}\n'
        b'{"mode": "train", "epoch": 2, "iter": 50, "loss": 0.25}\n'
    )
    assert rows.format == "OpenMMLab JSON lines"
    assert [(row.step, row.values["train/loss"]) for row in found] == [(50, 0.5), (100, 0.25)]


def test_names_that_nobody_knows_are_rows_all_the_same() -> None:
    found = ForeignRows().read(b'{"a": 1}\n{"a": 2}\n{"a": 3}\n{"a": 4}\n{"a": 5}\n')
    assert [row.values["a"] for row in found] == [1, 2, 3, 4, 5]


@pytest.mark.parametrize(
    "beginning", ['{"lr": 0.1, "step": 3}\n', "loading data, please wait\ndone in s, 12.5\n", "[1,\n2]\n"]
)
def test_a_console_that_begins_like_another_format_is_text_all_the_same(beginning: str) -> None:
    rows = ForeignRows()
    found = rows.read((beginning + "iter 1: loss 0.5, time 1ms\niter 2: loss 0.25, time 1ms\n").encode())
    assert rows.format == "nanoGPT text"
    assert [row.values["train/loss"] for row in found if "train/loss" in row.values] == [0.5, 0.25]


def test_lines_that_do_not_fit_are_counted() -> None:
    rows = ForeignRows()
    found = rows.read(b"step,loss\n1,2\n3\n4,5,6\n5,1\n")
    assert [row.step for row in found] == [1, 5]
    assert rows.bad_lines == 2


def test_renamed_columns_are_known() -> None:
    rows = ForeignRows()
    rows.read(b'{"loss": 1, "lr": 1, "eval/f1": 1}\n')
    assert rows.renamed == {"loss": "train/loss", "eval/f1": "val/f1"}


def test_a_stored_name_is_stored_as_itself() -> None:
    for raw in ("loss", "val_acc_epoch", "train_loss_step", "t", "", "lr"):
        assert stored_name(stored_name(raw)) == stored_name(raw)


PIECES = st.sampled_from(
    [b"\n", b"\r\n", b",", b"\t", b'"', b"{", b"}", b"[", b":", b'"step"', b'"loss"', b"step", b"loss",
     b"epoch", b"nan", b"inf", b"1e999", b"9" * 30, b"9" * 5000, b"-1", b"0.5", b"\x00", b"\xff\xfe",
     b"#", b"null", b'{"a":' * 3, b"\xed\xa0\x80", b'"\\ud800"', b"val_", b"\xef\xbb\xbf",
     b'{"step":1,"loss":2}\n', b"a,b\n1,2\n"]
)  # fmt: skip


@given(st.lists(PIECES | st.binary(max_size=4), max_size=60).map(b"".join), st.integers(0, 40))
@example(b'{"a":' * 100_000 + b"\n", 0)
@example(b"a,b\n1," + b"x" * 200_000 + b"\n", 0)
def test_no_bytes_make_it_raise(data: bytes, cut: int) -> None:
    """And what comes out is always an event: a kind, a step, numbers under names, one line of JSON."""
    rows = ForeignRows()
    for row in rows.read(data[:cut]) + rows.read(data[cut:]):
        assert row.kind in ("metrics", "eval")
        assert type(row.step) is int
        assert 0 <= row.step <= 2**53
        assert row.values
        assert all(type(value) is float for value in row.values.values())
        event = json.loads(encode({"kind": row.kind, "step": row.step, "epoch": row.epoch, **row.values}))
        assert event["kind"] == row.kind
    rows.describe()


FIELDS = st.dictionaries(st.sampled_from(["a", "train/loss", "val/loss"]), st.floats(), min_size=1)
ROWS = st.lists(
    st.builds(
        ForeignRow, st.sampled_from(["metrics", "eval"]), st.integers(0, 5), st.none(), st.none(), FIELDS
    )
)


def told_now(repeats: Repeats, rows: list[ForeignRow]) -> list[ForeignRow]:
    return [row for row in rows if repeats.is_new(row)]


@given(ROWS, ROWS)
def test_a_log_that_is_written_anew_repeats_nothing(rows: list[ForeignRow], later: list[ForeignRow]) -> None:
    """NaN included, and after a reader was replaced by another that has only the events."""
    repeats = Repeats()
    assert len(told_now(repeats, rows)) == len(rows)
    repeats.from_start()
    assert told_now(repeats, rows + later) == later

    events: list[dict[str, Any]] = [
        json.loads(encode({"kind": row.kind, "step": row.step, "epoch": row.epoch, "t": 1.0, **row.values}))
        for row in rows
    ]
    again = Repeats(passed_over=2, told=map(row_of, events))
    assert told_now(again, [metrics(1, x=1.0), metrics(2, x=1.0), *rows, *later]) == later


def test_another_log_is_told_from_the_row_in_which_it_differs() -> None:
    first, second, other = metrics(1, x=1.0), metrics(2, x=1.0), metrics(2, x=3.0)
    repeats = Repeats(told=[first, second, second])
    assert told_now(repeats, [first]) == []
    assert repeats.is_new(other)
    assert repeats.diverged
    assert repeats.place == 2
    assert repeats.is_new(second)
    assert not repeats.diverged
