"""NATS JetStream under the stopwatch: one server, one stream on the disk, one subject a mailbox.

Two settings are compared. `always` syncs each message before it is acknowledged, which is what our
"accepted" promises; `default` syncs every two minutes, so a power cut loses what was acknowledged.

Source: https://docs.nats.io/running-a-nats-service/configuration/resource_management
"""

from __future__ import annotations

import json
import os
import shutil
import socket
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Literal, Self

from bench.load.nats import CONNECT, SUBJECTS
from bench.processes import NotMeasuredError, Process

if TYPE_CHECKING:
    from collections.abc import Sequence

STREAM: Final = {
    "name": "QUIETWAY",
    "subjects": [f"{SUBJECTS}.*"],
    "storage": "file",
    "retention": "limits",
    "num_replicas": 1,
}
_PATIENCE_SECONDS: Final = 10.0


class JetStream:
    """A server with an empty stream.

    Args:
        folder: Where its store goes.
        sync: `always`, or the server's own default.
        mailboxes: In hexadecimal, agency by agency; each is a subject.
    """

    def __init__(
        self,
        folder: Path,
        *,
        sync: Literal["always", "default"],
        mailboxes: Sequence[Sequence[str]],
    ) -> None:
        self.store = folder / "store"
        self._mailboxes = [list(agency) for agency in mailboxes]
        interval = "sync_interval: always" if sync == "always" else ""
        configuration = folder / "nats.conf"
        configuration.write_text(
            f'host: 127.0.0.1\nport: -1\nports_file_dir: "{folder}"\n'
            f'jetstream {{ store_dir: "{self.store}"\n{interval} }}\n',
            "utf-8",
        )
        self.process = Process(
            [find_server(), "--config", str(configuration)],
            log=folder / "nats.log",
            environment=os.environ,
        )
        self._ports = folder / f"nats-server_{self.process.pid}.ports"
        self.port = int(self.process.wait_until(self._find_port))
        self._make_stream()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.process.end()

    def target(self) -> dict[str, Any]:
        """Give what a load must know."""
        return {
            "port": self.port,
            "pid": self.process.pid,
            "agencies": self._mailboxes,
            "lanes": [],
        }

    def _find_port(self) -> str:
        try:
            (address,) = json.loads(self._ports.read_text("utf-8"))["nats"]
        except (OSError, ValueError):
            return ""
        return str(address).rpartition(":")[2]

    def _make_stream(self) -> None:
        body = json.dumps(STREAM).encode()
        request = b"PUB $JS.API.STREAM.CREATE.QUIETWAY _INBOX.make %d\r\n%s\r\n" % (len(body), body)
        with socket.create_connection(("127.0.0.1", self.port), _PATIENCE_SECONDS) as connection:
            connection.sendall(CONNECT + b"SUB _INBOX.make 1\r\n" + request)
            answer = b""
            while b"MSG _INBOX.make" not in answer or not answer.endswith(b"}\r\n"):
                if not (more := connection.recv(65536)):
                    break
                answer += more
        if b'"error"' in answer or b'"created"' not in answer:
            raise NotMeasuredError(f"JetStream made no stream: {answer[-300:]!r}")


def find_server() -> str:
    """Find the server that `make install` has put beside Python, or one on the path.

    Raises:
        NotMeasuredError: There is none.
    """
    beside = Path(sys.executable).with_name("nats-server")
    found = str(beside) if beside.exists() else shutil.which("nats-server")
    if found is None:
        raise NotMeasuredError("nats-server is not installed (make install)")
    return found
