"""The widget on a screen: every size, only what changed, and the value under the mouse."""

from __future__ import annotations

from unittest.mock import patch

import numpy as np
import pytest
from textual.app import App, ComposeResult
from textual.geometry import Region

from guardtui.chart.model import ChartModel, Curve, Mark
from guardtui.widgets.chart import Chart


def loss(steps: int = 500, *, nan_at: int | None = None, log_y: bool = False) -> ChartModel:
    """A falling loss of some steps."""
    x = np.arange(float(steps))
    y = 0.2 + 2 * np.exp(-x / 150)
    if nan_at is not None:
        y[nan_at] = np.nan
    return ChartModel("loss", (Curve("train", x, y),), (Mark(steps / 2, "best", "best"),), log_y=log_y)


class OneChart(App[None]):
    """An app of nothing but a chart."""

    def __init__(self, model: ChartModel | None = None) -> None:
        super().__init__()
        self.chart = Chart(model)
        self.hovered: list[float | None] = []

    def compose(self) -> ComposeResult:
        yield self.chart

    def on_chart_hovered(self, message: Chart.Hovered) -> None:
        self.hovered.append(message.x)


def on_screen(app: App[None]) -> str:
    """The characters of the screen as the compositor puts them together."""
    return "\n".join(strip.text.rstrip() for strip in app.screen._compositor.render_strips())


@pytest.mark.parametrize("size", [(1, 1), (24, 5), (80, 24), (200, 50)], ids=str)
async def test_the_screen_shows_the_frame_at_any_size(size: tuple[int, int]) -> None:
    app = OneChart(loss())
    async with app.run_test(size=size) as pilot:
        await pilot.pause()

        assert app.chart.frame is not None
        assert on_screen(app) == app.chart.frame.text()
        assert app.chart.frame.chars.shape == size[::-1]


async def test_a_chart_follows_its_new_size() -> None:
    app = OneChart(loss())
    async with app.run_test(size=(80, 24)) as pilot:
        await pilot.resize_terminal(50, 12)
        await pilot.pause()

        assert app.chart.frame is not None
        assert app.chart.frame.chars.shape == (12, 50)
        assert on_screen(app) == app.chart.frame.text()


async def test_without_data_it_says_so() -> None:
    app = OneChart()
    async with app.run_test(size=(40, 9)) as pilot:
        await pilot.pause()

        assert on_screen(app).strip() == "no data yet"


async def test_border_and_padding_leave_the_picture_whole() -> None:
    app = OneChart(loss())
    async with app.run_test(size=(60, 20)) as pilot:
        app.chart.styles.border = ("solid", "white")
        app.chart.styles.padding = (1, 2)
        await pilot.pause()

        rows = on_screen(app).splitlines()
        assert app.chart.frame is not None
        assert [row[3:57].rstrip() for row in rows[2:18]] == app.chart.frame.text().splitlines()


async def test_nothing_is_refreshed_when_nothing_changed() -> None:
    app = OneChart(loss())
    async with app.run_test(size=(80, 24)) as pilot:
        await pilot.pause()
        with patch.object(app.chart, "refresh") as refresh:
            app.chart.show(loss())

        refresh.assert_not_called()


async def test_new_points_refresh_only_the_cells_they_change() -> None:
    app = OneChart(loss(640))
    async with app.run_test(size=(80, 24)) as pilot:
        await pilot.pause()
        with patch.object(app.chart, "refresh") as refresh:
            app.chart.show(loss(650))

        regions: tuple[Region, ...] = refresh.call_args.args
        picture = [region for region in regions if 0 < region.y < 22]
        assert 1 <= len(picture) <= 3
        assert sum(region.width for region in picture) <= 12


async def test_what_partial_updates_leave_on_the_screen_is_the_whole_picture() -> None:
    """The spans sent to the terminal, painted over the screen before, give the screen after."""
    app = OneChart(loss(640))
    async with app.run_test(size=(80, 24)) as pilot:
        await pilot.pause()
        app.chart.TITLE_SECONDS = 0.0  # type: ignore[misc]
        before = app.chart.frame
        app.chart.show(loss(700, nan_at=690))
        after = app.chart.frame
        await pilot.pause()

        assert before is not None
        assert after is not None
        assert on_screen(app) == after.text()
        assert "NaN" in after.row_text(0)


async def test_title_values_are_held_back_but_news_is_not() -> None:
    """Live values alone change the title once a second; a NaN changes it at once."""
    app = OneChart(loss(640))
    async with app.run_test(size=(80, 24)) as pilot:
        await pilot.pause()
        app.chart.TITLE_SECONDS = 3600.0  # type: ignore[misc]
        app.chart.show(loss(641))
        assert app.chart.frame is not None
        title = app.chart.frame.row_text(0)

        app.chart.show(loss(200))
        held = app.chart.frame.row_text(0)
        app.chart.show(loss(700, nan_at=690))

        assert held == title
        assert "NaN" in app.chart.frame.row_text(0)


async def test_a_held_title_is_renewed_by_itself() -> None:
    app = OneChart(loss(640))
    async with app.run_test(size=(80, 24)) as pilot:
        await pilot.pause()
        app.chart.TITLE_SECONDS = 0.05  # type: ignore[misc]
        app.chart.show(loss(641))
        app.chart.show(loss(200))
        expected = f"{loss(200).curves[0].y[-1]:.4f}"
        for _ in range(100):
            await pilot.pause(0.02)
            if app.chart.frame is not None and expected in app.chart.frame.row_text(0):
                break

        assert app.chart.frame is not None
        assert expected in app.chart.frame.row_text(0)


async def test_the_mouse_reads_the_nearest_point_and_lets_go_of_it() -> None:
    app = OneChart(loss())
    async with app.run_test(size=(80, 24)) as pilot:
        await pilot.pause()
        await pilot.hover(Chart, offset=(40, 10))
        await pilot.pause()
        assert app.chart.frame is not None
        title = app.chart.frame.row_text(0)
        under = app.hovered[-1]

        await pilot.hover(Chart, offset=(0, 10))
        await pilot.pause()

        assert under is not None
        step = round(under)
        assert f"step {step}" in title
        assert f"{loss().curves[0].y[step]:.4f}" in title
        assert app.hovered[-1] is None
        assert "step" not in app.chart.frame.row_text(0)


async def test_another_theme_repaints_in_its_colours() -> None:
    app = OneChart(loss())
    async with app.run_test(size=(40, 9)) as pilot:
        app.theme = "textual-dark"
        await pilot.pause()
        dark = app.chart.render_line(3)
        app.theme = "textual-light"
        await pilot.pause()
        light = app.chart.render_line(3)

        assert dark.text == light.text
        assert list(dark) != list(light)
        assert [segment.style.bgcolor for segment in light if segment.style] != [
            segment.style.bgcolor for segment in dark if segment.style
        ]


async def test_ascii_and_no_colour_are_followed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GUARD_ASCII", "1")
    monkeypatch.setenv("NO_COLOR", "1")
    app = OneChart(loss())
    async with app.run_test(size=(60, 12)) as pilot:
        await pilot.pause()

        assert on_screen(app).isascii()
        strip = app.chart.render_line(3)
        assert all(segment.style is None or segment.style.color is None for segment in strip)
