"""The other runs of a group, read beside a run; and viewers that judge unsupervised runs by them."""

from __future__ import annotations

import json
import math
import shutil
from pathlib import Path
from typing import Any

import pytest

from guardrun.following import group_curves
from guardrun.following.fleet import Fleet
from guardrun.following.group_curves import GroupCurves
from guardrun.following.offline import Choices, judge_case, run_case
from guardrun.following.side_by_side import SideBySide
from guardrun.signals.model import Signal
from guardrun.signals.siblings import Sibling
from run_factory import RunWriter
from waiting import wait_for

EVALS = 20


def run(
    folder: Path,
    number: int,
    values: list[float] | None = None,
    *,
    group: str | None = "sweep",
    lr: float | None = None,
    **start: Any,
) -> RunWriter:
    """A run of 1,000 steps that was evaluated every 50."""
    writer = RunWriter(folder, f"run{number}", suffix=f"{number:04}", group=group)
    writer.launch(config={"params": {"lr": number if lr is None else lr}, "group": group})
    writer.start(**start)
    for value in values if values is not None else [healthy(number, n) for n in range(EVALS)]:
        writer.step += 50
        writer.evaluate(**{"val/loss": value})
    return writer


def healthy(number: int, evaluation: int) -> float:
    return 0.4 + 0.005 * number + 1.9 * math.exp(-evaluation / 3)


def end(writer: RunWriter, **values: Any) -> None:
    writer.event("run_end", status="finished", reason="completed", step=writer.step, **values)


def swept(root: Path, monitor: str = "val/loss", mode: str = "min") -> dict[str, Sibling]:
    curves = GroupCurves(root, monitor, mode)
    wait_for(lambda: curves.turn(0.05), 5)
    return {sibling.name[-4:]: sibling for sibling in curves.siblings}


def test_the_runs_of_its_group_beside_it_are_read_and_no_others(tmp_path: Path) -> None:
    own = run(tmp_path, 1)
    run(tmp_path, 2)
    end(run(tmp_path, 3, [2.0, float("nan"), 1.0]))
    run(tmp_path, 4, group="another")
    run(tmp_path, 5, group=None)
    (tmp_path / "notes").mkdir()
    (tmp_path / "broken").mkdir()
    (tmp_path / "broken/run.json").write_text("{")

    found = swept(own.paths.root)

    assert found.keys() == {"0002", "0003"}
    assert (found["0003"].steps, found["0003"].bests) == ((50, 100, 150), (2.0, 2.0, 1.0))
    assert (found["0003"].over, found["0002"].over) == (True, False)
    assert found["0002"].total == 1000


def test_a_run_without_a_group_has_no_siblings(tmp_path: Path) -> None:
    own = run(tmp_path, 1, group=None)
    run(tmp_path, 2, group=None)
    assert swept(own.paths.root) == {}


def test_another_seed_of_the_same_settings_is_a_twin(tmp_path: Path) -> None:
    own = run(tmp_path, 1, lr=0.1)
    run(tmp_path, 2, lr=0.1)
    run(tmp_path, 3, lr=0.2)
    found = swept(own.paths.root)
    assert (found["0002"].twin, found["0003"].twin) == (True, False)


def test_a_resume_takes_back_what_it_does_again_and_opens_the_run_again(tmp_path: Path) -> None:
    own, other = run(tmp_path, 1), run(tmp_path, 2, [2.0, 1.0, 0.1])
    end(other)
    other.start(attempt=2)
    other.step = 50
    other.step += 50
    other.evaluate(**{"val/loss": 1.5})

    sibling = swept(own.paths.root)["0002"]

    assert (sibling.steps, sibling.bests, sibling.over) == ((50, 100), (2.0, 1.5), False)


def test_a_killed_run_is_over_by_the_word_of_its_supervisor(tmp_path: Path) -> None:
    own, other = run(tmp_path, 1), run(tmp_path, 2)
    other.supervise()
    assert not swept(own.paths.root)["0002"].over
    other.event("run_end", file="supervisor.jsonl", status="killed", reason="SIGKILL")
    assert swept(own.paths.root)["0002"].over


def test_a_sweep_goes_on_where_the_last_one_stopped(tmp_path: Path) -> None:
    own, other = run(tmp_path, 1), run(tmp_path, 2, [2.0])
    gone = run(tmp_path, 3)
    curves = GroupCurves(own.paths.root, "val/loss", "min")
    wait_for(lambda: curves.turn(0.05), 5)
    assert [len(sibling.steps) for sibling in curves.siblings] == [EVALS, 1]

    other.step += 50
    other.evaluate(**{"val/loss": 1.0})
    shutil.rmtree(gone.paths.root)
    run(tmp_path, 4)
    wait_for(lambda: curves.turn(0.05), 5)

    found = {sibling.name[-4:]: len(sibling.steps) for sibling in curves.siblings}
    assert found == {"0002": 2, "0004": EVALS}


