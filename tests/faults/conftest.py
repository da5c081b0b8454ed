"""Begins with the faults, which take longest, and shows the figures of each as soon as it has them.

The figures are shown where the folder is run by itself.
"""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import TYPE_CHECKING, Final

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

_FIGURES: Final = "figures"
_FOLDER: Final = Path(__file__).parent


@pytest.fixture
def report(record_property: Callable[[str, object], None]) -> Callable[[str], None]:
    """Give what notes the figures of a test, whether it passes or fails."""
    return lambda figures: record_property(_FIGURES, figures)


class _Shown:
    def __init__(self, reporter: pytest.TerminalReporter) -> None:
        self._reporter = reporter

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        for name, value in report.user_properties:
            if report.when == "call" and name == _FIGURES:
                self._reporter.write_line(f"\n  {value}")


@pytest.fixture
def folder(tmp_path: Path) -> Iterator[Path]:
    """Give a folder that goes with the test: a campaign leaves too much to be kept."""
    yield tmp_path
    shutil.rmtree(tmp_path)


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    # Whichever process has them, the others take the rest off it meanwhile.
    items.sort(key=lambda item: item.path.parent != _FOLDER)


@pytest.hookimpl(trylast=True)
def pytest_configure(config: pytest.Config) -> None:
    reporter = config.pluginmanager.get_plugin("terminalreporter")
    if reporter is not None and not hasattr(config, "workerinput"):
        config.pluginmanager.register(_Shown(reporter))
