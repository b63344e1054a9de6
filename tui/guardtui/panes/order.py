"""Which panes the run screen has, in the order of their digits."""

from __future__ import annotations

from typing import Final

from guardtui.panes.audit import AuditPane
from guardtui.panes.charts import ChartsPane
from guardtui.panes.origin import OriginPane
from guardtui.panes.output import OutputPane
from guardtui.panes.pane import Pane
from guardtui.panes.ranks import RanksPane
from guardtui.panes.saved import SavedPane
from guardtui.panes.signals import SignalsPane
from guardtui.panes.system import SystemPane

PANES: Final[tuple[type[Pane], ...]] = (
    ChartsPane, SignalsPane, SystemPane, RanksPane, SavedPane, OutputPane, OriginPane, AuditPane,
)  # fmt: skip
