"""Whatever the disk does, the log has whole lines, and the training never hears of it."""

from __future__ import annotations

import errno
import os
import sys
import threading
from pathlib import Path
from typing import Any

import orjson
import pytest

from guardrun.events.decode import decode
from guardrun.recording import writer as writer_module
from guardrun.recording.slow_disks import file_system_type, is_slow
from guardrun.recording.writer import EventWriter

HEADER = {"writer": "rank0", "attempt": 1}


def lines_of(path: Path) -> list[bytes]:
    return path.read_bytes().splitlines()


def whole(path: Path) -> list[dict[str, Any]]:
    """Events on whole lines, as a reader takes them: a torn line is skipped."""
    found = [decode(line) for line in path.read_bytes().rpartition(b"\n")[0].splitlines()]
    return [event for event in found if event is not None]


class Disk:
    """Stands in for write(2): does what the test says, once an entry, then works."""

    def __init__(self, *behaviours: int | BaseException) -> None:
        self.behaviours = list(behaviours)

    def __call__(self, fd: int, data: bytes) -> int:
        behaviour = self.behaviours.pop(0) if self.behaviours else len(data)
        if isinstance(behaviour, BaseException):
            raise behaviour
        return os.write(fd, data[:behaviour])


def test_the_first_line_is_the_header_and_every_line_has_a_time_and_a_number(tmp_path: Path) -> None:
    path = tmp_path / "events.jsonl"
    writer = EventWriter(path, HEADER)
    writer.emit("note", {"text": "a"})
    writer.write_ready({"t": 1.0, "seq": 0, "kind": "metrics", "step": 1})
    writer.close()

    events = [orjson.loads(line) for line in lines_of(path)]

    assert [event["kind"] for event in events] == ["header", "note", "metrics"]
    assert [event["seq"] for event in events] == [0, 1, 2]
    assert events[0]["schema"] == 1


def test_a_log_that_ends_in_a_torn_line_is_continued_on_a_new_line(tmp_path: Path) -> None:
    path = tmp_path / "events.jsonl"
    path.write_bytes(b'{"kind":"note"}\n{"kind":"metr')

    EventWriter(path, HEADER).close()

    assert [event["kind"] for event in whole(path)] == ["note", "header"]


def test_after_a_short_write_the_next_line_starts_anew_and_the_loss_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "events.jsonl"
    writer = EventWriter(path, HEADER)
    monkeypatch.setattr(writer_module, "write", Disk(9))
    writer.emit("note", {"text": "torn"})
    writer.emit("note", {"text": "next"})
    writer.close()

    events = whole(path)

    texts = [event.get("text") for event in events[1:]]
    assert texts == ["next", "1 event could not be written: short write"]
    assert events[-1]["dropped"] == 1


@pytest.mark.parametrize("code", [errno.ENOSPC, errno.EIO, errno.ESTALE])
def test_a_failing_disk_drops_events_with_a_count_and_no_exception(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, code: int
) -> None:
    path = tmp_path / "events.jsonl"
    writer = EventWriter(path, HEADER)
    monkeypatch.setattr(writer_module, "_REOPEN_S", 0.0)
    failing = Disk(*[OSError(code, os.strerror(code)) for _ in range(3)])
    monkeypatch.setattr(writer_module, "write", failing)
    for step in range(3):
        writer.write_ready({"t": 1.0, "seq": 0, "kind": "metrics", "step": step})
    assert writer.dropped == 3

    writer.write_ready({"t": 1.0, "seq": 0, "kind": "metrics", "step": 3})
    writer.write_ready({"t": 1.0, "seq": 0, "kind": "metrics", "step": 4})
    writer.close()

    events = whole(path)
    assert [event["step"] for event in events if event["kind"] == "metrics"] == [3, 4]
    (note,) = [event for event in events if event["kind"] == "note"]
    assert note["dropped"] == 3
    assert os.strerror(code) in note["text"]


def test_a_folder_that_appears_later_gets_its_log_with_a_header_first(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(writer_module, "_REOPEN_S", 0.0)
    path = tmp_path / "later" / "events.jsonl"
    writer = EventWriter(path, HEADER)
    writer.emit("note", {"text": "lost"})

    path.parent.mkdir()
    writer.emit("note", {"text": "kept"})
    writer.close()

    assert [event["kind"] for event in whole(path)] == ["header", "note", "note"]
    assert whole(path)[-1]["dropped"] == 2


def test_threads_never_mix_their_lines(tmp_path: Path) -> None:
    path = tmp_path / "events.jsonl"
    writer = EventWriter(path, HEADER)

    def log(name: int) -> None:
        for step in range(200):
            writer.emit("metrics", {"thread": name, "step": step, "text": "x" * (step % 50)})

    threads = [threading.Thread(target=log, args=(name,)) for name in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    writer.close()

    events = [orjson.loads(line) for line in lines_of(path)]
    assert [event["seq"] for event in events] == list(range(801))
    for name in range(4):
        assert [e["step"] for e in events if e.get("thread") == name] == list(range(200))


def test_on_a_slow_file_system_events_are_gathered_and_arrive_in_order(tmp_path: Path) -> None:
    path = tmp_path / "events.jsonl"
    writer = EventWriter(path, HEADER, delay_s=30.0)
    for step in range(50):
        writer.write_ready({"t": 1.0, "seq": 0, "kind": "metrics", "step": step})
    assert len(lines_of(path)) == 1

    writer.close()

    assert [event["step"] for event in whole(path)[1:]] == list(range(50))


def test_gathered_events_that_fail_are_counted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "events.jsonl"
    writer = EventWriter(path, HEADER, delay_s=30.0)
    for step in range(5):
        writer.emit("metrics", {"step": step})
    monkeypatch.setattr(writer_module, "write", Disk(OSError(errno.ENOSPC, "full")))
    writer.sync()

    assert writer.dropped == 5
    writer.emit("note", {"text": "works again"})
    writer.close()
    assert whole(path)[-1]["dropped"] == 5


@pytest.mark.parametrize(
    ("line", "slow"),
    [
        ("server:/home {root} nfs4 rw 0 0", True),
        ("//server/x {root} cifs rw 0 0", True),
        ("sshfs#x {root} fuse.sshfs rw 0 0", True),
        ("/dev/sda1 {root} ext4 rw 0 0", False),
        ("overlay {root} overlay rw 0 0", False),
        ("tmpfs {root} tmpfs rw 0 0", False),
    ],
)
def test_the_file_system_of_the_longest_mount_point_decides(tmp_path: Path, line: str, slow: bool) -> None:
    mounts = tmp_path / "mounts"
    root = tmp_path / "runs"
    mounts.write_text(f"/dev/root / ext4 rw 0 0\n{line.format(root=root)}\nproc /proc proc rw 0 0\n")

    assert is_slow(file_system_type(root / "deep", str(mounts))) is slow
    assert file_system_type("/", str(mounts)) == "ext4"


def test_an_unreadable_mount_table_means_nothing_special(tmp_path: Path) -> None:
    assert not is_slow(file_system_type(tmp_path, str(tmp_path / "absent")))


def test_the_warning_of_a_forked_child_survives_a_closed_standard_error(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Closed:
        def write(self, text: str) -> int:
            raise BrokenPipeError

    writer = EventWriter(tmp_path / "events.jsonl", {})
    writer.abandon()
    monkeypatch.setattr(sys, "stderr", Closed())

    writer.emit("note", {"text": "from the child"})
