"""The loops: what they measure, where they stop, and what is saved there."""

from __future__ import annotations

import json
import math
import os
import signal
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import torch

import guardrun
from guardrun.errors import UserError
from guardrun.events.commands import send_command
from guardrun.events.paths import RunPaths
from guardrun.events.run_ids import create_run

Begin = Callable[..., guardrun.Run]
LogOf = Callable[..., list[dict[str, Any]]]


def end_of(log_of: LogOf, run: guardrun.Run) -> tuple[str, str, int]:
    (end,) = log_of(run, "run_end")
    return end["status"], end["reason"], end["step"]


def send(run: guardrun.Run, command: str = "stop", via: str = "cli", reason: str = "") -> None:
    assert run.path is not None
    send_command(RunPaths(run.path), command, attempt=1, via=via, reason=reason)
    run._control._mailbox.next_look = 0.0  # the folder was listed a moment ago


class Model:
    """The least that can be tracked: a counter."""

    def __init__(self) -> None:
        self.state = {"count": torch.zeros(())}

    def state_dict(self) -> dict[str, Any]:
        return {key: value.clone() for key, value in self.state.items()}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        self.state = dict(state)


def checkpoint(run: guardrun.Run, role: str) -> dict[str, Any]:
    assert run.path is not None
    pointer = json.loads((run.path / f"checkpoints/{role}.json").read_text())
    found: dict[str, Any] = json.loads((run.path / f"checkpoints/{pointer['folder']}/meta.json").read_text())
    return found


def test_a_step_s_own_values_come_with_what_the_body_logs(begin: Begin, log_of: LogOf) -> None:
    with begin() as run:
        for _ in run.epochs(2):
            for batch in run.steps([torch.zeros(4, 2), torch.zeros(4, 2)], tokens=8):
                run.log(loss=float(batch.sum()))

    events = log_of(run, "metrics")
    assert [(e["step"], e["epoch"]) for e in events] == [(1, 0), (2, 0), (3, 1), (4, 1)]
    for event in events:
        assert event["step_time"] >= event["data_time"] >= 0
        assert event["samples_per_s"] == pytest.approx(4 / event["step_time"])
        assert event["tokens_per_s"] == pytest.approx(8 / event["step_time"])
    totals = [e for e in log_of(run, "phase") if "total_steps" in e]
    assert (totals[0]["steps_per_epoch"], totals[0]["total_steps"], totals[0]["total_epochs"]) == (2, 4, 2)
    assert [e["phase"] for e in log_of(run, "phase")][-1] == "done"


def test_a_body_that_logs_nothing_still_leaves_its_times(begin: Begin, log_of: LogOf) -> None:
    with begin() as run:
        for _ in run.steps(range(6), log_every=3):
            pass

    events = log_of(run, "metrics")
    assert [event["step"] for event in events] == [3, 6]
    assert all("step_time" in event for event in events)


def test_only_the_first_event_of_a_step_has_its_times(begin: Begin, log_of: LogOf) -> None:
    with begin() as run:
        for _ in run.steps([1, 2]):
            run.log(loss=1.0)
            run.log(accuracy=0.5)

    assert [("step_time" in e, e["step"]) for e in log_of(run, "metrics")] == [
        (True, 1), (False, 1), (True, 2), (False, 2),
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("batch", "size"),
    [
        (torch.zeros(3, 2), 3),
        ((torch.zeros(5, 2), torch.zeros(5)), 5),
        ({"name": "x", "ids": torch.zeros(7, 2)}, 7),
        ([["a"], {"deep": [torch.zeros(2)]}], 2),
        (torch.tensor(1.0), None),
        ("text", None),
        (3, None),
    ],
)
def test_samples_are_counted_by_the_first_tensor_s_first_dimension(
    begin: Begin, log_of: LogOf, batch: Any, size: int | None
) -> None:
    with begin() as run:
        for _ in run.steps([batch]):
            pass

    (event,) = log_of(run, "metrics")
    found = event.get("samples_per_s")
    assert (round(found * event["step_time"]) if found else None) == size


