"""The dashboard on pseudo terminals of every kind: which bytes it sends, and which keys it understands."""

from __future__ import annotations

import re
import time

import pytest
from textual._xterm_parser import XTermParser

from guardtui import terminal
from guardtui.glyphs import ASCII, UNICODE, choose
from guardtui.theme import NAMES, TONES
from guardtui.widgets.lines import Lines
from pty_terminal import PtyTerminal, watch_command
from run_factory import RunWriter

pytestmark = pytest.mark.terminal

TRUE = rb"\x1b\[[\d;]*[34]8;2;"
MANY = rb"\x1b\[[\d;]*[34]8;5;"
SIXTEEN = rb"\x1b\[(?:\d+;)*(?:3[0-7]|9[0-7]|4[0-7]|10[0-7])(?:;\d+)*m"


@pytest.fixture
def runs(tmp_path):
    folder = tmp_path / "runs"
    run = RunWriter(folder, "digits", suffix="0001", t=time.time() - 9000)
    run.start()
    run.supervise()
    run.train(200)
    run.evaluate()
    run.signal("nan", severity="act", action="abort", message="NaN – “odd” … ✓")
    run.end("aborted", "abort:nan")
    return folder


@pytest.fixture
def opened(runs, tmp_path):
    made: list[PtyTerminal] = []

    def open_(**options) -> PtyTerminal:
        env = {"XDG_CONFIG_HOME": str(tmp_path / "config")} | options
        made.append(PtyTerminal(watch_command(str(runs)), **env))
        made[-1].shows("digits")
        return made[-1]

    yield open_
    for each in made:
        each.close()


KINDS = [
    ({"TERM": "xterm-256color"}, [MANY], [TRUE]),
    ({"TERM": "tmux-256color", "COLORTERM": "truecolor"}, [TRUE], []),
    ({"TERM": "xterm"}, [SIXTEEN], [TRUE, MANY]),
    ({"TERM": "linux"}, [SIXTEEN], [TRUE, MANY]),
    ({"TERM": "vt100"}, [], [TRUE, MANY, SIXTEEN]),
    ({"TERM": "xterm-256color", "COLORTERM": "truecolor", "NO_COLOR": "1"}, [], [TRUE, MANY, SIXTEEN]),
]


@pytest.mark.parametrize(("env", "sent", "not_sent"), KINDS, ids=lambda value: str(value)[:40])
def test_a_terminal_gets_the_colours_that_it_knows_and_no_others(opened, env, sent, not_sent):
    screen = opened(**env)
    screen.type("\r")
    screen.shows("train")
    screen.settled(0.3)
    bytes_ = bytes(screen.sent)

    for pattern in sent:
        assert re.search(pattern, bytes_), pattern
    for pattern in not_sent:
        assert not re.search(pattern, bytes_), pattern
    text = bytes_.decode()
    braille = [char for char in text if "⠀" <= char <= "⣿"]
    assert bool(braille) == (env["TERM"] != "linux")
    if env["TERM"] == "linux":
        assert not set("▁✗✖◔◌△★…") & set(text)
        assert "▄" in text
    screen.type("q")
    assert screen.ended() == 0


def test_in_the_c_locale_nothing_but_letters_is_sent(opened):
    screen = opened(LC_ALL="C")
    screen.type("\r")
    screen.shows("train")
    screen.type("?")
    screen.shows("Keys")

    assert bytes(screen.sent).isascii()


def test_any_size_at_any_moment(opened):
    screen = opened()
    sizes = [(40, 12), (20, 5), (1, 1), (3, 40), (300, 2), (300, 80), (60, 20)]
    for keys in ("", "\r", "2", "3", "6", "?", ":"):
        screen.type(keys) if keys else None
        for size in sizes:
            screen.resize(*size)
            time.sleep(0.03)
    screen.resize(80, 24)
    before = len(screen.sent)
    screen.shows("esc", after=before - 1)

    assert screen.code is None
    assert b"Traceback" not in screen.sent


def test_over_a_slow_line_an_arrow_that_arrives_in_pieces_is_no_escape(opened):
    """Esc would go back to the list of runs, where 2 does nothing."""
    screen = opened(SSH_CONNECTION="10.0.0.1 1 10.0.0.2 22")
    screen.type("\r")
    screen.shows("train")
    screen.type("\x1b[", "B", apart_s=0.4)
    before = screen.settled(0.3)
    screen.type("2")

    screen.shows("severe", after=before)


