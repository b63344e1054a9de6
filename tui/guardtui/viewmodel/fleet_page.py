"""The whole list of runs as lines, for printing."""

from __future__ import annotations

from guardtui.glyphs import Glyphs
from guardtui.snapshot import Snapshot
from guardtui.text import Line
from guardtui.viewmodel import fleet
from guardtui.viewmodel.filtering import Filter
from guardtui.viewmodel.fleet_title import empty_lines, title_line
from guardtui.viewmodel.listing import Lister, Wish


def page_lines(snapshot: Snapshot, width: int, g: Glyphs, sought: Filter | None = None) -> list[Line]:
    """Title, heads of columns and every run that is sought, worst signal first; what to do where there is
    none."""
    wish = Wish(sought=sought or Filter())
    listed = Lister().listed(snapshot.runs, wish)
    if not listed.runs:
        return empty_lines(snapshot, listed, wish, width)
    columns = fleet.Placer().placed(width, listed.runs)
    rows = [fleet.row(view, columns, fleet.Marks(), g) for view in listed.runs]
    return [title_line(snapshot, listed, wish, width, g), (), fleet.header(columns, g=g), *rows]
