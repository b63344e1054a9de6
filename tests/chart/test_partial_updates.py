"""What is sent to the terminal, painted by a terminal, is what the screen holds; and it is little."""

from __future__ import annotations

import re

import numpy as np
from textual.app import App, ComposeResult
from textual.containers import Horizontal
from textual.screen import ModalScreen
from textual.widgets import Static

from guardtui.chart.model import ChartModel, Curve
from guardtui.widgets import dirty_rows
from guardtui.widgets.chart import Chart
from guardtui.widgets.lean import lean

WIDTH, HEIGHT = 100, 20
_TOKEN = re.compile(r"\x1b\[(\d+);(\d+)H|\x1b\[[?\d;]*[a-zA-Z]|\x1b[^\[]|\r|\n|[^\x1b\r\n]+", re.DOTALL)


class Terminal:
    """Just enough of one: text, cursor positions, everything else ignored."""

    def __init__(self) -> None:
        self.rows = [[" "] * WIDTH for _ in range(HEIGHT)]
        self.x = self.y = self.bytes = 0

    def write(self, data: str) -> None:
        self.bytes += len(data.encode())
        for token in _TOKEN.finditer(data):
            if token[1]:
                self.y, self.x = int(token[1]) - 1, int(token[2]) - 1
            elif token[0] == "\n":
                self.y, self.x = self.y + 1, 0
            elif token[0] == "\r":
                self.x = 0
            elif not token[0].startswith("\x1b"):
                for character in token[0]:
                    if self.x < WIDTH and self.y < HEIGHT:
                        self.rows[self.y][self.x] = character
                    self.x += 1

    @property
    def text(self) -> list[str]:
        return ["".join(row).rstrip() for row in self.rows]


class TwoCharts(App[None]):
    """Two charts side by side, and a line of text below."""

    CSS = "Horizontal { height: 1fr; } Static { height: 1; }"

    terminal: Terminal | None = None

    @property
    def is_headless(self) -> bool:
        """A headless app writes nothing; with a terminal to write to it isn't one."""
        return self.terminal is None

    def attach(self, terminal: Terminal) -> None:
        """Write to this terminal from now on."""
        assert self._driver is not None
        self._driver.write = terminal.write  # type: ignore[method-assign]
        self.terminal = terminal

    def compose(self) -> ComposeResult:
        with Horizontal():
            yield Chart(loss(600))
            yield Chart(loss(600))
        yield Static("a status line")


class Question(ModalScreen[None]):
    """A dialog through which the charts below are seen."""

    CSS = "Question { align: center middle; } Question Static { width: 30; height: 3; }"

    def compose(self) -> ComposeResult:
        yield Static("stop?")


def loss(steps: int) -> ChartModel:
    x = np.arange(1000.0)[:steps]
    noise = np.random.default_rng(5).normal(0, 0.1, 1000)[:steps]
    return ChartModel("loss", (Curve("train", x, 0.4 + 2 * np.exp(-x / 150) + noise),))


async def test_the_terminal_shows_what_the_screen_holds_after_many_partial_updates() -> None:
    app, terminal = TwoCharts(), Terminal()
    async with app.run_test(size=(WIDTH, HEIGHT)) as pilot:
        app.attach(terminal)
        app.refresh(layout=True)
        await pilot.pause()
        left, right = app.query(Chart)
        for steps in range(610, 1000, 30):
            left.show(loss(steps))
            await pilot.pause()
            right.show(loss(steps - 5))
            await pilot.pause()

        held = [strip.text.rstrip() for strip in app.screen._compositor.render_strips()]
        assert terminal.text == held


async def test_only_what_changed_is_composed_and_the_screen_is_right_below_a_dialog_too() -> None:
    dirty_rows.install()
    app, terminal = TwoCharts(), Terminal()
    async with app.run_test(size=(WIDTH, HEIGHT)) as pilot:
        app.attach(terminal)
        app.refresh(layout=True)
        await pilot.pause()
        left, right = app.query(Chart)
        status = app.query_one(Static)
        status.update("another line")
        left.show(loss(640))
        await pilot.pause()
        await app.push_screen(Question())
        await pilot.pause()
        for steps in range(650, 900, 50):
            right.show(loss(steps))
            app.screen.query_one(Static).update(f"stop at step {steps}?")
            await pilot.pause()
            held = [strip.text.rstrip() for strip in app.screen._compositor.render_strips()]
            assert terminal.text == held
        assert any("stop at step 850?" in row for row in terminal.text)
        app.pop_screen()
        left.show(loss(980))
        await pilot.pause()

        held = [strip.text.rstrip() for strip in app.screen._compositor.render_strips()]
        assert terminal.text == held


