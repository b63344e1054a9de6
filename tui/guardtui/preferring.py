"""What a person chooses for good: colours, how charts are drawn, alerts; and the palette that offers it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Final, cast

from textual.timer import Timer

from guardtui import glyphs, theme
from guardtui.acting import ActingApp
from guardtui.glyphs import Glyphs
from guardtui.keys import Where
from guardtui.settings import SettingsStore
from guardtui.snapshot import Snapshot
from guardtui.viewmodel.alerting import Alert, Lookout
from guardtui.viewmodel.palette import Entry, Setting, entries

if TYPE_CHECKING:
    from pathlib import Path

    from guardtui.chart.ink import Ink
    from guardtui.widgets.framed import Framed

_INKS: Final = (
    ("", "what fits the terminal"),
    ("braille", "braille"),
    ("block", "blocks"),
    ("ascii", "ASCII"),
)


class PreferringApp(ActingApp):
    """The half of the dashboard that knows its user."""

    settings: SettingsStore
    glyphs: Glyphs
    on_act = ""
    """A command for alerts, for this time; "": the one of the settings."""

    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        self._lookout = Lookout()
        self._alerts: list[Alert] = []
        self._alarmed: Timer | None = None

    def look_out(self, snapshot: Snapshot) -> None:
        """Tell of what is new and bad, as the person likes to be told."""
        self._alerts += self._lookout.news(snapshot)
        if self._alerts and self._alarmed is None:
            self._alarm()

    def _alarm(self) -> None:
        from guardtui import alarm  # not before the first frame

        told, self._alerts, self._alarmed = self._alerts, [], None
        if not told:
            return
        self._alarmed = self.set_timer(alarm.PAUSE_S, self._alarm)
        kept = self.settings.current
        if kept.bell:
            self.bell()
        if kept.desktop and self._driver is not None:
            self._driver.write(alarm.desktop_sequence(alarm.words_of(told)))
        command = self.on_act or kept.on_act
        if command:
            self._in_background((), lambda: alarm.run_command(command, told), self._said)

    def _said(self, problem: str) -> None:
        if problem:
            self.notify(problem, severity="warning")

    @property
    def ink(self) -> Ink:
        """What charts are drawn with."""
        from guardtui.chart.ink import choose_ink

        return choose_ink(ascii_only=self.glyphs is glyphs.ASCII, wished=self.settings.current.chart_ink)

    def action_theme(self) -> None:
        """The next colours, kept for the next time."""
        self.action_set_theme(theme.next_theme(self.theme))

    def action_set_theme(self, name: str) -> None:
        """These colours, kept for the next time."""
        self.theme = name
        self.settings.change(theme=name)

    def action_set_ink(self, name: str) -> None:
        """Draw charts with this from now on."""
        self.settings.change(chart_ink=name)
        for screen in self.screen_stack:
            for drawn in screen.query("Chart, ChartLegend"):
                cast("Framed", drawn).renew()

    def action_turn(self, name: str) -> None:
        """Turn a setting on or off."""
        self.settings.change(**{name: not getattr(self.settings.current, name)})
        now = "on" if getattr(self.settings.current, name) else "off"
        self.notify(f"{_ALERTS[name]}: {now}", timeout=3)

    def offered_settings(self) -> list[Setting]:
        """Settings for the palette."""
        kept = self.settings.current
        found = [
            Setting(f"colours: {name}", f"app.set_theme('{each.name}')", each.name == self.theme, "theme")
            for name, each in theme.NAMES.items()
        ]
        found += [
            Setting(f"chart ink: {words}", f"app.set_ink('{name}')", kept.chart_ink == name, "setting")
            for name, words in _INKS
        ]
        found += [
            Setting(
                f"{words}: turn {'off' if getattr(kept, name) else 'on'}",
                f"app.turn('{name}')",
                words="alerts setting",
            )
            for name, words in _ALERTS.items()
        ]
        return found

    def palette_entries(self, places: tuple[Where, ...], idle: Mapping[str, str]) -> list[Entry]:
        """All that can be done at these places."""
        return entries(
            places, self.offered_settings(), self.snapshot.runs, self.glyphs,
            readonly=self.readonly, idle=idle,
        )  # fmt: skip

    def action_palette(self) -> None:
        """Everything by name."""
        from guardtui.screens.board import BoardScreen
        from guardtui.screens.palette import PaletteScreen

        below = self.screen
        if isinstance(below, BoardScreen) and not below.is_modal:
            self.push_screen(PaletteScreen(self.palette_entries(below.places, below.idle), self._do))

    def _do(self, entry: Entry) -> None:
        if entry.run is not None:
            self.go_to(entry.run)
        else:
            self.run_worker(self.run_action(entry.action, default_namespace=self.screen), exit_on_error=False)

    def go_to(self, path: Path) -> None:
        """One run on a screen of its own."""
        raise NotImplementedError


_ALERTS: Final = {"bell": "bell on an alert", "desktop": "desktop notification on an alert"}