def test_with_accumulate_a_step_is_several_batches(begin: Begin, log_of: LogOf) -> None:
    with begin() as run:
        seen = [(run.step, batch) for batch in run.steps(range(7), accumulate=3)]

    assert seen == [(1, 0), (1, 1), (1, 2), (2, 3), (2, 4), (2, 5), (3, 6)]
    assert [event["step"] for event in log_of(run, "metrics")] == [1, 2]
    assert end_of(log_of, run) == ("finished", "completed", 2)


def test_an_incomplete_accumulation_is_a_step_when_the_optimizer_did_one(begin: Begin) -> None:
    weight = torch.nn.Parameter(torch.zeros(1))
    optimizer = torch.optim.SGD([weight], lr=0.1)
    with begin() as run:
        run.track(optimizer=optimizer)
        for index, _ in enumerate(run.steps(range(7), accumulate=3)):
            weight.sum().backward()
            if (index + 1) % 3 == 0 or index == 6:
                optimizer.step()
                optimizer.zero_grad()

        assert run.step == 3


def test_a_stop_with_accumulate_waits_until_no_gradient_is_pending(begin: Begin, log_of: LogOf) -> None:
    batches = []
    with begin() as run:
        for batch in run.steps(range(100), accumulate=4):
            batches.append(batch)
            if batch == 5:
                send(run)

    assert batches == list(range(8))
    assert end_of(log_of, run) == ("stopped", "stop:cli", 2)


def test_a_stop_saves_last_then_calls_the_hooks_then_leaves(begin: Begin, log_of: LogOf) -> None:
    told: list[Any] = []
    model = Model()
    with begin() as run:
        run.track(model=model)

        @run.on_stop
        def with_step(step: int) -> None:
            told.append((step, checkpoint(run, "last")["step"]))

        run.on_stop(lambda: told.append("plain"))
        for epoch in run.epochs(3):
            for batch in run.steps(range(10)):
                model.state["count"] += 1
                if (epoch, batch) == (1, 2):
                    send(run)
            if epoch == 1:
                told.append("the rest of a partial epoch ran")
        told.append("after the loop")
    told.append("after the run")

    assert told == [(13, 13), "plain", "after the run"]
    assert end_of(log_of, run) == ("stopped", "stop:cli", 13)
    last = checkpoint(run, "last")
    assert (last["step"], last["position"]["epoch"], last["position"]["batch"]) == (13, 1, 3)


def test_a_policy_s_abort_is_an_abort_and_keeps_the_last_good_checkpoint(begin: Begin, log_of: LogOf) -> None:
    model = torch.nn.Linear(1, 1)
    with begin() as run:
        run.track(model=model)
        for epoch in run.epochs(2):
            for _ in run.steps(range(2)):
                if epoch == 1:
                    torch.nn.init.constant_(model.weight, math.nan)
                    send(run, via="policy", reason="abort:nan")

    assert end_of(log_of, run) == ("aborted", "abort:nan", 3)
    assert checkpoint(run, "last")["step"] == 2
    assert any("last stays as it is" in note["text"] for note in log_of(run, "note"))


def test_an_epoch_that_ends_with_nan_weights_leaves_last_as_it_is(begin: Begin, log_of: LogOf) -> None:
    model = torch.nn.Linear(1, 1)
    with begin() as run:
        run.track(model=model)
        for epoch in run.epochs(4):
            for _ in run.steps(range(2)):
                if epoch == 1:
                    torch.nn.init.constant_(model.weight, math.nan)

    assert checkpoint(run, "last")["step"] == 2
    told = [note["text"] for note in log_of(run, "note") if "last stays as it is" in note["text"]]
    assert len(told) == 1


def test_numbers_logged_around_the_loops_count_no_step(begin: Begin, log_of: LogOf) -> None:
    """Before the first epoch, between epochs and with a step of the user's own: run.steps alone counts."""
    with begin() as run:
        run.log(parameters=1e6)
        for epoch in run.epochs(2):
            for _ in run.steps(range(3)):
                run.log(loss=1.0)
            run.log(epoch_time=2.0)
            run.log(epoch_time=2.0, step=epoch)

    steps = [event["step"] for event in log_of(run, "metrics") if "train/loss" in event]
    assert steps == [1, 2, 3, 4, 5, 6]
    assert [e["step"] for e in log_of(run, "metrics") if "epoch_time" in e] == [3, 0, 6, 1]
    assert end_of(log_of, run) == ("finished", "completed", 6)