def test_only_the_newest_runs_of_a_large_group_are_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(group_curves, "MOST_SIBLINGS", 3)
    own = run(tmp_path, 1)
    for number in range(2, 9):
        run(tmp_path, number, [1.0])
    assert swept(own.paths.root).keys() == {"0006", "0007", "0008"}


def test_very_many_evaluations_are_kept_in_bounded_memory(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(group_curves, "_MOST_EVALUATIONS", 64)
    own = run(tmp_path, 1)
    run(tmp_path, 2, [1 / (1 + n) if n % 7 else float("nan") for n in range(1000)])
    sibling = swept(own.paths.root)["0002"]
    assert len(sibling.steps) < 64
    assert sibling.best_until(50_000) == pytest.approx(1 / 1000, rel=0.01)


def test_files_of_nonsense_are_no_trouble(tmp_path: Path) -> None:
    own, other = run(tmp_path, 1), run(tmp_path, 2, [])
    with open(other.paths.events(), "ab") as file:
        file.write(b'{"kind":"eval"}\n{"kind":"eval","step":-1,"val/loss":1}\n\xff\xfe"eval"\n')
        file.write(b'{"kind":"eval","step":1e99,"val/loss":[1]}\n{"kind":"phase","total_steps":"x"}\n')
        file.write(json.dumps({"kind": "eval", "step": 50, "val/loss": "NaN"}).encode() + b"\n" + b'{"kind')
    sibling = swept(own.paths.root)["0002"]
    assert sibling.steps == (50,)
    assert sibling.bests == (math.inf,)


# -- viewers


def inferior(fleet: Fleet, writer: RunWriter) -> list[Signal]:
    state = fleet.followers[writer.paths.root].state()
    return [signal for signal in state.signals if signal.id == "inferior"]


def followed(folder: Path) -> Fleet:
    """Everything read and, where there is a group, judged beside it."""
    fleet = Fleet([folder])
    wait_for(lambda: not fleet.poll() and fleet.caught_up, 10)
    fleet._side_by_side._due = 0.0
    fleet.poll()
    wait_for(lambda: not fleet.poll() and fleet.caught_up, 10)
    return fleet


def test_an_unsupervised_run_is_judged_beside_its_group_by_who_watches(tmp_path: Path) -> None:
    good = [run(tmp_path, number) for number in range(1, 6)]
    bad = run(tmp_path, 6, [2.3] * EVALS)

    fleet = followed(tmp_path)

    (signal,) = inferior(fleet, bad)
    assert (signal.action, signal.recorded) == ("warn", False)
    assert 400 <= signal.raised_at <= 550
    assert [inferior(fleet, writer) for writer in good] == [[]] * 5
    fleet.close()


def test_a_supervised_run_is_left_to_its_supervisor(tmp_path: Path) -> None:
    for number in range(1, 6):
        run(tmp_path, number)
    bad = run(tmp_path, 6, [2.3] * EVALS)
    bad.supervise()
    fleet = followed(tmp_path)
    assert inferior(fleet, bad) == []
    fleet.close()


def test_seeds_of_one_recipe_are_not_held_against_each_other(tmp_path: Path) -> None:
    for number in range(1, 6):
        run(tmp_path, number, lr=0.1)
    bad = run(tmp_path, 6, [2.3] * EVALS, lr=0.1)
    fleet = followed(tmp_path)
    assert inferior(fleet, bad) == []
    fleet.close()


def test_nothing_is_compared_before_everything_was_read(tmp_path: Path) -> None:
    run(tmp_path, 1)
    fleet = Fleet([tmp_path])
    fleet.poll()
    for follower in fleet.followers.values():
        follower.caught_up = False
    assert SideBySide().turn(fleet.followers, 1e9) == set()
    fleet.close()


# -- looking back


def test_a_recorded_run_is_judged_beside_its_group_afterwards(tmp_path: Path) -> None:
    good = [run(tmp_path, number) for number in range(1, 6)]
    bad = run(tmp_path, 6, [2.3] * EVALS)
    choices = Choices(policy={"inferior": "stop"})
    verdict = judge_case(run_case(bad.paths.root, choices))
    assert verdict.stop is not None
    assert verdict.stop.id == "inferior"
    assert verdict.stop.saved_fraction > 0.4
    assert judge_case(run_case(good[0].paths.root, choices)).stop is None