async def test_a_widget_without_a_change_is_not_asked_for_its_rows(monkeypatch) -> None:
    dirty_rows.install()
    app, terminal = TwoCharts(), Terminal()
    async with app.run_test(size=(WIDTH, HEIGHT)) as pilot:
        app.attach(terminal)
        await pilot.pause()
        left, right = app.query(Chart)
        status = app.query_one(Static)
        asked = []
        for widget in (left, right, status):
            original = widget.render_lines
            monkeypatch.setattr(
                widget, "render_lines", lambda crop, of=widget, do=original: asked.append(of) or do(crop)
            )
        status.update("another line")
        left.show(loss(640))
        await pilot.pause()

        assert left in asked
        assert status in asked
        assert right not in asked


async def test_a_live_chart_at_four_updates_a_second_costs_less_than_a_kilobyte_a_second() -> None:
    """Two steps an update, as of a training with eight steps a second; axes that move are included."""
    app, terminal = TwoCharts(), Terminal()
    async with app.run_test(size=(WIDTH, HEIGHT)) as pilot:
        app.attach(terminal)
        await pilot.pause()
        left = app.query(Chart).first()
        left.TITLE_SECONDS = 3600.0  # type: ignore[misc]
        left.show(loss(601))
        await pilot.pause()
        terminal.bytes = 0
        for steps in range(602, 722, 2):
            left.show(loss(steps))
            await pilot.pause()

        seconds = 60 / 4
        title_bytes_a_second = 250
        assert 0 < terminal.bytes / seconds < 1000 - title_bytes_a_second


async def test_an_idle_chart_sends_nothing() -> None:
    app, terminal = TwoCharts(), Terminal()
    async with app.run_test(size=(WIDTH, HEIGHT)) as pilot:
        await pilot.pause()
        app.attach(terminal)
        for _ in range(20):
            app.query(Chart).first().show(loss(600))
            await pilot.pause()

        assert terminal.bytes == 0


def styles_of_cells(sent: str) -> dict[tuple[int, int], tuple[str, str]]:
    """Each cell's character and style, as a terminal that knows all of SGR paints them."""
    cells, look, x, y = {}, "", 0, 0
    for token in _TOKEN.finditer(sent):
        if token[1]:
            y, x = int(token[1]), int(token[2])
        elif token[0].endswith("m") and token[0].startswith("\x1b["):
            look = painted(look, token[0][2:-1])
        elif not token[0].startswith("\x1b"):
            for char in token[0]:
                seen = look if char != " " or re.search(r"\b[479]\b", attributes(look)) else ground(look)
                cells[x, y] = (char, seen)
                x += 1
    return cells


def painted(look: str, codes: str) -> str:
    """The look as ``attributes|ink|ground`` after SGR codes."""
    marks, ink, back = (look or "||").split("|")
    for code in re.findall(r"[34]8;5;\d+|[34]8;2;\d+;\d+;\d+|\d+", codes or "0"):
        if code == "0":
            marks, ink, back = "", "", ""
        elif code in ("22", "27"):
            marks = " ".join(each for each in marks.split() if each not in {"22": "12", "27": "7"}[code])
        elif code[0] == "3":
            ink = "" if code == "39" else code
        elif code[0] == "4" and len(code) > 1:
            back = "" if code == "49" else code
        else:
            marks = " ".join(sorted({*marks.split(), code}))
    return "|".join((marks, ink, back)) if marks or ink or back else ""


def attributes(look: str) -> str:
    return look.split("|")[0]


def ground(look: str) -> str:
    return look.split("|")[-1]


def test_colours_that_hold_already_are_not_sent_again_and_every_cell_looks_the_same():
    random = np.random.default_rng(3)
    styles = [
        "",
        "1",
        "2",
        "7",
        "1;7",
        "38;5;9",
        "38;2;1;2;3",
        "31",
        "1;31;42",
        "31;48;5;233",
        "38;5;9;48;5;233",
    ]
    for _ in range(300):
        pieces = []
        for style in random.choice(styles, 8):
            jump = f"\x1b[{random.integers(1, 9)};{random.integers(1, 9)}H" if random.random() < 0.4 else ""
            text = ["ab", " ", "c  "][random.integers(3)]
            pieces.append(jump + (f"\x1b[{style}m{text}\x1b[0m" if style else text))
        sent = "".join(pieces)

        assert styles_of_cells(lean(sent)) == styles_of_cells(sent)
        assert len(lean(sent)) <= len(sent)


def test_a_change_of_one_colour_sends_that_colour_alone():
    one, other = "\x1b[38;5;251;48;5;233m", "\x1b[38;5;246;48;5;233m"

    assert lean(f"{one}a\x1b[0m{other}b\x1b[0m") == f"{one}a\x1b[38;5;246mb\x1b[m"
    assert lean(f"{one}a\x1b[0m{other}  \x1b[0m{one}b\x1b[0m") == f"{one}a  b\x1b[m"
