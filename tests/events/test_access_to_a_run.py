"""Who may look into a run directory, and whose commands a run obeys."""

from __future__ import annotations

import grp
import json
import os
import pwd
import stat
import time
from pathlib import Path

import pytest

from guardrun.errors import UserError
from guardrun.events.access import Access, Senders
from guardrun.events.commands import BadCommand, Command, CommandInbox, send_command
from guardrun.events.run_ids import create_run

AS_ROOT = pytest.mark.skipif(os.geteuid() != 0, reason="only root can give a file to another user")


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


@pytest.fixture
def open_umask() -> object:
    before = os.umask(0o002)
    yield
    os.umask(before)


def member_of_a_group() -> tuple[int, str]:
    """Some user besides root, and the group that is its own."""
    user = next(one for one in pwd.getpwall() if one.pw_uid not in (0, os.geteuid()))
    return user.pw_uid, grp.getgrgid(user.pw_gid).gr_name


def test_a_run_is_made_for_its_owner_alone(tmp_path: Path, open_umask: object) -> None:
    assert mode(create_run(tmp_path / "runs", "digits").root) == 0o700


def test_without_private_the_umask_decides(tmp_path: Path, open_umask: object) -> None:
    assert mode(create_run(tmp_path / "runs", "digits", access=Access(private=False)).root) == 0o775


def test_a_group_that_does_not_exist_makes_no_run(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="no group 'nobody-has-this'"):
        create_run(tmp_path / "runs", "digits", access=Access(group="nobody-has-this"))

    assert not (tmp_path / "runs").exists()


def test_a_shared_run_lets_its_group_read_and_command_and_nothing_else(tmp_path: Path) -> None:
    ours = grp.getgrgid(os.getegid()).gr_name
    paths = create_run(tmp_path / "runs", "digits", access=Access(group=ours))

    assert mode(paths.root) == 0o2750
    assert mode(paths.control) == 0o3770
    assert mode(paths.checkpoints) == 0o2750
    assert json.loads(paths.run_json.read_bytes())["access"] == {"group": ours}


@AS_ROOT
def test_a_member_is_obeyed_and_a_stranger_is_not(tmp_path: Path) -> None:
    uid, group = member_of_a_group()
    shared = create_run(tmp_path / "runs", "shared", access=Access(group=group))
    private = create_run(tmp_path / "runs", "private")
    for paths in (shared, private):
        send_command(paths, "stop", attempt=1, via="cli")
        (file,) = paths.control.iterdir()
        os.chown(file, uid, -1)

    assert [type(one) for one in CommandInbox(shared, 1).poll(time.time())] == [Command]
    (refused,) = CommandInbox(private, 1).poll(time.time())
    assert isinstance(refused, BadCommand)
    assert "may not command this run" in refused.problem


@AS_ROOT
def test_only_the_owners_word_opens_a_run_to_a_group(tmp_path: Path) -> None:
    uid, group = member_of_a_group()
    paths = create_run(tmp_path / "runs", "digits", access=Access(group=group))
    os.chown(paths.run_json, uid, -1)

    assert not Senders(paths, owner=12345).obeys(uid)


def test_a_command_is_never_written_through_a_link(tmp_path: Path) -> None:
    paths = create_run(tmp_path / "runs", "digits")
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    paths.control.rmdir()
    paths.control.symlink_to(elsewhere)

    with pytest.raises(OSError, match="is a link"):
        send_command(paths, "stop", attempt=1, via="cli")

    assert list(elsewhere.iterdir()) == []
