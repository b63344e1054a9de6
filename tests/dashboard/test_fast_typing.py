"""Nobody types too fast: a key reaches what the key before it has opened."""

from __future__ import annotations

import time

import pytest
from textual import events
from textual._xterm_parser import XTermParser
from textual.widgets import Input

from dashboard_pilot import dashboard, example_fleet, shows, until
from guardtui import terminal
from guardtui.screens.run import RunScreen
from guardtui.screens.words import TagScreen
from pty_terminal import PtyTerminal, watch_command
from run_factory import RunWriter


@pytest.fixture
def screen(tmp_path):
    folder = tmp_path / "runs"
    for number in (1, 2):
        run = RunWriter(folder, f"digits{number}", suffix=f"000{number}", t=time.time() - 9000 * number)
        run.start()
        run.train(200)
        run.evaluate()
        run.signal("nan", severity="act", action="abort", message="NaN at last")
        run.end("aborted", "abort:nan")
    opened = PtyTerminal(watch_command(str(folder)), XDG_CONFIG_HOME=str(tmp_path / "config"))
    opened.shows("digits1", "digits2")
    opened.settled(0.3)
    yield opened
    opened.close()


AT_ONCE = [
    ("\r2", "NaN at last"),  # a key of the run screen, before that is there
    ("\rx", "epoch  2"),  # a key of its pane
    ("/digits1", "1 of 2"),  # d would hide, s would ask for a stop
    ("#quick", "quick"),  # q would leave
    ("\r2\x1b6", "No output yet"),  # Esc and a key behind it: back to the charts, then the output
    ("\r\x1bj\r7", "Attempts"),
    (":jux\x7f\x7f\x7ffilter\r", "status:live"),
]


@pytest.mark.terminal
@pytest.mark.parametrize(("keys", "shown"), AT_ONCE, ids=lambda value: repr(value)[:20])
def test_keys_that_arrive_at_once_do_what_they_do_one_by_one(screen, keys, shown):
    screen.type(keys)

    screen.sees(shown)


@pytest.mark.terminal
def test_a_key_soon_after_escape_is_a_key_of_its_own(screen):
    """Esc waits for the rest of a sequence, for 100 ms; a letter is none."""
    screen.type("\r")
    screen.sees("step 200")
    screen.type("\x1b", "j", "\r", "7", apart_s=0.03)

    screen.sees("digits2", "Attempts")


async def test_held_keys_are_let_go_when_what_they_wait_for_never_answers(monkeypatch):
    monkeypatch.setattr("guardtui.typing_ahead._PATIENCE_S", 1.5)
    monkeypatch.setattr("guardtui.typing_ahead.TypingApp._send", lambda *_: None)
    app = dashboard(example_fleet())
    async with app.run_test(size=(80, 24)) as pilot:
        await shows(pilot, "digits")
        app.post_message(events.Key("enter", "\r"))
        app.post_message(events.Key("2", "2"))
        await until(pilot, lambda: isinstance(app.screen, RunScreen) and app.screen.pane.title == "signals")


async def test_in_a_line_of_text_alt_moves_by_words(monkeypatch):
    app = dashboard(example_fleet())
    async with app.run_test(size=(80, 24)) as pilot:
        await shows(pilot, "digits")
        for key in (events.Key("number_sign", "#"), *(events.Key(char, char) for char in "one-two")):
            app.post_message(key)
        app.post_message(terminal.BehindEscape("b", "b"))
        app.post_message(events.Key("x", "x"))
        await until(
            pilot,
            lambda: isinstance(app.screen, TagScreen) and app.screen.query_one(Input).value == "one-xtwo",
        )
        app.post_message(terminal.BehindEscape("j", "j"))
        await until(pilot, lambda: not isinstance(app.screen, TagScreen))


@pytest.fixture
def fed(monkeypatch):
    """Keys that come of pieces with a pause behind each; those that Alt may be meant by with a ``~``."""
    terminal.patient_keys()
    clock = [0.0]
    monkeypatch.setattr("textual._parser.get_time", lambda: clock[0])
    parser = XTermParser()

    def feed(*pieces: str, wait: float) -> list[str]:
        found = []
        for piece in pieces:
            found += list(parser.feed(piece))
            clock[0] += wait
            found += list(parser.tick())
        mark = {terminal.BehindEscape: "~"}
        return [mark.get(type(each), "") + each.key for each in found if isinstance(each, events.Key)]

    return feed


SPLIT = [
    (("\x1b", "j"), 0.02, ["escape", "j"]),
    (("\x1b", "f", "b", "7"), 0.02, ["escape", "f", "b", "7"]),  # no ctrl+right, ctrl+left, pilcrow
    (("\x1b", "\r"), 0.02, ["escape", "enter"]),
    (("\x1b", "\x1b", "\x1b"), 0.02, ["escape", "escape"]),
    (("\x1b", *"jjjjjjjjjjjjjjjjjjjjjjjjjjjjjjjjjjjjjjjj"), 0.02, ["escape", *["j"] * 40]),
    (("\x1bj",), 0.02, ["~j"]),
    (("\x1bS\x1b[A",), 0.02, ["~S", "up"]),
    (("\x1bjk\x1b", "q"), 0.02, ["~j", "k", "escape", "q"]),
    (("\x1b", "["), 2.0, ["escape", "left_square_bracket"]),
    (("\x1b[",), 2.0, ["escape", "left_square_bracket"]),
    (("\x1b", "OO"), 2.0, ["escape", "O", "O"]),
    (("\x1b[1;2",), 2.0, []),  # torn off: nobody pressed 1
    (("\x1b[<35;10;",), 2.0, []),
    (("\x1b", "\x1b[B"), 0.02, ["escape", "down"]),
]


@pytest.mark.parametrize(("pieces", "wait", "keys"), SPLIT, ids=lambda value: repr(value)[:30])
def test_escape_and_the_key_behind_it_are_told_apart(fed, pieces, wait, keys):
    assert fed(*pieces, wait=wait) == keys


def test_what_is_pasted_is_left_alone(fed):
    parser = XTermParser()
    text = "a\x1bj [ 1"
    pasted = [
        each.text for each in parser.feed(f"\x1b[200~{text}\x1b[201~") if isinstance(each, events.Paste)
    ]

    assert len(pasted) == 1
    assert pasted[0].startswith("a")
    assert fed("x", wait=0.0) == ["x"]


def test_shift_and_tab_on_the_linux_console(fed, monkeypatch):
    monkeypatch.setenv("TERM", "linux")
    assert fed("\x1b\t", wait=0.0) == ["shift+tab"]
    monkeypatch.setenv("TERM", "xterm")
    assert fed("\x1b\t", wait=0.0) == ["~tab"]
