"""The terminal of soak and measurements tells what the program did, not how busy the machine was."""

from __future__ import annotations

import sys
import time

from benchmarks.dashboard_cost.terminal import Terminal

ECHOES = (
    "import sys; print('ready', flush=True)\nfor line in sys.stdin: print('got', line.strip(), flush=True)"
)


def test_what_a_program_sent_in_time_counts_though_reading_it_took_longer() -> None:
    with Terminal([sys.executable, "-c", ECHOES], width=40, height=12) as terminal:
        terminal.shows("ready")
        terminal.press("one\n")

        def slow(text: str) -> bool:
            if "got one" in text and "got two" not in text and not asked:
                asked.append(terminal.press("two\n"))
                terminal.next_byte(asked[0])
                terminal.settle(0.2)
                while time.monotonic() < began + patience:
                    time.sleep(0.05)
            return "got two" in text

        asked: list[float] = []
        patience, began = 4.0, time.monotonic()
        assert terminal.when(slow, patience) < began + patience
