"""What a checkpoint holds is captured and restored whatever wraps it, and refused when it can't be."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch

from guardrun.errors import UserError
from guardrun.recording.checkpoints.tracked import Tracked, state_bytes

torch.set_num_threads(1)
pytestmark = pytest.mark.filterwarnings("ignore:`torch.jit.script_method` is deprecated")


class OwnState:
    """A user's object with a state."""

    def __init__(self, state: Any) -> None:
        self.state = state

    def state_dict(self) -> Any:
        return self.state

    def load_state_dict(self, state: Any) -> None:
        self.state = state


def tracked(**objects: Any) -> Tracked:
    made = Tracked()
    for name, value in objects.items():
        made.add(name, value)
    return made


def test_model_optimizer_scheduler_and_scaler_are_restored() -> None:
    def make() -> dict[str, Any]:
        model = torch.nn.Linear(3, 3)
        optimizer = torch.optim.AdamW(model.parameters(), lr=0.1)
        scheduler = torch.optim.lr_scheduler.ReduceLROnPlateau(optimizer, patience=0)
        return {
            "model": model,
            "optimizer": optimizer,
            "scheduler": scheduler,
            "scaler": torch.amp.GradScaler("cpu"),
        }

    old = make()
    old["model"](torch.ones(2, 3)).sum().backward()
    old["optimizer"].step()
    old["scheduler"].step(np.float32(1.0))
    old["scheduler"].step(np.float32(2.0))
    new = make()

    assert tracked(**new).restore(tracked(**old).capture()) == []

    assert torch.equal(old["model"].weight, new["model"].weight)
    assert new["optimizer"].param_groups[0]["lr"] == pytest.approx(0.01)
    assert torch.equal(
        old["optimizer"].state[old["model"].weight]["exp_avg"],
        new["optimizer"].state[new["model"].weight]["exp_avg"],
    )
    assert old["scheduler"].state_dict() == new["scheduler"].state_dict()


@pytest.mark.parametrize("name", sorted({*torch.optim.lr_scheduler.__all__} - {"LRScheduler"}))
def test_every_scheduler_of_torch_can_be_tracked(name: str) -> None:
    arguments: dict[str, Any] = {
        "LambdaLR": {"lr_lambda": lambda epoch: 0.9**epoch},
        "MultiplicativeLR": {"lr_lambda": lambda epoch: 0.9},
        "StepLR": {"step_size": 2},
        "MultiStepLR": {"milestones": [2, 4]},
        "ExponentialLR": {"gamma": 0.9},
        "CosineAnnealingLR": {"T_max": 5},
        "CosineAnnealingWarmRestarts": {"T_0": 5},
        "CyclicLR": {"base_lr": 0.01, "max_lr": 0.1},
        "OneCycleLR": {"max_lr": 0.1, "total_steps": 9},
    }
    optimizer = torch.optim.SGD(torch.nn.Linear(1, 1).parameters(), lr=0.1, momentum=0.9)
    kind = getattr(torch.optim.lr_scheduler, name)
    if name in ("SequentialLR", "ChainedScheduler"):
        parts = [
            torch.optim.lr_scheduler.ConstantLR(optimizer),
            torch.optim.lr_scheduler.ConstantLR(optimizer),
        ]
        scheduler = kind(optimizer, parts, [2]) if name == "SequentialLR" else kind(parts)
    else:
        scheduler = kind(optimizer, **arguments.get(name, {}))

    made = tracked(scheduler=scheduler)

    assert made.restore(made.capture()) == []


def test_a_wrapped_model_and_a_bare_one_read_each_others_checkpoints() -> None:
    """DataParallel around torch.compile around a model with a compiled part, and back."""
    plain = torch.nn.Sequential(torch.nn.Linear(2, 2), torch.nn.BatchNorm1d(2))
    inner = torch.nn.Sequential(torch.nn.Linear(2, 2), torch.nn.BatchNorm1d(2))
    inner[1] = torch.compile(inner[1])
    wrapped = torch.nn.DataParallel(torch.compile(inner))

    there = tracked(model=wrapped).capture()
    assert list(there["model"]) == list(plain.state_dict())
    tracked(model=plain).restore(there)
    assert torch.equal(plain[0].weight, inner[0].weight)

    with torch.no_grad():
        plain[0].weight.fill_(3.0)
    tracked(model=wrapped).restore(tracked(model=plain).capture())
    assert torch.equal(inner[0].weight, plain[0].weight)


