"""Logs that are text for people, each as its tool prints it."""

from __future__ import annotations

import math

import pytest

from guardrun.events.encode import encode
from guardrun.reading.foreign.model import ForeignRow
from guardrun.reading.foreign.rows import ForeignRows

STAMP = 1681787219.142
"""2023-04-18 03:06:59.142 UTC."""


def metrics(step: int, epoch: int | None = None, t: float | None = None, /, **values: float) -> ForeignRow:
    return ForeignRow("metrics", step, epoch, t, {k.replace("__", "/"): v for k, v in values.items()})


def evaluation(step: int, epoch: int | None = None, t: float | None = None, /, **values: float) -> ForeignRow:
    return ForeignRow("eval", step, epoch, t, {k.replace("__", "/"): v for k, v in values.items()})


CASES: dict[str, tuple[str, str, list[ForeignRow]]] = {
    "DeepSpeed's engine": (
        "DeepSpeed text",
        "ppl: 4998.5\n"
        "[2023-04-18 03:06:59,142] [INFO] [loss_scaler.py:181:update_scale] [deepspeed] OVERFLOW! Rank 0 "
        "Skipping step. Attempted loss scale: 65536, reducing to 32768\n"
        "[2023-04-18 03:06:59,142] [INFO] [logging.py:96:log_dist] [Rank 0] step=10, skipped=1, "
        "lr=[9.6e-06, 1e-05], mom=[(0.9, 0.95)]\n"
        "[2023-04-18 03:06:59,142] [INFO] [timer.py:199:stop] epoch=0/micro_step=10/global_step=10, "
        "RunningAvgSamplesPerSec=173.4, CurrSamplesPerSec=171.5, MemAllocated=1.5GB, MaxMemAllocated=2.0GB\n"
        "[2023-04-18 03:06:59,142] [INFO] [fused_optimizer.py:371:_update_scale] Increasing dynamic "
        "loss scale from 32768.0 to 65536.0\n"
        "[2023-04-18 03:06:59,142] [INFO] [fused_optimizer.py:371:_update_scale] Increasing dynamic "
        "loss scale from 32768.0 to 65536.0\n"
        "steps: 20 loss: 6.9077 iter time (s): 0.5 samples/sec: 32.0\n"
        "ppl: 2.5\n",
        [
            evaluation(0, val__ppl=4998.5),
            metrics(0, None, STAMP, overflow=1.0, loss_scale=32768.0),
            metrics(10, None, STAMP, skipped_steps=1.0, lr=9.6e-06),
            metrics(
                10, 0, STAMP,
                samples_per_s=171.5, gpu__memory_allocated_bytes=1.5 * 2**30,
                gpu__memory_peak_bytes=2.0 * 2**30,
            ),
            metrics(10, 0, STAMP, loss_scale=65536.0),
            metrics(20, 0, train__loss=6.9077, step_time=0.5, samples_per_s=32.0),
            evaluation(20, 0, val__ppl=2.5),
        ],
    ),
    "DeepSpeed-Chat's last step, which counts anew in each epoch": (
        "DeepSpeed text",
        "epoch: 0|step: 0|ppo_ep: 1|act_loss: 0.25|cri_loss: 0.125|unsuper_loss: 0.0\n"
        "average reward score: -0.5\n"
        "|E2E latency=7.5s |Gather latency=0.00s (0.00%) |CurSamplesPerSec=8.0 |AvgSamplesPerSec=8.0\n"
        "epoch: 1|step: 0|ppo_ep: 1|act_loss: nan|cri_loss: inf|unsuper_loss: 0.0\n",
        [
            metrics(1, 0, act_loss=0.25, train__loss=0.125),
            metrics(1, 0, reward=-0.5),
            metrics(1, 0, step_time=7.5, samples_per_s=8.0),
            metrics(2, 1, act_loss=math.nan, train__loss=math.inf),
        ],
    ),
    "Megatron-LM": (
        "Megatron-LM text",
        " [2023-04-18 03:06:59.142000] iteration      100/  500000 | consumed samples:        25600 | "
        "elapsed time per iteration (ms): 250.0 | throughput per GPU (TFLOP/s/GPU): 110.5 | learning rate: "
        "1.500000E-05 | global batch size:   256 | lm loss: 9.5E+00 | loss scale: 4096.0 | grad norm: 2.5 | "
        "number of skipped iterations:   1 | number of nan iterations:   0 |\n"
        " iteration      200/  500000 | consumed samples: 51200 | elapsed time per iteration (ms): 250.0 | "
        "learning rate: 1.500000E-05 | global batch size:   256 | loss scale: 1.0 | grad norm: nan | "
        "number of skipped iterations:   0 | number of nan iterations: 100 |\n"
        "-----------------------------------------------------------------------------------\n"
        " validation loss at iteration 200 | lm loss value: 2.5E+00 | lm loss PPL: 1.2E+01 | \n"
        " validation loss at iteration 500000 on test set | lm loss value: 2.0E+00 | lm loss PPL: 7.4 |\n",
        [
            metrics(
                100, None, STAMP, step_time=0.25, tflops_per_gpu=110.5, lr=1.5e-05, train__loss=9.5,
                loss_scale=4096.0, grad_norm=2.5, skipped_iterations=1.0, nan_iterations=0.0,
            ),
            # A NaN is not above zero: the tool leaves it out, and only counts it.
            metrics(
                200, None, step_time=0.25, lr=1.5e-05, loss_scale=1.0, grad_norm=math.nan,
                skipped_iterations=0.0, nan_iterations=100.0, train__loss=math.nan,
            ),
            evaluation(200, val__loss=2.5, val__ppl=12.0),
            evaluation(500000, test__loss=2.0, test__ppl=7.4),
        ],
    ),
    "nanoGPT": (
        "nanoGPT text",
        "number of parameters: 10.65M\n"
        "step 0: train loss 4.2874, val loss 4.2823\n"
        "iter 0: loss 4.2654, time 33210.29ms, mfu -100.00%\n"
        "iter 10: loss nan, time 20.00ms, mfu 3.50%\n",
        [
            # Both are means over batches in evaluation mode.
            evaluation(0, train__loss=4.2874, val__loss=4.2823),
            metrics(0, train__loss=4.2654, step_time=33.21029),
            metrics(10, train__loss=math.nan, step_time=0.02, mfu_percent=3.5),
        ],
    ),
    "modded-nanogpt": (
        "modded-nanogpt text",
        "step:0/1750 val_loss:10.8258 train_time:249ms step_avg:nanms\n"
        "step:1/1750 train_loss:10.8258 train_time:7919ms step_avg:nanms\n"
        "step:20/1750 train_loss:nan train_time:8437ms step_avg:395.00ms\n",
        [
            evaluation(0, val__loss=10.8258),
            metrics(1, train__loss=10.8258),
            metrics(20, train__loss=math.nan, step_time=0.395),
        ],
    ),
    "PyTorch's language model": (
        "PyTorch example text",
        "| epoch   1 |   200/ 2983 batches | lr 20.00 | ms/batch 10.00 | loss  7.63 | ppl  2050.21\n"
        "-----------------------------------------------------------------------------------------\n"
        "| end of epoch   1 | time: 33.08s | valid loss  5.75 | valid ppl   314.50\n"
        "| epoch   2 |   200/ 2983 batches | lr 5.00 | ms/batch 10.00 | loss   nan | ppl      nan\n"
        "| End of training | test loss  5.50 | test ppl   244.50\n",
        [
            metrics(200, 0, lr=20.0, step_time=0.01, train__loss=7.63),
            evaluation(200, 0, val__loss=5.75, val__ppl=314.5),
            metrics(3183, 1, lr=5.0, step_time=0.01, train__loss=math.nan),
            evaluation(3183, 1, test__loss=5.5, test__ppl=244.5),
        ],
    ),
    "PyTorch's digits": (
        "PyTorch example text",
        "Train Epoch: 1 [0/60000 (0%)]\tLoss: 2.305400\n"
        "Train Epoch: 2 [640/60000 (1%)]\tLoss: 0.250000\n"
        "\n"
        "Test set: Average loss: 0.0500, Accuracy: 9000/10000 (90%)\n",
        [
            metrics(0, 0, train__loss=2.3054),
            metrics(60640, 1, train__loss=0.25),
            evaluation(60640, 1, val__loss=0.05, val__accuracy=0.9),
        ],
    ),
    "PyTorch's ImageNet": (
        "PyTorch example text",
        "Epoch: [0][  10/5005]\tTime  0.500 ( 0.600)\tData  0.100 ( 0.200)\tLoss 6.9e+00 (7.0e+00)\t"
        "Acc@1   0.39 (  0.20)\tAcc@5   1.17 (  1.00)\n"
        "Test: [  0/196]\tTime  3.500 ( 3.500)\tLoss 4.0e+00 (4.0e+00)\tAcc@1  20.00 ( 20.00)\n"
        " *   Acc@1 20.500 Acc@5 45.250\n",
        [
            metrics(
                10, 0, step_time=0.5, data_time=0.1, train__loss=6.9, train__acc1=0.39, train__acc5=1.17
            ),
            evaluation(10, 0, val__acc1=20.5, val__acc5=45.25),
        ],
    ),
    "fairseq's JSON lines": (
        "fairseq text",
        '2023-04-18 03:06:59 | INFO | train_inner | {"epoch": 1, "loss": "10.25", "ppl": "1217"'
        ', "wps": "5000", "num_updates": "100", "lr": "1.25e-05", "gnorm": "2.5", "loss_scale": "64"}\n'
        '2023-04-18 03:06:59 | INFO | valid | {"epoch": 1, "valid_loss": "8.5", "valid_ppl": "362", '
        '"valid_num_updates": "120", "valid_best_loss": "8.5"}\n'
        '2023-04-18 03:06:59 | INFO | train | {"epoch": 1, "train_loss": "9.5", "train_num_updates": "99"}\n',
        [
            metrics(
                100, 0, STAMP - 0.142, train__loss=10.25, train__ppl=1217.0, tokens_per_s=5000.0, lr=1.25e-05,
                grad_norm=2.5, loss_scale=64.0,
            ),
            evaluation(120, 0, STAMP - 0.142, val__loss=8.5, val__ppl=362.0),
        ],
    ),
    "fairseq's simple lines": (
        "fairseq text",
        "epoch 001:    100 / 1000 loss=10.25, ppl=1217, num_updates=100, lr=1.25e-05, gnorm=nan, clip=0\n"
        "2023-04-18 03:06:59 | INFO | valid | epoch 001 | valid on 'valid' subset | loss 8.5 | ppl 362 | "
        "num_updates 1000\n",
        [
            metrics(
                100, 0, train__loss=10.25, train__ppl=1217.0, lr=1.25e-05, grad_norm=math.nan,
                clip_percent=0.0,
            ),
            evaluation(1000, 0, STAMP - 0.142, val__loss=8.5, val__ppl=362.0),
        ],
    ),
}  # fmt: skip


