"""Commands are obeyed once, by the attempt they name; nonsense is reported once and obeyed never."""

from __future__ import annotations

import json
import os
import time
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from guardrun.events.commands import (
    MAX_BYTES,
    BadCommand,
    Command,
    CommandInbox,
    read_command,
    send_command,
)
from guardrun.events.paths import RunPaths
from guardrun.events.run_ids import create_run, slug


@pytest.fixture
def paths(tmp_path: Path) -> RunPaths:
    return create_run(tmp_path / "runs", "digits")


def test_a_command_is_delivered_once(paths: RunPaths) -> None:
    inbox = CommandInbox(paths, attempt=1)
    sent = send_command(paths, "stop", attempt=1, via="cli", grace=5.0)

    delivered = inbox.poll(time.time())

    assert [item._replace(uid=-1) for item in delivered if isinstance(item, Command)] == [sent]
    assert inbox.poll(time.time()) == []


def test_another_attempts_command_and_an_expired_one_are_not_obeyed(paths: RunPaths) -> None:
    send_command(paths, "stop", attempt=2, via="cli")
    send_command(paths, "stop", attempt=1, via="cli", lifetime_s=-1)

    assert CommandInbox(paths, attempt=1).poll(time.time()) == []


GOOD = {"id": "a", "command": "stop", "attempt": 1, "sent": 1.0, "expires": 2.0**40, "via": "cli"}


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"not json",
        b"[]",
        b"{}",
        b"[" * 50_000,
        json.dumps({**GOOD, "command": "rm -rf"}).encode(),
        json.dumps({**GOOD, "attempt": "1"}).encode(),
        json.dumps({**GOOD, "grace": "soon"}).encode(),
        json.dumps({**GOOD, "command": "acknowledge", "signals": ["nan"]}).encode(),
        json.dumps({**GOOD, "command": "acknowledge", "signals": {"nan": "warn"}}).encode(),
        json.dumps({**GOOD, "sent": [1]}).encode(),
        json.dumps({**GOOD, "sent": 10**400}).encode(),
        b" " * (MAX_BYTES + 1),
    ],
    ids=[
        "empty",
        "text",
        "list",
        "no fields",
        "deep",
        "unknown",
        "attempt",
        "grace",
        "signals as a list",
        "signals without steps",
        "sent",
        "overflow",
        "huge",
    ],
)
def test_nonsense_is_reported_once_and_never_obeyed(paths: RunPaths, content: bytes) -> None:
    (paths.control / "1.0-x.json").write_bytes(content)
    inbox = CommandInbox(paths, attempt=1)

    first, second = inbox.poll(0.0), inbox.poll(0.0)

    assert [type(item) for item in first] == [BadCommand]
    assert second == []


def test_a_link_a_pipe_and_a_folder_are_refused(paths: RunPaths) -> None:
    target = paths.root / "elsewhere.json"
    target.write_text(json.dumps(GOOD))
    (paths.control / "link.json").symlink_to(target)
    os.mkfifo(paths.control / "pipe.json")
    (paths.control / "folder.json").mkdir()

    delivered = CommandInbox(paths, attempt=1).poll(0.0)

    assert [type(item) for item in delivered] == [BadCommand] * 3


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give a file to another user")
def test_another_users_command_is_refused(paths: RunPaths) -> None:
    send_command(paths, "stop", attempt=1, via="cli")
    (file,) = paths.control.iterdir()
    os.chown(file, 12345, 12345)

    (delivered,) = CommandInbox(paths, attempt=1).poll(0.0)

    assert isinstance(delivered, BadCommand)
    assert "12345" in delivered.problem


@given(st.binary(max_size=300))
def test_no_bytes_make_reading_raise(tmp_path_factory: pytest.TempPathFactory, content: bytes) -> None:
    file = tmp_path_factory.mktemp("control") / "1.json"
    file.write_bytes(content)

    assert isinstance(read_command(file), BadCommand | Command)


@given(st.text())
def test_a_runs_name_is_safe_in_a_path(name: str) -> None:
    assert "/" not in slug(name)
    assert slug(name) not in ("", ".", "..")
    assert len(slug(name)) <= 48


def test_two_runs_of_one_name_never_share_a_folder(tmp_path: Path) -> None:
    made = {create_run(tmp_path, "same").root for _ in range(20)}

    assert len(made) == 20