def test_a_checkpoint_command_saves_last_and_training_goes_on(begin: Begin, log_of: LogOf) -> None:
    with begin() as run:
        run.track(model=Model())
        for batch in run.steps(range(5)):
            if batch == 1:
                send(run, "checkpoint")

    assert [(e["step"], e["roles"]) for e in log_of(run, "checkpoint")] == [(2, ["last"]), (5, ["last"])]


@pytest.mark.parametrize(
    ("budget", "reason", "step"),
    [
        ({"steps": 4}, "budget:steps", 4),
        ({"epochs": 2}, "budget:epochs", 6),
        ({"time": 0.0}, "budget:time", 0),
        ({"steps": 100, "epochs": 100}, "completed", 9),
    ],
)
def test_budgets_are_honoured_exactly(
    begin: Begin, log_of: LogOf, budget: dict[str, Any], reason: str, step: int
) -> None:
    with begin(config={"budget": budget}) as run:
        run.track(model=Model())
        for _ in run.epochs(3):
            for _ in run.steps(range(3)):
                run.log(loss=1.0)

    assert end_of(log_of, run) == ("finished", reason, step)
    assert checkpoint(run, "last")["step"] == step


def test_a_stop_at_an_epoch_s_last_step_waits_for_its_evaluation(begin: Begin, log_of: LogOf) -> None:
    """Else a resume would begin with an epoch without batches, of which scripts take a mean."""
    with begin(config={"budget": {"steps": 4}}) as run:
        run.track(model=Model())
        for _ in run.epochs(3):
            for _ in run.steps(range(2)):
                pass
            run.evaluate({"val/loss": 1.0 / run.step})

    assert end_of(log_of, run) == ("finished", "budget:steps", 4)
    assert [event["step"] for event in log_of(run, "eval")] == [2, 4]
    assert checkpoint(run, "last")["position"] == {"epoch": 2, "batch": 0, "step": 4, "point": "boundary"}


def test_a_budget_of_steps_ends_a_plain_loop_too(begin: Begin, log_of: LogOf) -> None:
    with begin(config={"budget": {"steps": 5}}) as run:
        while True:
            run.log(loss=1.0)
            if run.should_stop:
                break

    assert end_of(log_of, run) == ("finished", "budget:steps", 5)


def test_best_and_last_are_one_folder_and_a_worse_epoch_moves_last_alone(begin: Begin, log_of: LogOf) -> None:
    values = iter([0.5, 0.7, 0.4])
    model = Model()
    improved = []
    with begin() as run:
        run.track(model=model)
        for _ in run.epochs(3):
            for _ in run.steps(range(2)):
                model.state["count"] += 1
            improved.append(run.evaluate({"val_loss": next(values)}))

    assert improved == [True, False, True]
    assert [e["improved"] for e in log_of(run, "eval")] == improved
    assert [(e["step"], sorted(e["roles"])) for e in log_of(run, "checkpoint")] == [
        (2, ["best", "last"]), (4, ["last"]), (6, ["best", "last"]),
    ]  # fmt: skip
    assert checkpoint(run, "best")["metrics"] == {"val/loss": 0.4}


def test_what_follows_an_evaluation_in_the_body_is_in_its_checkpoint(begin: Begin) -> None:
    """A scheduler that steps by the validation loss does so after the evaluation."""
    model = Model()
    with begin() as run:
        run.track(model=model)
        for _ in run.epochs(1):
            for _ in run.steps(range(2)):
                pass
            run.evaluate({"val/loss": 1.0})
            model.state["count"] += 41

    from guardrun.recording.checkpoints.load import load_checkpoint

    assert run.path is not None
    loaded = load_checkpoint(RunPaths(run.path), "best")
    assert loaded.payload["objects"]["model"]["count"].item() == 41
    assert (loaded.payload["position"]["epoch"], loaded.payload["position"]["batch"]) == (1, 0)