def test_a_small_line_is_enough(opened):
    """Bytes at 80x24: of the start, of opening a run, of a key."""
    screen = opened()
    start = screen.settled()
    screen.type("?")
    screen.shows("Keys")
    screen.type("\x1b")
    listed = screen.settled()
    screen.type("\r")
    screen.shows("train", after=listed)
    run = screen.settled()
    screen.type("\t")
    chosen = screen.settled()

    assert start < 14_000
    assert run - listed < 14_000
    assert 0 < chosen - run < 1_500


def test_a_lone_escape_is_one_and_pieces_of_a_sequence_are_waited_for(monkeypatch):
    terminal.patient_keys()
    clock = [0.0]
    monkeypatch.setattr("textual._parser.get_time", lambda: clock[0])
    parser = XTermParser()

    def fed(*pieces: str, wait: float) -> list[str]:
        found = []
        for piece in pieces:
            found += [event.key for event in parser.feed(piece) if hasattr(event, "key")]
            clock[0] += wait
            found += [event.key for event in parser.tick() if hasattr(event, "key")]
        return found

    assert fed("\x1b", "[", "A", wait=0.05) == ["up"]
    assert fed("\x1b[", "A", wait=0.9) == ["up"]
    assert fed("\x1bO", "B", wait=0.9) == ["down"]
    assert fed("\x1b[1;", "2C", wait=0.9) == ["shift+right"]
    assert fed("\x1b", wait=0.2) == ["escape"]
    assert fed("j", "\x1b[", wait=2.0)[0] == "j"


NO_ENTRY = [
    ({"TERM": "vt220"}, 0), ({"TERM": "wyse"}, 8), ({"TERM": "dumb"}, 0), ({"TERM": "foot-256color"}, 256),
    ({"TERM": "foot", "COLORTERM": "truecolor"}, 1 << 24), ({"TERM": "xterm", "NO_COLOR": "1"}, 0),
]  # fmt: skip


@pytest.mark.parametrize(("environ", "count"), NO_ENTRY, ids=str)
def test_a_terminal_without_an_entry_is_told_by_its_name(environ, count):
    assert terminal.colors(environ, lambda _: None) == count


def test_the_entry_of_a_terminal_counts_before_its_name():
    assert terminal.colors({"TERM": "foot"}, lambda _: 256) == 256
    assert terminal.colors({"TERM": "wyse"}, lambda _: 0) == 0


@pytest.mark.parametrize(
    ("environ", "glyphs"),
    [
        ({"LC_ALL": "C"}, ASCII), ({"LANG": "C", "LC_CTYPE": "C.UTF-8"}, ASCII), ({"LANG": "C"}, ASCII),
        ({"LANG": "C", "LC_CTYPE": "de_DE.UTF-8"}, UNICODE), ({"LC_ALL": "C.UTF-8", "LANG": "C"}, UNICODE),
        ({"LC_CTYPE": "C.UTF-8"}, UNICODE), ({"LC_ALL": "C", "GUARD_ASCII": "0"}, UNICODE),
    ],
    ids=str,
)  # fmt: skip
def test_who_asks_for_the_c_locale_gets_letters(environ, glyphs, monkeypatch):
    monkeypatch.setattr("guardtui.glyphs.locale.getpreferredencoding", lambda _: "UTF-8")

    assert choose(environ) is glyphs


def luminance(color: str) -> float:
    parts = [int(color[i : i + 2], 16) / 255 for i in (1, 3, 5)]
    red, green, blue = (p / 12.92 if p <= 0.04045 else ((p + 0.055) / 1.055) ** 2.4 for p in parts)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


@pytest.mark.parametrize("name", ["dark", "light", "contrast"])
def test_every_tone_can_be_read_on_every_ground(name):
    """4.5 to 1 (WCAG AA); in high contrast 7 to 1 on the ground. `rest` is for rules and bars alone."""
    theme = NAMES[name]
    names = {"foreground": theme.foreground, "success": theme.success, "warning": theme.warning,
             "error": theme.error, "accent": theme.accent, **theme.variables}  # fmt: skip
    grounds = {"ground": theme.background, "bar": theme.panel, "selected": theme.variables["guard-selected"]}
    for tone in TONES:
        if tone == "rest":
            continue
        color = names[re.search(rf"lines--{tone} {{ color: \$([\w-]+)", Lines.DEFAULT_CSS)[1]]
        for where, ground in grounds.items():
            high, low = sorted((luminance(color), luminance(ground)), reverse=True)
            least = 7.0 if name == "contrast" and where == "ground" else 4.5
            assert (high + 0.05) / (low + 0.05) >= least, (tone, where)
