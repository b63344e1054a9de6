"""Notes, tags and snoozes: who may say something of a run, how it is recorded, what is refused."""

from __future__ import annotations

import json
import os
import time
from pathlib import Path
from typing import Any

import pytest

from guardrun.cli.main import run
from guardrun.events.commands import (
    ACKNOWLEDGE,
    MAX_BYTES,
    REMARK,
    TAG,
    BadCommand,
    read_command,
    send_command,
)
from guardrun.following.run_follower import RunFollower
from guardrun.state.model import RunState
from run_factory import RunWriter


@pytest.fixture
def over(tmp_path: Path) -> RunWriter:
    made = RunWriter(tmp_path / "runs", "digits", t=time.time() - 600)
    made.launch()
    made.start()
    made.supervise()
    made.train(50)
    made.signal("overfit", severity="warn")
    made.end()
    return made


def state_of(writer: RunWriter, now: float | None = None) -> RunState:
    follower = RunFollower(writer.paths.root)
    follower.catch_up()
    return follower.state(now)


def left(writer: RunWriter, name: str = "1.0-x", **body: Any) -> Path:
    """A command file as anybody could write it."""
    good = {"id": name, "attempt": 1, "sent": 1.0, "expires": 2.0**40, "via": "cli"}
    file = writer.paths.control / f"{name}.json"
    file.write_text(json.dumps({**good, **body}))
    return file


def test_commands_write_and_print_notes_and_tags(over: RunWriter, capsys: pytest.CaptureFixture[str]) -> None:
    path = str(over.paths.root)
    assert run(["note", path, "too", "high"]) == 0
    assert run(["tag", path, "+good", "baseline", "#seen"]) == 0
    assert run(["tag", path, "-good"]) == 0
    capsys.readouterr()

    assert run(["tag", path]) == 0

    page = capsys.readouterr().out
    assert "#baseline  #seen" in page
    assert ": too high" in page
    assert run(["note", path, "--json"]) == 0
    shown = json.loads(capsys.readouterr().out)
    assert (shown["tags"], [each["text"] for each in shown["notes"]]) == (["baseline", "seen"], ["too high"])


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["note", "x" * 100_000], "at most 2,000 characters, and this one has 100,000"),
        (["note", " "], "needs some words"),
        (["tag", "x" * 41], "at most 40 characters"),
        (["tag", *(f"t{n}" for n in range(21))], "at most 20 tags"),
        (["tag", "\x1b[31m"], "is no tag"),
        (["tag", "--good"], "there is no option --good"),
    ],
)
def test_what_is_too_much_or_no_tag_is_refused(
    over: RunWriter, capsys: pytest.CaptureFixture[str], words: list[str], told: str
) -> None:
    command, *rest = words

    assert run([command, str(over.paths.root), *rest]) == 2

    err = capsys.readouterr().err
    assert told in err
    assert "\x1b" not in err
    assert list(over.paths.control.iterdir()) == []


@pytest.mark.parametrize(
    "body",
    [
        {"command": REMARK},
        {"command": REMARK, "text": 7},
        {"command": REMARK, "text": "x" * 2001},
        {"command": REMARK, "text": "x" * MAX_BYTES},
        {"command": TAG, "add": "good"} | {"add": ["a b"]},
        {"command": TAG, "add": [["x"]]},
        {"command": TAG, "add": 7},
        {"command": TAG, "remove": ["\x1b[2J"]},
        {"command": TAG, "add": ["x"] * 21},
        {"command": ACKNOWLEDGE, "signals": {"overfit": 50}, "until": "tomorrow"},
        {"command": ACKNOWLEDGE, "signals": {"overfit": 50}, "until_step": 1.5},
    ],
)
def test_a_malformed_command_is_refused_and_changes_nothing(over: RunWriter, body: dict[str, Any]) -> None:
    file = left(over, **body)

    assert isinstance(read_command(file), BadCommand)
    state = state_of(over)
    assert (state.tags, state.remarks) == ((), ())
    assert state.signals[0].acknowledged_at is None


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give a file to another user")
def test_another_users_words_do_not_count(over: RunWriter) -> None:
    os.chown(left(over, "1.0-a", command=REMARK, text="not mine"), 12345, 12345)
    left(over, "1.0-b", command=REMARK, text="mine")

    assert [each.text for each in state_of(over).remarks] == ["mine"]


def test_what_was_said_of_an_earlier_attempt_stays_and_what_is_recorded_counts_once(over: RunWriter) -> None:
    left(over, "1.0-a", command=REMARK, text="first")
    left(over, "2.0-b", command=TAG, add=["old"], sent=2.0)
    left(over, "3.0-c", command=REMARK, text="answered", sent=3.0, attempt=2)
    over.launch(attempt=2)
    over.start(attempt=2)
    over.supervise(attempt=2)
    answer = {"id": "3.0-c", "command": "note", "text": "answered", "by": "anna", "sent": 3.0}
    over.event("ack", file="supervisor.jsonl", **answer)
    over.event("ack", rank=0, **answer)

    state = state_of(over)

    assert [each.text for each in state.remarks] == ["first", "answered"]
    assert (state.remarks[1].by, state.tags) == ("anna", ("old",))


def test_a_snooze_ends_by_itself_and_the_end_of_a_run_does_not_freeze_it(over: RunWriter) -> None:
    now = time.time()
    send_command(over.paths, ACKNOWLEDGE, attempt=1, via="watch", signals={"overfit": 50}, until=now + 3600)
    follower = RunFollower(over.paths.root)
    follower.catch_up()

    assert follower.state(now).signals[0].acknowledged_at == 50
    assert follower.state(now + 3601).signals[0].acknowledged_at is None


def test_a_snooze_of_steps_that_the_supervisor_recorded_ends_at_its_step(tmp_path: Path) -> None:
    writer = RunWriter(tmp_path / "runs", t=time.time() - 60)
    writer.launch()
    writer.start()
    writer.supervise()
    writer.train(50)
    writer.signal("overfit")
    writer.signal("overfit", state="acknowledged", acknowledged_at=50, snoozed_until_step=60)
    assert state_of(writer).signals[0].acknowledged_at == 50

    writer.train(10)

    assert state_of(writer).signals[0].acknowledged_at is None


def test_a_checkpoint_that_was_asked_for_is_answered_by_the_next_one_or_by_a_reason(over: RunWriter) -> None:
    over.launch(attempt=2)
    over.start(attempt=2)
    over.event("ack", id="early", command="checkpoint", step=50, rank=0)
    over.train(1)
    over.checkpoint(roles=("best",))
    over.checkpoint(roles=("last",), attempt=2)
    over.event("ack", id="late", command="checkpoint", step=51, rank=0)
    over.event("note", text="not written: nothing is tracked", command="late")

    early, late = state_of(over).saves

    assert early.written is not None
    assert (early.written.path, early.written.seconds) == ("checkpoints/step-51-a2", 0.2)
    assert (late.written, late.problem) == (None, "not written: nothing is tracked")
