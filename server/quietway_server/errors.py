"""Everything that the relay refuses or fails at, as one tree.

    RelayError
    ├── RefusedError            a request is refused, and has changed nothing
    ├── StoreError
    │   ├── StorageFullError    there is no room: this group of writes was undone, the relay goes on
    │   ├── StorageBusyError    another process holds the file: nothing was written, try again
    │   ├── StorageAwayError    the database can't be reached: it may or may not have been written
    │   ├── StorageConflictError  two writers met: nothing was written, each is tried by itself
    │   ├── StatementFailedError  a statement broke a rule of the tables: a bug, not the disk
    │   └── StorageFailedError  the disk failed: the process must end, and never try again
    ├── NotTakenError           a provider did not take a wake-up, or was not asked to
    └── StartError              the relay can't start; its sentence says what to do next

Errors carry codes, names of fields and numbers, never anything of a request.

Spec: docs/spec/relay-protocol.md, "Problems".
"""

from __future__ import annotations


class RelayError(Exception):
    """The root of the relay's errors."""


class RefusedError(RelayError):
    """A request is refused.

    Attributes:
        code: A code of `quietway_schemas.problems`.
        index: Which record of a batch, counted from 0.
        field: The name of a field, never its value.
        retry_after: Seconds after which to try again.
    """

    def __init__(
        self,
        code: str,
        *,
        index: int | None = None,
        field: str | None = None,
        retry_after: int | None = None,
    ) -> None:
        super().__init__(code)
        self.code = code
        self.index = index
        self.field = field
        self.retry_after = retry_after


class StoreError(RelayError):
    """The store could not do what it was asked."""


class StorageFullError(StoreError):
    """There is no room left. The transaction was undone."""

    def __init__(self) -> None:
        super().__init__("The disk, or the space given to the relay, is full: make room.")


class StorageBusyError(StoreError):
    """Another process, such as a sweep by hand, has held the file for too long."""

    def __init__(self) -> None:
        super().__init__("The database is held by another process: wait until it is done.")


class StorageAwayError(StoreError):
    """The database is away, or the connection to it broke. It is connected to again by itself.

    A commit that was under way then may have happened: whoever asked sends the same once more.
    """

    def __init__(self) -> None:
        super().__init__(
            "The database can't be reached: see that it runs; the relay goes on by itself."
        )


class StorageConflictError(StoreError):
    """The database let another one through first, and undid the transaction."""

    def __init__(self) -> None:
        super().__init__("The database undid what was written, for another's sake: try again.")


class StatementFailedError(StoreError):
    """A statement was refused by the database. It was undone, and the file is as sound as before.

    Were it taken for a failed disk, one request that meets a bug could end the relay.
    """

    def __init__(self) -> None:
        super().__init__("A statement broke a rule of the tables: nothing was written.")


class StorageFailedError(StoreError):
    """The disk failed. What the last commit left behind is known only after a new start."""

    def __init__(self) -> None:
        super().__init__(
            "The storage failed: the relay stops. Check the disk, then start it again."
        )


class NotTakenError(RelayError):
    """A wake-up or an alarm was not taken, and may be tried elsewhere, or again.

    Attributes:
        reason: `target` (not allowed), `name` (not resolved), `address` (not allowed),
            `connection`, `time`, or `status`.
    """

    def __init__(self, reason: str) -> None:
        super().__init__(f"The wake-up was not taken ({reason}): another endpoint is tried.")
        self.reason = reason


class StartError(RelayError):
    """The relay can't start. The message is one sentence for the operator, with what to do next."""
