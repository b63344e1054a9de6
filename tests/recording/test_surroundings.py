"""What the training tells of itself: settings, precision, metrics, and libraries that no seed reaches."""

from __future__ import annotations

import sys
import types
from collections.abc import Callable
from typing import Any

import pytest
import torch

from guardrun.recording.libraries import not_seeded, seed_libraries
from guardrun.recording.surroundings import plain


def train(run: Any, model: torch.nn.Module, optimizer: Any, dtype: torch.dtype | None = None) -> None:
    for batch in run.steps([torch.ones(2, 3)] * 2):
        with torch.autocast("cpu", dtype=dtype or torch.bfloat16, enabled=dtype is not None):
            loss = model(batch).sum()
        loss.backward()
        optimizer.step()
        run.log(loss=loss)


def test_settings_of_optimizer_scheduler_and_model_are_told_before_the_first_step(
    begin: Callable[..., Any], log_of: Callable[..., Any]
) -> None:
    run = begin()
    model = torch.nn.Linear(3, 1)
    model.bias.requires_grad_(False)
    groups = [{"params": [model.weight], "weight_decay": 0.5}]
    optimizer = torch.optim.AdamW(groups, lr=1e-3, betas=(0.8, 0.9))
    scheduler = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, 10)
    run.track(model=model, optimizer=optimizer, scheduler=scheduler)
    run.define_metrics({"val_accuracy": "share of right answers"})
    train(run, model, optimizer)

    (told,) = log_of(run, "settings")
    (group,) = told["optimizers"]["optimizer"]["groups"]
    assert (group["lr"], group["betas"], group["weight_decay"]) == (1e-3, [0.8, 0.9], 0.5)
    assert (group["parameters"], group["tensors"]) == (3, 1)
    assert told["optimizers"]["optimizer"]["type"] == "torch.optim.adamw.AdamW"
    assert told["schedulers"]["scheduler"]["state"]["T_max"] == 10
    assert told["models"]["model"] | {"type": ""} == {
        "type": "", "parameters": 4, "trainable": 3, "dtypes": {"float32": 4},
    }  # fmt: skip
    assert told["metric_definitions"] == {"val/accuracy": {"text": "share of right answers"}}
    assert told["seq"] < log_of(run, "metrics")[0]["seq"]


def test_a_metric_may_be_defined_by_the_function_that_computes_it(
    begin: Callable[..., Any], log_of: Callable[..., Any]
) -> None:
    def accuracy(right: int, count: int) -> float:
        return right / count

    run = begin()
    run.define_metrics({"val/accuracy": accuracy})
    for _ in run.steps([1]):
        run.log(loss=1.0)
    (told,) = log_of(run, "settings")
    assert "right / count" in told["metric_definitions"]["val/accuracy"]["text"]
    assert len(told["metric_definitions"]["val/accuracy"]["sha256"]) == 64


@pytest.mark.parametrize(
    ("dtype", "said"), [(None, "fp32"), (torch.bfloat16, "bf16-mixed"), (torch.float16, "fp16-mixed")]
)
def test_the_precision_is_heard_not_asked_for(
    begin: Callable[..., Any], log_of: Callable[..., Any], dtype: torch.dtype | None, said: str
) -> None:
    before = torch.autocast.__enter__
    run = begin()
    model = torch.nn.Linear(3, 1)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    run.track(model=model, optimizer=optimizer)
    train(run, model, optimizer, dtype)
    run.finish()

    (told,) = log_of(run, "env")
    assert told["precision"] == said
    assert torch.autocast.__enter__ is before, "nothing of ours stays in torch"


def test_a_run_that_ends_before_its_first_step_gives_torch_back(begin: Callable[..., Any]) -> None:
    before = torch.autocast.__enter__
    run = begin()
    run.track(model=torch.nn.Linear(1, 1))
    run.finish()
    assert torch.autocast.__enter__ is before


def test_a_library_that_no_seed_reaches_is_named_with_what_to_do(
    begin: Callable[..., Any], log_of: Callable[..., Any], monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:  # fmt: skip
    library = types.ModuleType("albumentations")
    library.Compose = type("Compose", (), {"set_random_seed": None})  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "albumentations", library)

    run = begin()
    run.seed(1)

    (told,) = log_of(run, "seeds")
    assert told["not_seeded"] == [
        "albumentations: give each pipeline its seed: A.Compose([…], seed=run.seed())"
    ]
    assert "the seed does not reach albumentations" in capsys.readouterr().err


def test_a_library_with_one_generator_is_seeded_and_a_broken_one_is_told(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    seeds: list[int] = []
    opencv = types.ModuleType("cv2")
    opencv.setRNGSeed = seeds.append  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "cv2", opencv)
    monkeypatch.setitem(sys.modules, "imgaug", types.ModuleType("imgaug"))
    monkeypatch.setitem(sys.modules, "kornia", types.ModuleType("kornia"))

    told = seed_libraries(2**32 - 1)

    assert seeds == [2**31 - 1]
    assert told["cv2"] == "seeded"
    assert told["kornia"] == "follows torch"
    assert not_seeded(told) == ["imgaug: AttributeError"]


def test_what_was_imported_after_the_seed_is_told(script: Any) -> None:
    done = script.run(
        "import guardrun\nwith guardrun.start() as run:\n  run.seed(1)\n  import numpy\n"
        "  for x in run.steps([1]):\n    run.log(loss=1.0)\n"
    )
    assert done.returncode == 0
    assert "numpy was imported after run.seed() and is not seeded" in done.stderr


def test_settings_are_told_as_plain_values() -> None:
    assert plain({"a": (1, 2.5, None), "lr": torch.tensor(0.5), "f": len, "o": object()}) == {
        "a": [1, 2.5, None], "lr": 0.5, "f": "len", "o": "builtins.object",
    }  # fmt: skip
    assert plain("https://me:hunter22@host/x") == "https://me:<secret>@host/x"
