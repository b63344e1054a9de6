"""The norm in the log is the norm before clipping, of unscaled gradients, and shows every NaN."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch.nn.utils import clip_grad_norm_  # as most scripts import it: before guard is started

import guardrun
from guardrun.recording.gradients import total_norm

Begin = Callable[..., guardrun.Run]
LogOf = Callable[..., list[dict[str, Any]]]


kinds_of_float = st.sampled_from(["float32", "float64", "float16", "bfloat16"])


def norms(log_of: LogOf, run: guardrun.Run) -> list[Any]:
    return [event["grad_norm"] for event in log_of(run, "metrics") if "grad_norm" in event]


@settings(max_examples=60, deadline=None)
@given(st.lists(st.tuples(kinds_of_float, st.integers(0, 5)), max_size=5))
def test_the_norm_is_that_of_all_gradients_as_one_vector(kinds: list[tuple[str, int]]) -> None:
    generator = torch.Generator().manual_seed(0)
    gradients = [torch.randn(size, 2, generator=generator).to(getattr(torch, kind)) for kind, size in kinds]
    found = total_norm(gradients)

    values = [float(x) for gradient in gradients for x in gradient.flatten().double()]
    if not values:
        assert found is None
    else:
        assert found.item() == pytest.approx(math.sqrt(sum(x * x for x in values)), rel=1e-5)


def test_half_precision_gradients_do_not_overflow() -> None:
    gradients = [torch.full((100,), 6e4, dtype=torch.float16)]

    assert total_norm(gradients).item() == pytest.approx(6e5, rel=1e-3)


@pytest.mark.parametrize("bad", [math.nan, math.inf])
def test_one_bad_value_anywhere_shows_in_the_norm(bad: float) -> None:
    gradients = [torch.ones(1000), torch.ones(10)]
    gradients[1][7] = bad

    assert not math.isfinite(total_norm(gradients).item())


class Training:
    """One weight per given gradient; each step has exactly these gradients."""

    def __init__(self, *gradients: float) -> None:
        self.gradients = gradients
        self.weights = [torch.nn.Parameter(torch.zeros(())) for _ in gradients]
        self.optimizer = torch.optim.SGD(self.weights, lr=0.1)

    def backward(self, factor: float = 1.0) -> None:
        for weight, gradient in zip(self.weights, self.gradients, strict=True):
            weight.grad = torch.tensor(gradient * factor)


@pytest.mark.parametrize("order", ["before", "after"])
def test_the_norm_is_logged_with_its_step_wherever_the_script_logs(
    begin: Begin, log_of: LogOf, order: str
) -> None:
    training = Training(3.0, 4.0)
    with begin() as run:
        run.track(optimizer=training.optimizer)
        for factor in run.steps([1.0, 2.0]):
            training.backward(factor)
            if order == "before":
                run.log(loss=1.0)
            training.optimizer.step()
            if order == "after":
                run.log(loss=1.0)

    found = {e["step"]: e["grad_norm"] for e in log_of(run, "metrics") if "grad_norm" in e}
    assert found == {1: 5.0, 2: 10.0}
    assert [e["lr"] for e in log_of(run, "metrics") if "lr" in e][:2] == [0.1, 0.1]


def test_clipping_does_not_hide_the_norm(begin: Begin, log_of: LogOf) -> None:
    training = Training(30.0, 40.0)
    with begin() as run:
        run.track(optimizer=training.optimizer)
        for _ in run.steps(range(2)):
            training.backward()
            returned = clip_grad_norm_(training.weights, 1.0)
            assert returned.item() == pytest.approx(50.0)
            training.optimizer.step()
            run.log(loss=1.0)

    assert norms(log_of, run) == [50.0, 50.0]
    assert training.weights[0].grad is not None
    assert training.weights[0].grad.item() == pytest.approx(0.6, rel=1e-4)


def test_a_norm_of_something_else_is_not_taken_for_the_gradients(begin: Begin, log_of: LogOf) -> None:
    training = Training(3.0, 4.0)
    others = [torch.nn.Parameter(torch.zeros(()))]
    others[0].grad = torch.tensor(1e6)
    with begin() as run:
        run.track(optimizer=training.optimizer)
        for _ in run.steps(range(1)):
            training.backward()
            clip_grad_norm_(others, 1.0)
            clip_grad_norm_(training.weights, 100.0, norm_type=math.inf)
            training.optimizer.step()
            run.log(loss=1.0)

    assert norms(log_of, run) == [5.0]


def test_after_the_run_torch_is_as_it_was(begin: Begin) -> None:
    from torch.nn.utils import clip_grad

    before = clip_grad._get_total_norm
    training = Training(1.0)
    with begin() as run:
        run.track(optimizer=training.optimizer)
        assert clip_grad._get_total_norm is not before
    assert clip_grad._get_total_norm is before
    assert not training.optimizer._optimizer_step_pre_hooks


def test_two_optimizers_are_one_norm(begin: Begin, log_of: LogOf) -> None:
    first, second = Training(3.0), Training(4.0)
    with begin() as run:
        run.track(generator=first.optimizer, critic=second.optimizer)
        for _ in run.steps(range(1)):
            for training in (first, second):
                training.backward()
                training.optimizer.step()
            run.log(loss=1.0)

    assert norms(log_of, run) == [5.0]


def test_in_a_plain_loop_each_step_has_its_norm(begin: Begin, log_of: LogOf) -> None:
    training = Training(3.0, 4.0)
    with begin() as run:
        run.track(optimizer=training.optimizer)
        for factor in (1.0, 2.0, math.nan):
            training.backward(factor)
            training.optimizer.step()
            run.log(loss=1.0)

    assert norms(log_of, run) == [5.0, 10.0, "NaN"]


def test_in_mixed_precision_the_norm_is_unscaled_and_the_scale_is_logged(begin: Begin, log_of: LogOf) -> None:
    weight = torch.nn.Parameter(torch.zeros(()))
    optimizer = torch.optim.SGD([weight], lr=0.1)
    scaler = torch.amp.GradScaler("cpu", init_scale=1024.0)
    with begin() as run:
        run.track(optimizer=optimizer, scaler=scaler)
        for factor in run.steps([3.0, math.inf, 3.0]):
            scaler.scale((weight * factor).sum()).backward()
            scaler.step(optimizer)
            scaler.update()
            optimizer.zero_grad()
            run.log(loss=1.0)

    events = log_of(run, "metrics")
    assert [event.get("grad_norm") for event in events] == [3.0, None, 3.0]
    assert [event["loss_scale"] for event in events] == [1024.0, 512.0, 512.0]


def test_a_fused_optimizer_gets_scaled_gradients_and_the_norm_is_still_unscaled(
    begin: Begin, log_of: LogOf
) -> None:
    training = Training(3.0, 4.0)
    with begin() as run:
        run.track(optimizer=training.optimizer)
        for _ in run.steps(range(1)):
            training.backward(1024.0)
            training.optimizer.grad_scale = torch.tensor(1024.0)  # as GradScaler does for fused optimizers
            run._gradients._before_step(training.optimizer)
            del training.optimizer.grad_scale
            run.log(loss=1.0)

    # A CPU tensor stands in: only its presence on the optimizer matters.
    assert norms(log_of, run) == [5.0]


def test_what_has_no_steps_to_see_is_tracked_without_a_norm(begin: Begin, log_of: LogOf) -> None:
    model = torch.nn.Linear(1, 1)
    with begin() as run:
        run.track(model=model)
        for _ in run.steps(range(1)):
            run.log(loss=1.0)

    assert norms(log_of, run) == []
