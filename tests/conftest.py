"""What every test may use: the real data beside the project, where it is there."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from tests.postgres_server import PostgresServer, empty_tables

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

# No test puts anything into the keyring of whoever runs it; processes they start inherit this.
os.environ["PYTHON_KEYRING_BACKEND"] = "keyring.backends.null.Keyring"
SHARED = Path(__file__).resolve().parents[2] / "shared"


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[PostgresServer]:
    """Give a PostgreSQL that the tests of this process share; who stops it starts it again."""
    with PostgresServer() as server:
        yield server


@pytest.fixture(scope="session")
def shared_postgres(postgres_server: PostgresServer) -> str:
    """Give the address of a database that one test after the other uses."""
    return postgres_server.make_database()


@pytest.fixture
def empty_postgres(postgres_server: PostgresServer, shared_postgres: str) -> str:
    """Give the address of a database in which nothing stands, though its tables may be there."""
    empty_tables(postgres_server, shared_postgres)
    return shared_postgres


@pytest.fixture
def new_postgres(postgres_server: PostgresServer) -> Iterator[str]:
    """Give the address of a database of the test's own."""
    address = postgres_server.make_database()
    yield address
    postgres_server.drop_database(address)


@pytest.fixture
def shared() -> Callable[[str], Path]:
    """Give the path of a file of the vectors and samples that stand beside the project.

    Where they are missing the test fails if CI is set; elsewhere it is counted as not run, the one
    permitted skip.
    """

    def find(name: str) -> Path:
        path = SHARED / name
        if path.exists():
            return path
        if os.environ.get("CI"):
            pytest.fail(f"../shared/{name} is missing, and CI is set.")
        pytest.skip("../shared is not here")

    return find


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    for report in terminalreporter.stats.get("passed", []):
        for name, told in report.user_properties:
            if name == "told":
                terminalreporter.write_line(told)
    missing = len(terminalreporter.stats.get("skipped", []))
    if missing:
        terminalreporter.write_line(
            f"{missing} tests of real data were not run: the folder ../shared is not here."
        )
