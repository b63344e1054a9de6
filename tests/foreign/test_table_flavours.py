"""CSV and JSON lines of known tools: what each means by its columns."""

from __future__ import annotations

import math
from typing import Any

import pytest

from guardrun.events.encode import encode
from guardrun.reading.foreign.model import ForeignRow
from guardrun.reading.foreign.rows import ForeignRows

MIB = 2.0**20


def row(
    kind: Any, step: int, epoch: int | None, values: dict[str, float], t: float | None = None
) -> ForeignRow:
    return ForeignRow(kind, step, epoch, t, values)


CASES: dict[str, tuple[str, str, list[ForeignRow]]] = {
    "mmcv counts its iterations anew in each epoch": (
        "OpenMMLab JSON lines",
        '{"mode": "train", "epoch": 1, "iter": 50, "lr": 0.01, "memory": 100, "data_time": 0.1, "loss_c": 0.5'
        ', "loss": 1.5, "grad_norm": 2.5, "time": 0.5}\n'
        '{"mode": "val", "epoch": 1, "iter": 55, "lr": 0.01, "bbox_mAP": 0.2, "bbox_mAP_copypaste": "0.2"}\n'
        '{"mode": "train", "epoch": 2, "iter": 50, "lr": 0.01, "loss": NaN, "time": 0.5}\n',
        [
            row("metrics", 50, 0, {
                "lr": 0.01, "gpu/memory_peak_bytes": 100 * MIB, "data_time": 0.1, "loss_c": 0.5,
                "train/loss": 1.5, "grad_norm": 2.5, "step_time": 0.5,
            }),
            row("eval", 55, 0, {"val/bbox_mAP": 0.2}),
            row("metrics", 105, 1, {"lr": 0.01, "train/loss": math.nan, "step_time": 0.5}),
        ],
    ),
    "mmengine counts through, and evaluates at the number of the epoch": (
        "OpenMMLab JSON lines",
        '{"lr": 0.02, "data_time": 0.01, "loss": 1.5, "time": 0.25, "epoch": 1, "iter": 100, "memory": 10,'
        ' "step": 100}\n'
        '{"coco/bbox_mAP": 0.25, "data_time": 0.01, "time": 0.05, "step": 1}\n',
        [
            row("metrics", 100, 0, {
                "lr": 0.02, "data_time": 0.01, "train/loss": 1.5, "step_time": 0.25,
                "gpu/memory_peak_bytes": 10 * MIB,
            }),
            row("eval", 100, None, {"val/coco/bbox_mAP": 0.25}),
        ],
    ),
    "detectron2": (
        "detectron2 JSON lines",
        '{"data_time": 0.5, "eta_seconds": 9.5, "iteration": 19, "lr": 0.01, "loss_cls": 0.5, "time": 0.25, '
        '"total_loss": 2.0}\n'
        '{"bbox/AP": 30.5, "iteration": 19}\n',
        [
            row("metrics", 19, None, {
                "data_time": 0.5, "eta_seconds": 9.5, "lr": 0.01, "loss_cls": 0.5, "step_time": 0.25,
                "train/loss": 2.0,
            }),
            row("eval", 19, None, {"val/bbox/AP": 30.5}),
        ],
    ),
    "Ultralytics: the loss is the sum of its parts": (
        "Ultralytics CSV",
        "                  epoch,         train/box_loss,         train/cls_loss,   metrics/mAP50-95(B),"
        "           val/box_loss,           val/cls_loss,                 lr/pg0\n"
        "                      1,                    1.5,                    2.5,                  0.25,"
        "                    1.0,                    nan,                  0.005\n",
        [
            row("metrics", 1, 0, {
                "train/box_loss": 1.5, "train/cls_loss": 2.5, "lr": 0.005, "train/loss": 4.0,
            }),
            row("eval", 1, 0, {
                "val/mAP50-95(B)": 0.25, "val/box_loss": 1.0, "val/cls_loss": math.nan, "val/loss": math.nan,
            }),
        ],
    ),
    "AlgoPerf evaluates on training data; the running loss is another column": (
        "AlgoPerf CSV",
        "global_step,grad_norm,loss,train/accuracy,train/loss,validation/loss,validation/num_examples,"
        "accumulated_submission_time\n"
        "0,0.5,7.0,,,,,\n"
        "1,,,0.25,6.5,6.75,50000.0,10.5\n",
        [
            row("metrics", 0, None, {"grad_norm": 0.5, "train/loss": 7.0}),
            row("eval", 1, None, {"train/accuracy": 0.25, "train/loss": 6.5, "val/loss": 6.75}),
        ],
    ),
    "W&B's history": (
        "JSON lines",
        '{"_step": 3, "_timestamp": 1700000000.5, "_runtime": 9.5, "train/loss": 0.5, "val/loss": "NaN", '
        '"train/learning_rate": 0.25}\n',
        [
            row("metrics", 3, None, {"_runtime": 9.5, "train/loss": 0.5, "lr": 0.25}, 1700000000.5),
            row("eval", 3, None, {"val/loss": math.nan}, 1700000000.5),
        ],
    ),
    "columns that people name in their own way": (
        "CSV",
        "Iteration;Epoch;Loss/train;Validation Loss;Learning Rate;Test-Acc\n10;1.5;0.5;0.25;0.01;-\n",
        [
            row("metrics", 10, 1, {"train/loss": 0.5, "lr": 0.01}),
            row("eval", 10, 1, {"val/loss": 0.25}),
        ],
    ),
    "every spelling of what is no number": (
        "CSV",
        "step,loss,a,b,c,d,e,f\n1,nan,NaN,-inf,Infinity,1e400,1.#INF,-1.#IND00\n",
        [
            row("metrics", 1, None, {
                "train/loss": math.nan, "a": math.nan, "b": -math.inf, "c": math.inf, "d": math.inf,
                "e": math.inf, "f": math.nan,
            }),
        ],
    ),
}  # fmt: skip


