"""Whole lines only, each once, in order, whatever the writer does meanwhile."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from guardrun.reading import tailer as tailer_module
from guardrun.reading.tailer import Tailer


def test_a_last_line_without_newline_is_not_yet_there(tmp_path: Path) -> None:
    path = tmp_path / "events.jsonl"
    path.write_bytes(b"one\ntw")
    tailer = Tailer(path)

    assert tailer.read().lines == b"one\n"
    assert not tailer.changed()
    assert tailer.read().lines == b""
    with path.open("ab") as file:
        file.write(b"o\n")
    assert tailer.changed()
    assert tailer.read().lines == b"two\n"


def test_a_missing_file_is_an_empty_one_until_it_comes(tmp_path: Path) -> None:
    tailer = Tailer(tmp_path / "events.jsonl")

    assert tailer.read().lines == b""
    assert (tailer.changed(), tailer.problem) == (False, "")
    tailer.path.write_bytes(b"one\n")
    assert tailer.changed()
    assert tailer.read().lines == b"one\n"


def test_a_replaced_file_starts_again_and_says_so(tmp_path: Path) -> None:
    path = tmp_path / "events.jsonl"
    path.write_bytes(b"old 1\nold 2\n")
    tailer = Tailer(path)
    tailer.read()

    (tmp_path / "new").write_bytes(b"new 1\nnew 2\nnew 3\n")
    os.replace(tmp_path / "new", path)

    chunk = tailer.read()
    assert (chunk.lines, chunk.restarted) == (b"new 1\nnew 2\nnew 3\n", True)
    assert tailer.replaced == "replaced"


def test_a_truncated_file_starts_again_and_says_so(tmp_path: Path) -> None:
    path = tmp_path / "events.jsonl"
    path.write_bytes(b"one\ntwo\n")
    tailer = Tailer(path)
    tailer.read()

    os.truncate(path, 4)

    chunk = tailer.read()
    assert (chunk.lines, chunk.restarted) == (b"one\n", True)
    assert tailer.replaced == "truncated"


def test_a_file_rewritten_in_place_to_a_greater_size_is_noticed_by_its_bytes(tmp_path: Path) -> None:
    """Truncated and grown beyond the old offset between two looks: size and inode tell nothing."""
    path = tmp_path / "events.jsonl"
    path.write_bytes(b"one\ntwo\n")
    tailer = Tailer(path)
    tailer.read()

    path.write_bytes(b"quite other words\nand more\n")

    chunk = tailer.read()
    assert (chunk.lines, chunk.restarted) == (b"quite other words\nand more\n", True)
    assert tailer.replaced == "rewritten"


def test_batches_are_bounded_and_lose_nothing(tmp_path: Path) -> None:
    path = tmp_path / "events.jsonl"
    content = b"".join(b"line %d\n" % number for number in range(1000))
    path.write_bytes(content)
    tailer = Tailer(path)

    chunks = [tailer.read(100)]
    while chunks[-1].more:
        chunks.append(tailer.read(100))

    assert all(len(chunk.lines) <= 100 for chunk in chunks)
    assert b"".join(chunk.lines for chunk in chunks) == content


def test_a_line_longer_than_a_batch_comes_whole(tmp_path: Path) -> None:
    path = tmp_path / "events.jsonl"
    path.write_bytes(b"x" * 5000 + b"\nshort\n")
    tailer = Tailer(path)

    assert tailer.read(100).lines == b"x" * 5000 + b"\n"
    assert tailer.read(100).lines == b"short\n"


def test_a_line_beyond_all_measure_is_skipped_and_counted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tailer_module, "MAX_LINE", 1000)
    monkeypatch.setattr(tailer_module, "BATCH", 256)
    path = tmp_path / "events.jsonl"
    path.write_bytes(b"one\n" + b"x" * 5000 + b"\ntwo\n")
    tailer = Tailer(path)

    chunks = [tailer.read(100)]
    while chunks[-1].more:
        chunks.append(tailer.read(100))

    assert b"".join(chunk.lines for chunk in chunks) == b"one\ntwo\n"
    assert sum(chunk.skipped for chunk in chunks) == 1


@pytest.mark.parametrize("kind", ["link", "directory", "fifo"])
def test_only_regular_files_are_opened(tmp_path: Path, kind: str) -> None:
    """A link may lead anywhere, a fifo would block for ever."""
    path = tmp_path / "events.jsonl"
    if kind == "link":
        (tmp_path / "secret").write_bytes(b"secret\n")
        path.symlink_to(tmp_path / "secret")
    elif kind == "directory":
        path.mkdir()
    else:
        os.mkfifo(path)
    tailer = Tailer(path)

    assert tailer.read().lines == b""
    assert tailer.problem


def test_an_unreadable_file_is_a_problem_not_an_exception(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "events.jsonl"
    path.write_bytes(b"one\n")

    def refuse(*_: object) -> int:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(os, "open", refuse)
    tailer = Tailer(path)

    assert tailer.read().lines == b""
    assert tailer.problem == "Permission denied"


ACTIONS = st.one_of(
    st.tuples(st.just("write"), st.binary(max_size=12).map(lambda b: b.replace(b"\n", b"")), st.booleans()),
    st.tuples(st.just("truncate"), st.just(b""), st.booleans()),
    st.tuples(st.just("replace"), st.binary(min_size=1, max_size=12), st.booleans()),
    st.tuples(st.just("read"), st.just(b""), st.booleans()),
)


@settings(max_examples=150, deadline=None)
@given(st.lists(ACTIONS, max_size=25), st.integers(1, 40))
def test_what_was_read_since_the_last_restart_is_always_the_start_of_the_file(
    tmp_path_factory: pytest.TempPathFactory, actions: list[tuple[str, bytes, bool]], batch: int
) -> None:
    """After any interleaving of appends, torn lines, truncations and replacements: no line is lost,
    doubled or cut, as soon as the writer rests."""
    folder = tmp_path_factory.mktemp("tail")
    path = folder / "events.jsonl"
    tailer = Tailer(path)
    read = b""

    def take(chunk: tailer_module.Chunk) -> None:
        nonlocal read
        read = chunk.lines if chunk.restarted else read + chunk.lines
        assert not chunk.lines or chunk.lines.endswith(b"\n")

    for serial, (action, content, flag) in enumerate(actions):
        if action == "write":
            with path.open("ab") as file:
                file.write(b"%d:" % serial + content + (b"\n" if flag else b""))
        elif action == "truncate":
            path.write_bytes(b"")
        elif action == "replace":
            (folder / "new").write_bytes(b"%d!" % serial + content)
            os.replace(folder / "new", path)
        else:
            take(tailer.read(batch))
    while True:
        before = tailer.offset
        take(tailer.read(batch))
        if tailer.offset == before and not tailer.read(batch).more:
            break

    content = path.read_bytes() if path.exists() else b""
    assert read == content[: content.rfind(b"\n") + 1]


WRITER = """
import os, sys, time
fd = os.open(sys.argv[1], os.O_WRONLY | os.O_CREAT | os.O_APPEND)
for number in range(4000):
    line = b"%d:" % number + b"x" * (number % 97) + b"\\n"
    if number % 7 == 0:
        os.write(fd, line[:3]); time.sleep(0); os.write(fd, line[3:])
    else:
        os.write(fd, line)
"""


def test_a_concurrent_writer_with_torn_lines_is_followed_line_by_line(tmp_path: Path) -> None:
    path = tmp_path / "events.jsonl"
    writer = subprocess.Popen([sys.executable, "-c", WRITER, str(path)])
    tailer = Tailer(path)
    lines: list[bytes] = []
    deadline = time.monotonic() + 30
    while len(lines) < 4000 and time.monotonic() < deadline:
        if tailer.changed():
            lines += tailer.read(1000).lines.splitlines()
    assert writer.wait(10) == 0

    assert [int(line.partition(b":")[0]) for line in lines] == list(range(4000))
    assert all(len(line.partition(b":")[2]) == number % 97 for number, line in enumerate(lines))
