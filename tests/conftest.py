"""Keep the developer's machine out of the tests, and let CI refuse skipped ones."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import settings

settings.register_profile("busy", deadline=None)  # how long an example takes is up to the machine
settings.load_profile("busy")

_FAIL_ON_SKIP = "GUARD_TESTS_FAIL_ON_SKIP"


@pytest.fixture(autouse=True, scope="session")
def _quick_children() -> Iterator[None]:
    """What tests/children says of itself; for fixtures of every scope."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("OMP_NUM_THREADS", "1")
        patch.setenv("PYTHONPATH", str(Path(__file__).parent / "children"))
        yield


@pytest.fixture(autouse=True)
def _own_surroundings(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """No run directory, cache, colour setting or launcher variable of the caller reaches a test."""
    for name in list(os.environ):
        if name.startswith(("GUARDRUN_", "TORCHELASTIC_", "SLURM_")):
            monkeypatch.delenv(name)
    for name in (
        "RANK",
        "WORLD_SIZE",
        "LOCAL_RANK",
        "NO_COLOR",
        "FORCE_COLOR",
        "GUARD_ASCII",
        "GUARD_THEME",
        "COLUMNS",
        "LINES",
    ):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache-home"))
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config-home"))


def pytest_sessionfinish(session: pytest.Session) -> None:
    """A skipped test proves nothing: where everything was installed, it is a failure."""
    reporter = session.config.pluginmanager.get_plugin("terminalreporter")
    if os.environ.get(_FAIL_ON_SKIP) and reporter is not None and reporter.stats.get("skipped"):
        session.exitstatus = pytest.ExitCode.TESTS_FAILED
        reporter.write_line(f"{_FAIL_ON_SKIP}: skipped tests are failures here", red=True)