def test_tied_weights_are_counted_once() -> None:
    model = torch.nn.Sequential(torch.nn.Linear(100, 100, bias=False), torch.nn.Linear(100, 100, bias=False))
    model[1].weight = model[0].weight

    assert state_bytes(tracked(model=model).capture()) == 40_000


@pytest.mark.parametrize(
    "kind", ["FullyShardedDataParallel", "FSDPModule", "DeepSpeedEngine", "ZeroRedundancyOptimizer"]
)
def test_sharded_objects_are_refused_with_another_way(kind: str) -> None:
    sharded = type(kind, (torch.nn.Linear,), {})

    with pytest.raises(UserError, match=f"cannot track net: {kind} is sharded.*\n.*register_checkpoint"):
        tracked(net=torch.nn.Sequential(sharded(1, 1)))


def test_a_real_fully_sharded_model_is_refused_and_a_replicated_one_is_looked_through(tmp_path: Any) -> None:
    import torch.distributed as dist
    from torch.distributed.fsdp import fully_shard

    dist.init_process_group("gloo", init_method=f"file://{tmp_path}/meet", rank=0, world_size=1)
    try:
        model = torch.nn.Linear(4, 4)
        mesh = torch.distributed.device_mesh.init_device_mesh("cpu", (1,))
        fully_shard(model, mesh=mesh)

        replicated = torch.nn.parallel.DistributedDataParallel(torch.nn.Linear(4, 4))

        assert list(tracked(model=replicated).capture()["model"]) == ["weight", "bias"]
        with pytest.raises(UserError, match="sharded"):
            tracked(model=model)
        with pytest.raises(UserError, match="sharded"):
            tracked(optimizer=torch.optim.Adam(model.parameters()))
    finally:
        dist.destroy_process_group()


def test_an_object_without_a_state_is_refused_at_once() -> None:
    with pytest.raises(UserError, match="cannot track x: list has no state_dict and no load_state_dict"):
        tracked(x=[])


def test_a_state_that_cannot_be_kept_is_refused_when_it_is_tracked() -> None:
    """Not hours later, at the first checkpoint."""
    with pytest.raises(UserError, match=r"ema\['fn'\] is a builtins\.function"):
        tracked(ema=OwnState({"fn": lambda: 1}))


def test_an_own_objects_state_comes_back_as_it_was() -> None:
    state = {"mean": np.float32(2.0), "seen": {1, 2}, (1, "a"): np.arange(3)}
    old, new = OwnState(state), OwnState(None)

    tracked(own=new).restore(tracked(own=old).capture())

    assert new.state.keys() == state.keys()
    assert type(new.state["mean"]) is np.float32
    assert new.state["seen"] == {1, 2}
    assert new.state[(1, "a")].tolist() == [0, 1, 2]


def test_a_model_of_another_shape_is_a_users_mistake_that_names_the_object() -> None:
    states = tracked(model=torch.nn.Linear(2, 2)).capture()

    with pytest.raises(UserError, match=r"the checkpoint's model does not fit this script's.*size mismatch"):
        tracked(model=torch.nn.Linear(3, 3)).restore(states)


def test_an_object_that_the_checkpoint_does_not_have_is_told_of() -> None:
    made = tracked(model=torch.nn.Linear(2, 2), ema=OwnState({"x": 1}))
    states = made.capture()
    del states["ema"]

    assert made.restore(states) == ["the checkpoint has no state for ema: it starts anew"]


def test_a_mask_of_infinities_is_fine_but_a_weight_of_infinity_is_not() -> None:
    model = torch.nn.Linear(2, 2)
    model.register_buffer("mask", torch.full((2, 2), float("-inf")))

    assert tracked(model=model).nonfinite() is None
    with torch.no_grad():
        model.weight[0, 0] = float("inf")
    assert tracked(model=model).nonfinite() == "model.weight holds an infinity"


def test_a_nan_counts_even_in_a_buffer_and_names_it() -> None:
    model = torch.nn.Sequential(torch.nn.BatchNorm1d(2))
    model[0].running_mean[1] = float("nan")

    assert tracked(model=model).nonfinite() == "model.0.running_mean holds NaN"


def test_the_estimate_expects_two_moments_before_the_optimizers_first_step() -> None:
    model = torch.nn.Linear(100, 100, bias=False)
    made = tracked(model=model, optimizer=torch.optim.Adam(model.parameters()))

    assert made.estimate_bytes() == 3 * 40_000
