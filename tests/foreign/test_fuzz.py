"""Whatever a file holds, reading it gives rows or a complaint in words, and never anything else."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from guardrun.errors import UserError
from guardrun.reading.foreign import event_lines, read_foreign

LINES = [
    b"step,loss,val_loss", b"1,0.5,", b"2,nan,1e999", b"epoch,step,train_loss_step,val_loss",
    b'{"step": 1, "loss": 0.5}', b'{"mode": "train", "epoch": 1, "iter": 50, "loss": NaN, "time": 1}',
    b'{"mode": "val", "epoch": 99999999999999999999, "iter": -1, "bbox_mAP": "x"}',
    b'{"iter": 1, "step": 1, "lr": 1, "data_time": 1}', b'{"coco/bbox_mAP": 1, "step": 1e400}',
    b'{"iteration": 1, "total_loss": {"a": {"b": {"c": 1}}}}',
    b"iter 10: loss nan, time 1ms, mfu -100.00%", b"step 250: train loss 2.1, val loss inf",
    b"step:10/1750 train_loss:4.1 val_loss:nan step_avg:nanms", b"step:10/0 val_loss:1",
    b" iteration 100/ 500 | elapsed time per iteration (ms): 1.0 | lm loss: 1E+400 | loss scale: 1.0 |",
    b" iteration 999999999999999/ 0 | number of nan iterations: 9 |",
    b" validation loss at iteration 5 | lm loss value: 1.0 | lm loss PPL: 2.0 |",
    b"[2023-04-18 01:46:59,142] [Rank 0] step=10, skipped=6, lr=[9.6e-06], mom=[(0.9, 0.95)]",
    b"[2023-99-99 99:99:99,999999] OVERFLOW! Attempted loss scale: 65536, reducing to 0",
    b"epoch=0/micro_step=10/global_step=10, CurrSamplesPerSec=nan, MemAllocated=3.96GB",
    b"epoch: 9|step: 0|ppo_ep: 1|act_loss: 0.2|cri_loss: 0.1|unsuper_loss: 0.0", b"ppl: 3.5",
    b"epoch: 1|step: 0|ppo_ep: 1|act_loss: 0.2|cri_loss: 0.1|unsuper_loss: 0.0",
    b"| epoch   0 |   200/ 0 batches | lr 20.00 | ms/batch 1.0 | loss  7.6 | ppl 2.0",
    b"| end of epoch   1 | time: 30.1s | valid loss  5.5 | valid ppl   244.0",
    b"Train Epoch: 0 [640/60000 (1%)]\tLoss: 2.3", b"Test set: Average loss: 0.1, Accuracy: 1/0 (0%)",
    b"Epoch: [0][  10/5005]\tTime 0.5 ( 0.6)\tLoss 6.9 (7.0)", b" *   Acc@1 20.5 Acc@5 45.2",
    b'x | INFO | train_inner | {"epoch": 0, "loss": "nan", "num_updates": "-5"}',
    b"epoch 001:    100 / 1000 loss=10.25, num_updates=100, gnorm=inf",
    b"global_step,loss,train/loss,accumulated_submission_time", b"epoch,train/box_loss,metrics/mAP50(B)",
    b'{"log_history": [{"step": 1, "loss": 0.5}]}', b'{"train_losses": [1], "test_losses": [null, 2]}',
    b"[", b"{", b"]", b"}", b"", b"#", b"\xff\xfe", b"\x00\x00", b"\xef\xbb\xbf", b"\r", b",,,", b'"',
    b"\xed\xa0\x80",
]  # fmt: skip
CONTENT = st.lists(st.sampled_from(LINES) | st.binary(max_size=6), max_size=25)
SEPARATOR = st.sampled_from([b"\n", b"\n", b"\r\n", b"", b"\x00", b" "])
MAPPING = st.none() | st.sampled_from(
    [{"train/loss": "loss"}, {"step": "iter"}, {"t": "loss"}, {"val/loss": "lr"}]
)


@settings(max_examples=400, deadline=None)
@given(lines=CONTENT, separator=SEPARATOR, mapping=MAPPING, encoding=st.sampled_from(["utf-8", "utf-16"]))
@example(lines=[b"[" * 100_000], separator=b"\n", mapping=None, encoding="utf-8")
@example(lines=[b"step,loss", b'1,"' + b"x" * 200_000], separator=b"\n", mapping=None, encoding="utf-8")
@example(
    lines=[b'{"step": ' + b"9" * 5000 + b', "loss": 1}'], separator=b"\n", mapping=None, encoding="utf-8"
)
def test_rows_or_a_complaint(
    tmp_path_factory: pytest.TempPathFactory, lines: list[bytes], separator: bytes,
    mapping: dict[str, str] | None, encoding: str,
) -> None:  # fmt: skip
    data = separator.join(lines)
    path: Path = tmp_path_factory.mktemp("fuzz") / "log"
    path.write_bytes(data.decode("latin-1").encode("utf-16") if encoding == "utf-16" else data)
    complaint, logs = None, []
    try:
        logs = read_foreign(path, mapping)
    except UserError as error:
        complaint = error
    if complaint is not None:
        assert complaint.exit_code == 2
        assert str(path) in complaint.message
        assert complaint.message.isprintable()
    for log in logs:
        assert log.files[0].path == path
        for row in log.rows:
            assert row.kind in ("metrics", "eval")
            assert type(row.step) is int
            assert 0 <= row.step <= 2**53
            assert row.epoch is None or row.epoch >= 0
            assert row.values
            assert all(type(value) is float for value in row.values.values())
        assert all(type(json.loads(line)) is dict for line in event_lines(log))