def shown(rows: list[ForeignRow]) -> list[bytes]:
    return [encode({**row._asdict(), "values": dict(sorted(row.values.items()))}) for row in rows]


@pytest.mark.parametrize("case", CASES)
def test_rows_of_text(case: str) -> None:
    name, text, expected = CASES[case]
    rows = ForeignRows()
    assert shown(rows.read(text.encode())) == shown(expected)
    assert rows.format == name
    assert rows.bad_lines == 0


@pytest.mark.parametrize("case", CASES)
def test_progress_bars_and_carriage_returns_between_the_lines_do_not_matter(case: str) -> None:
    _, text, expected = CASES[case]
    noisy = "\x1b[32mloading\x1b[0m\n" + text.replace("\n", "\r\n  5%|#   | 5/100 [00:01<00:20, 4.9it/s]\r")
    assert shown(ForeignRows().read(noisy.encode())) == shown(expected)


def test_two_tools_in_one_file_are_both_read() -> None:
    """Megatron-LM on DeepSpeed: one prints the losses, the other what it skips."""
    lines = [CASES["Megatron-LM"][1].splitlines()[1], CASES["DeepSpeed's engine"][1].splitlines()[1]]
    rows = ForeignRows().read("\n".join([*lines, lines[0]]).encode())
    assert ["lr" in row.values for row in rows] == [True, False, True]
    assert rows[1].values == {"overflow": 1.0, "loss_scale": 32768.0}


def test_totals_that_the_lines_state_are_known() -> None:
    for case, total in (("Megatron-LM", 500_000), ("modded-nanogpt", 1750)):
        rows = ForeignRows()
        rows.read(CASES[case][1].encode())
        assert rows.facts.total_steps == total


def test_a_mapping_gives_a_value_another_name() -> None:
    rows = ForeignRows({"train/loss": "act_loss"})
    found = rows.read(CASES["DeepSpeed-Chat's last step, which counts anew in each epoch"][1].encode())
    assert found[0].values == {"train/loss": 0.25}


def test_dates_that_are_none_are_no_times() -> None:
    text = CASES["DeepSpeed's engine"][1].replace("2023-04-18", "2023-99-18")
    assert {row.t for row in ForeignRows().read(text.encode())} == {None}