def test_patience_finishes_the_run_at_the_end_of_the_epoch(begin: Begin, log_of: LogOf) -> None:
    values = iter([0.5, 0.4, 0.6, 0.45, 0.3])
    with begin(config={"stop": {"patience": 2}}) as run:
        run.track(model=Model())
        for _ in run.epochs(10):
            for _ in run.steps(range(2)):
                pass
            run.evaluate({"val/loss": next(values)})

    assert end_of(log_of, run) == ("finished", "patience", 8)
    assert (checkpoint(run, "best")["step"], checkpoint(run, "last")["step"]) == (4, 8)
    assert any("no improvement by more than 0 in 2 evaluations" in n["text"] for n in log_of(run, "note"))


def test_evaluations_every_few_steps_are_saved_at_their_step(begin: Begin, log_of: LogOf) -> None:
    with begin(config={"checkpoint": {"every_epochs": None}}) as run:
        run.track(model=Model())
        for batch in run.steps(range(6)):
            if batch % 2 == 1:
                run.evaluate({"val/loss": 1.0 / (batch + 1)})

    assert [(e["step"], e["roles"]) for e in log_of(run, "checkpoint")] == [
        (2, ["best", "last"]), (4, ["best", "last"]), (6, ["best", "last"]),
    ]  # fmt: skip
    assert [e["step"] for e in log_of(run, "eval")] == [2, 4, 6]


def test_every_steps_saves_last_that_often(begin: Begin, log_of: LogOf) -> None:
    with begin(config={"checkpoint": {"every_steps": 3, "every_epochs": None}}) as run:
        run.track(model=Model())
        for _ in run.steps(range(7)):
            pass

    assert [e["step"] for e in log_of(run, "checkpoint")] == [3, 6, 7]


@pytest.mark.parametrize("value", [math.nan, math.inf, torch.tensor(math.nan)])
def test_a_non_finite_metric_is_recorded_and_never_best(begin: Begin, log_of: LogOf, value: Any) -> None:
    with begin() as run:
        run.track(model=Model())
        assert run.evaluate({"val/loss": value}) is False

    (event,) = log_of(run, "eval")
    assert event["val/loss"] in ("NaN", "Infinity")
    assert run.path is not None
    assert not (run.path / "checkpoints/best.json").exists()


def test_a_monitor_that_never_comes_is_told_once(begin: Begin, log_of: LogOf) -> None:
    with begin(monitor="val/f1", mode="max") as run:
        run.evaluate({"val/loss": 1.0})
        run.evaluate(val_loss=0.5)

    assert sum("the monitor val/f1 is not among" in note["text"] for note in log_of(run, "note")) == 1
    assert [event["val/loss"] for event in log_of(run, "eval")] == [1.0, 0.5]


def test_own_files_are_registered_under_any_spelling_of_the_metric(
    begin: Begin, log_of: LogOf, tmp_path: Path
) -> None:
    with begin() as run:
        for step, loss in ((1, 0.5), (2, 0.7)):
            file = tmp_path / f"{step}.pt"
            file.write_bytes(b"weights %d" % step)
            run.log(loss=loss, step=step)
            run.register_checkpoint(file, metrics={"eval_loss": loss}, step=step)
        with pytest.raises(UserError, match="no such file"):
            run.register_checkpoint(tmp_path / "absent.pt")

    assert [(e["step"], e["roles"]) for e in log_of(run, "checkpoint")] == [
        (1, ["best", "last"]), (2, ["last"]),
    ]  # fmt: skip
    assert checkpoint(run, "best")["files"][0]["external"] is True


def test_a_run_that_can_t_be_saved_says_so_at_its_first_boundary(begin: Begin, log_of: LogOf) -> None:
    with begin() as bare:
        for _ in bare.steps(range(2)):
            pass
    with begin() as hooked:
        hooked.on_stop(lambda: None)
        for _ in hooked.steps(range(2)):
            pass

    def told(run: guardrun.Run) -> list[bool]:
        return [note["can_save"] for note in log_of(run, "note") if "can_save" in note]

    assert told(bare) == [False]
    assert told(hooked) == [True]