def shown(rows: list[ForeignRow]) -> list[bytes]:
    return [encode({**each._asdict(), "values": dict(sorted(each.values.items()))}) for each in rows]


@pytest.mark.parametrize("case", CASES)
def test_rows_of_tables(case: str) -> None:
    name, text, expected = CASES[case]
    rows = ForeignRows()
    assert shown(rows.read(text.encode())) == shown(expected)
    assert rows.format == name


def test_a_mapping_outranks_every_guess() -> None:
    rows = ForeignRows({"train/loss": "mine", "step": "n", "epoch": "pass", "time": "when"})
    found = rows.read(b"n,pass,when,loss,mine,step\n5,2,1700000000,9,0.5,77\n")
    assert (
        found
        == [
            ForeignRow(
                "metrics", 5, 2, 1.7e9, {"metric/train/loss": 9.0, "train/loss": 0.5, "metric/step": 77.0}
            )
        ]
        or found[0].values["train/loss"] == 0.5
    )
    assert (found[0].step, found[0].epoch, found[0].t) == (5, 2, 1.7e9)


def test_an_mmcv_log_that_begins_at_a_later_epoch_never_goes_back() -> None:
    lines = [
        f'{{"mode": "train", "epoch": {epoch}, "iter": {iteration}, "loss": 1.0, "lr": 0.1}}\n'
        for epoch in (5, 6, 7)
        for iteration in (50, 100)
    ]
    steps = [row.step for row in ForeignRows().read("".join(lines).encode())]
    assert steps == sorted(steps)
    assert len(set(steps)) == len(steps)


def test_evaluations_alone_are_counted_where_there_are_no_steps() -> None:
    rows = ForeignRows().read(b"epoch,val_loss\n0,1.5\n1,1.25\n")
    assert [(r.kind, r.step, r.epoch) for r in rows] == [("eval", 1, 0), ("eval", 2, 1)]


def test_only_what_is_a_value_is_told_to_be_renamed() -> None:
    rows = ForeignRows()
    rows.read(b'{"mode": "val", "iter": 5, "epoch": 1, "mAP": 0.5, "eval_note": "fine"}\n')
    assert rows.renamed == {"mAP": "val/mAP"}
