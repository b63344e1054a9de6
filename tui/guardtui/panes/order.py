"""Which panes the run screen has, in the order of their digits."""

from __future__ import annotations

from typing import Final

from guardtui.panes.charts import ChartsPane
from guardtui.panes.origin import OriginPane
from guardtui.panes.output import OutputPane
from guardtui.panes.pane import Pane
from guardtui.panes.signals import SignalsPane

PANES: Final[tuple[type[Pane], ...]] = (ChartsPane, SignalsPane, OutputPane, OriginPane)