def test_should_stop_is_true_once_everything_is_saved(begin: Begin, log_of: LogOf) -> None:
    with begin() as run:
        run.track(model=Model())
        called: list[int] = []
        run.on_stop(called.append)
        for step in range(1, 100):
            run.log(loss=1.0, step=step)
            if step == 5:
                send(run, via="watch")
            if run.should_stop:
                break
        assert (step, called, checkpoint(run, "last")["step"]) == (5, [5], 5)
        assert run.should_stop is True
        assert called == [5]

    assert end_of(log_of, run) == ("stopped", "stop:watch", 5)


def test_sigterm_in_run_steps_saves_and_leaves(begin: Begin, log_of: LogOf) -> None:
    with begin() as run:
        run.track(model=Model())
        for batch in run.steps(range(100)):
            if batch == 3:
                os.kill(os.getpid(), signal.SIGTERM)

    assert end_of(log_of, run) == ("stopped", "stop:sigterm", 4)
    assert checkpoint(run, "last")["step"] == 4


def test_an_exception_of_the_loader_is_the_script_s_own(begin: Begin, log_of: LogOf) -> None:
    def loader() -> Iterator[int]:
        yield 1
        raise OSError("bad file")

    with pytest.raises(OSError, match="bad file"), begin() as run:
        for _ in run.steps(loader()):
            pass

    assert log_of(run, "run_end")[0]["error"] == "OSError: bad file"


def test_leaving_a_loop_by_break_is_no_stop(begin: Begin, log_of: LogOf) -> None:
    with begin() as run:
        for _ in run.epochs(5):
            for batch in run.steps(range(10)):
                if batch == 2:
                    break
            run.log(after=1.0, step=run.step)
            break

    assert end_of(log_of, run) == ("finished", "completed", 2)


def test_a_step_that_was_done_before_a_break_counts(begin: Begin, log_of: LogOf) -> None:
    """``if index == 2: break`` at the body's end is how scripts shorten an epoch."""
    model = torch.nn.Linear(1, 1)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    with begin() as run:
        run.track(model=model, optimizer=optimizer)
        for _ in run.epochs(2):
            for batch in run.steps(range(10)):
                model(torch.ones(1)).sum().backward()
                optimizer.step()
                run.log(loss=1.0)
                if batch == 2:
                    break

    assert [event["step"] for event in log_of(run, "metrics")] == [1, 2, 3, 4, 5, 6]
    assert end_of(log_of, run) == ("finished", "completed", 6)


def test_a_loop_that_a_traceback_kept_open_counts_nothing_when_it_closes(begin: Begin) -> None:
    """A notebook's last exception holds the frames of its cell until the next one."""
    model = torch.nn.Linear(1, 1)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    with begin() as run:
        run.track(model=model, optimizer=optimizer)
        kept = run.steps(range(10))
        next(kept)
        for _ in run.steps(range(3)):
            optimizer.step()
        kept.close()  # type: ignore[attr-defined]

        assert run.step == 3


class Unsavable:
    """Its state can be read at first, and not any more once it is ``broken``."""

    broken = False

    def state_dict(self) -> dict[str, int]:
        if self.broken:
            raise KeyError("not now")
        return {"state": 1}

    def load_state_dict(self, state: dict[str, int]) -> None: ...


def test_a_state_dict_that_raises_costs_the_checkpoint_and_not_the_training(
    begin: Begin, log_of: LogOf
) -> None:
    odd = Unsavable()

    def train(run: guardrun.Run) -> None:
        run.track(odd=odd)
        odd.broken = True
        assert len(list(run.steps(range(3)))) == 3
        run.evaluate(val_loss=1.0)
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError), begin(config={"checkpoint": {"every_steps": 1}}) as run:
        train(run)

    assert any("no checkpoint: KeyError" in note["text"] for note in log_of(run, "note"))
    assert log_of(run, "run_end")[0]["error"] == "ZeroDivisionError"


@pytest.mark.parametrize("arguments", [{"accumulate": 0}, {"log_every": 0}])
def test_counts_below_one_are_refused(begin: Begin, arguments: dict[str, int]) -> None:
    with begin() as run, pytest.raises(UserError):
        next(run.steps([1], **arguments))


