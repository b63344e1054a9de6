"""A recorded run played again is a live run for whoever follows it, and ends as it ended."""

from __future__ import annotations

import threading
from pathlib import Path

import pytest

from guardrun.events.decode import decode
from guardrun.events.encode import encode
from guardrun.following.replay import play, playable
from guardrun.following.run_follower import RunFollower
from guardrun.state.model import Status
from waiting import wait_for

RECORDED = Path(__file__).parents[2] / "sample_runs" / "recorded"


def recorded(kind):
    return next(RECORDED.glob(f"*_{kind}_*"))


def lines(path):
    made = [decode(line) for line in path.read_bytes().splitlines()]
    here = {"t", "pid", "pid_start", "host", "boot_id"}
    return [{key: value for key, value in (event or {}).items() if key not in here} for event in made]


@pytest.fixture
def playing(tmp_path):
    """Begin to play at a speed; ended with the test."""
    ended, threads = threading.Event(), []

    def begin(kind, speed):
        source = recorded(kind)
        thread = threading.Thread(target=play, args=(source, tmp_path, speed, ended))
        thread.start()
        threads.append(thread)
        return tmp_path / source.name

    yield begin
    ended.set()
    for thread in threads:
        thread.join()


@pytest.mark.parametrize("kind", ["healthy", "resumed", "straggling"])
def test_every_line_is_written_again_in_its_order(kind, tmp_path):
    source = recorded(kind)

    copy = play(source, tmp_path, 1e6, threading.Event())

    for file in source.glob("*.jsonl"):
        assert lines(copy / file.name) == lines(file)
    assert (copy / "console.log").read_bytes() == (source / "console.log").read_bytes()


def test_a_run_that_is_being_played_is_running_and_grows(playing):
    copy = playing("resumed", 5.0)
    wait_for(lambda: (copy / "events.jsonl").exists())
    follower = RunFollower(copy)

    def at_step():
        follower.poll()
        return follower.state().step

    wait_for(lambda: at_step() > 50)
    assert follower.state().status is Status.RUNNING
    before = at_step()
    wait_for(lambda: at_step() > before)


def test_what_was_played_ended_as_the_run_did(tmp_path):
    source = recorded("crashed")
    copy = play(source, tmp_path, 1e6, threading.Event())
    states = []
    for path in (source, copy):
        follower = RunFollower(path)
        assert follower.catch_up(20)
        states.append(follower.state())

    first, second = states
    assert (second.status, second.reason, second.step) == (first.status, first.reason, first.step)
    assert [signal.id for signal in second.signals] == [signal.id for signal in first.signals]


def test_a_replay_ends_at_once_when_it_is_told_to(tmp_path):
    ended = threading.Event()
    ended.set()

    copy = play(recorded("healthy"), tmp_path, 1e-6, ended)

    assert len(lines(copy / "events.jsonl")) < len(lines(recorded("healthy") / "events.jsonl"))


def test_a_folder_without_events_is_not_playable(tmp_path):
    assert playable(tmp_path) == f"{tmp_path} has no events.jsonl to replay"
    assert playable(recorded("healthy")) == ""


def test_a_last_line_without_its_end_is_played_as_it_is(tmp_path):
    source = tmp_path / "source"
    source.mkdir()
    torn = b'{"t":1.0,"seq":0,"kind":"header","run_id":"x"}\n{"t":2.0,"kind":"met'
    (source / "events.jsonl").write_bytes(torn)

    copy = play(source, tmp_path / "to", 1e6, threading.Event())

    assert (copy / "events.jsonl").read_bytes().endswith(b',"kind":"met')


@pytest.mark.parametrize("jump", [-18000.0, 18000.0])
def test_a_clock_that_was_set_in_a_run_is_not_set_again_when_it_is_played(tmp_path, jump):
    source = tmp_path / "source"
    source.mkdir()
    told = [
        {"t": 1e9, "kind": "header", "attempt": 1, "boot_id": "b", "booted": 1e8},
        {"t": 1e9 + 1, "kind": "metrics", "step": 1, "epoch": 0, "loss": 1.0},
        {"t": 1e9 + jump + 2, "kind": "note", "text": "the clock was set", "booted": 1e8 + jump},
        {"t": 1e9 + jump + 3, "kind": "metrics", "step": 2, "epoch": 0, "loss": 1.0},
    ]
    (source / "events.jsonl").write_bytes(b"".join(encode(event) for event in told))

    copy = play(source, tmp_path / "to", 20.0, threading.Event())

    follower = RunFollower(copy)
    follower.catch_up()
    assert 0.1 < follower.state().elapsed_s < 60
    assert b"booted" not in (copy / "events.jsonl").read_bytes()
