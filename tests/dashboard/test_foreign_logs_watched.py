"""A log of another tool in the real dashboard, over real files, while somebody else writes it."""

from __future__ import annotations

from pathlib import Path

from dashboard_pilot import screen_text, shows, until
from guardtui.app import Dashboard
from guardtui.screens.run import RunScreen


async def test_a_log_appears_grows_is_judged_and_can_only_be_watched(tmp_path: Path) -> None:
    path = tmp_path / "version_7" / "metrics.csv"
    path.parent.mkdir()
    rows = [f"{step},{1 / step:.4f},0.001\n" for step in range(1, 31)]
    path.write_text("step,train_loss,lr-SGD\n" + "".join(rows))
    app = Dashboard([tmp_path])
    async with app.run_test(size=(120, 30)) as pilot:
        await shows(pilot, "version_7", "quiet", "step 30", "TOOL")

        with path.open("a") as file:
            file.write("31,nan,0.001\n")
        await shows(pilot, "running", "step 31", "nan")

        await pilot.press("enter")
        await until(pilot, lambda: isinstance(app.screen, RunScreen))
        await shows(pilot, "not started by guard: watched only", "NaN from 31")
        await pilot.press("7")
        await shows(pilot, "train/loss", "from train_loss", "cannot be stopped from here")
        await pilot.press("s")
        await shows(pilot, "guard did not start its training and", "esc close")
        await pilot.press("escape")
        await pilot.press("a")
        await until(pilot, lambda: any("nothing was written" in each.message for each in app._notifications))
        assert "Traceback" not in screen_text(app)
    assert [each.name for each in tmp_path.rglob("*")] == ["version_7", "metrics.csv"]
