"""What reaches the terminal of a training's own output."""

from __future__ import annotations

import io
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from guardrun.cli.console import ConsoleTail
from guardrun.cli.terminal import safe_console
from guardrun.reading.plain_text import plain


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


@pytest.fixture
def log(tmp_path: Path) -> Path:
    path = tmp_path / "console.log"
    path.write_bytes(b"")
    return path


def append(path: Path, data: bytes) -> None:
    with open(path, "ab") as file:
        file.write(data)


def test_a_pipe_gets_whole_lines_as_they_stood_at_their_end(log: Path) -> None:
    out = io.StringIO()
    tail = ConsoleTail(log, out)
    append(log, b"epoch 1\n 10%|#  |\r 20%|## |")
    tail.pump()
    assert out.getvalue() == "epoch 1\n"
    append(log, b"\r100%|###|\nwindows\r\nlast")
    tail.pump()
    tail.finish()
    assert out.getvalue() == "epoch 1\n100%|###|\nwindows\nlast\n"


def test_a_terminal_gets_progress_bars_as_they_move(log: Path) -> None:
    out = Terminal()
    tail = ConsoleTail(log, out)
    append(log, b" 10%\r 20%")
    tail.pump()
    assert out.getvalue() == " 10%\r 20%"
    tail.end_line()
    assert out.getvalue().endswith("\n")


def test_colours_pass_to_a_terminal_and_nothing_else_does(log: Path, monkeypatch) -> None:
    monkeypatch.setenv("TERM", "xterm-256color")
    raw = b"\x1b[1;31mred\x1b[0m \x1b]0;title\x07\x1b[2J\x1b[5;5Hmoved \x1b]52;c;aGk=\x07\x07bell\x08\n"
    append(log, raw)
    for out, shown in (
        (Terminal(), "\x1b[1;31mred\x1b[0m moved bell\n"),
        (io.StringIO(), "red moved bell\n"),
    ):
        ConsoleTail(log, out).finish()
        assert out.getvalue() == shown
    monkeypatch.setenv("NO_COLOR", "1")
    out = Terminal()
    ConsoleTail(log, out).finish()
    assert out.getvalue() == "red moved bell\n"


@given(st.binary(max_size=200), st.integers(1, 7))
def test_no_cut_lets_a_control_sequence_slip_through(tmp_path_factory, data: bytes, size: int) -> None:
    """A sequence that arrives in two halves is still one sequence."""
    path = tmp_path_factory.mktemp("cut") / "console.log"
    path.write_bytes(b"")
    out = Terminal()
    tail = ConsoleTail(path, out)
    sequence = b"\x1b]0;evil" + data.replace(b"\n", b"") + b"\x07\x1b[3;4H\xe2\x82\xac"
    for start in range(0, len(sequence), size):
        append(path, sequence[start : start + size])
        tail.pump()
    tail.finish()
    shown = out.getvalue()
    assert all(char >= " " or char in "\r\n\t\x1b" for char in shown)
    assert "\x1b" not in shown.replace("\x1b[", "").replace("m", "") or "\x1b[" in shown
    assert not any(
        part and not part.lstrip("0123456789;:").startswith("m") for part in shown.split("\x1b[")[1:]
    )


def test_characters_cut_in_half_by_a_read_are_whole(log: Path) -> None:
    out = Terminal()
    tail = ConsoleTail(log, out)
    for byte in "größe €\n".encode():
        append(log, bytes([byte]))
        tail.pump()
    assert out.getvalue() == "größe €\n"


def test_a_progress_bar_without_end_is_bounded(log: Path) -> None:
    tail = ConsoleTail(log, io.StringIO())
    append(log, b"x" * 100 + b"\r" + b"\r".join(b"%d" % i for i in range(100_000)))
    while tail.pump():
        pass
    assert len(tail._held) < 10_000


def test_a_truncated_log_starts_again(log: Path) -> None:
    out = io.StringIO()
    tail = ConsoleTail(log, out)
    append(log, b"first line that is long\n")
    tail.pump()
    log.write_bytes(b"second\n")
    tail.pump()
    assert out.getvalue() == "first line that is long\nsecond\n"


@given(st.text(max_size=80))
def test_safe_text_is_one_printable_line(text: str) -> None:
    shown = plain(text)
    assert not set(shown) & {chr(c) for c in (*range(32), *range(127, 160), 0x202E, 0x2028)}
    assert "\x1b" not in safe_console(text, colours=False)