@pytest.fixture
def resumable(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[int, str | None], guardrun.Run]:
    """Attempts of one launched run, in this process."""
    paths = create_run(tmp_path / "runs", "launched")
    monkeypatch.setenv("GUARDRUN_DIR", str(paths.root))

    def attempt(number: int, resume_from: str | None) -> guardrun.Run:
        from guardrun.recording import starting

        launch = {"attempt": number, "config": {"stop": {"patience": 3}}, "resume_from": resume_from}
        paths.attempt(number).write_text(json.dumps(launch))
        monkeypatch.setenv("GUARDRUN_ATTEMPT", str(number))
        starting._process.joined = False  # each attempt is a process of its own
        return guardrun.start()

    return attempt


def train(run: guardrun.Run, *, stop_at: int | None = None) -> list[tuple[int, float]]:
    """Three epochs of four shuffled batches with dropout; (step, loss) as logged."""
    logged = []
    run.seed(1)
    model = torch.nn.Sequential(torch.nn.Linear(3, 4), torch.nn.Dropout(0.5), torch.nn.Linear(4, 1))
    optimizer = torch.optim.Adam(model.parameters(), lr=0.1)
    schedule = torch.optim.lr_scheduler.ReduceLROnPlateau(optimizer, patience=0)
    data = torch.utils.data.TensorDataset(torch.arange(24.0).reshape(8, 3))
    loader = torch.utils.data.DataLoader(data, batch_size=2, shuffle=True, **run.loader_kwargs())
    run.track(model=model, optimizer=optimizer, schedule=schedule)
    for _ in run.epochs(3):
        for (batch,) in run.steps(loader):
            loss = model(batch).square().mean()
            loss.backward()
            optimizer.step()
            optimizer.zero_grad()
            run.log(loss=loss)
            logged.append((run.step, loss.item()))
            if run.step == stop_at:
                run._wish.ask("stop:cli")
        run.evaluate({"val/loss": loss.item()})
        schedule.step(loss.item())
    return logged


@pytest.mark.parametrize("cut", [1, 3, 4, 6, 8, 11])
def test_a_resume_goes_on_bit_for_bit_wherever_it_was_cut(
    begin: Begin,
    log_of: LogOf,
    resumable: Callable[[int, str | None], guardrun.Run],
    monkeypatch: pytest.MonkeyPatch,
    cut: int,
) -> None:
    with resumable(1, None) as first:
        logged = []
        logged += train(first, stop_at=cut)
    assert end_of(log_of, first) == ("stopped", "stop:cli", cut)
    logged = [(e["step"], e["train/loss"]) for e in log_of(first, "metrics")]

    with resumable(2, f"checkpoints/{last_folder(first)}") as second:
        logged += train(second)
    (resume,) = log_of(second, "resume")
    monkeypatch.delenv("GUARDRUN_DIR")
    with begin() as whole:
        expected = train(whole)

    assert logged == expected
    assert (resume["step"], resume["exact"], resume["problems"]) == (cut, True, [])
    assert log_of(second, "run_end")[-1]["status"] == "finished"


def test_a_budget_of_time_counts_the_attempts_before(
    log_of: LogOf, resumable: Callable[[int, str | None], guardrun.Run]
) -> None:
    with resumable(1, None) as first:
        first._session.progress.begun -= 3600
        train(first, stop_at=2)
    with resumable(2, f"checkpoints/{last_folder(first)}") as second:
        train(second, stop_at=3)
        assert second._session.progress.elapsed_s() > 3600


def last_folder(run: guardrun.Run) -> str:
    assert run.path is not None
    return str(json.loads((run.path / "checkpoints/last.json").read_text())["folder"])


def test_how_many_batches_make_a_step_is_told(begin: Begin, log_of: LogOf) -> None:
    with begin() as run:
        for _ in run.steps([torch.zeros(4, 2)] * 4, accumulate=2):
            run.log(loss=1.0)

    assert [e["accumulate"] for e in log_of(run, "phase") if "steps_per_epoch" in e] == [2]
