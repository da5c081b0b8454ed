"""The blocking faces of what is due, and of what is taken to the next level.

Spec: docs/reference/sdk.md.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import builtins

    from quietway.blocking.loop import Loop
    from quietway.faces.due import AsyncDue
    from quietway.faces.escalations import AsyncEscalations
    from quietway.reports import Sent
    from quietway.views.due import Due as DueLine
    from quietway.views.escalations import Escalated
    from quietway_schemas.ids import ReferralRef


class Escalations:
    """Escalations: frontline, supervisory, leadership; a person raises each, and resolves it."""

    def __init__(self, face: AsyncEscalations, loop: Loop) -> None:
        self._face = face
        self._loop = loop

    def raise_(self, ref: ReferralRef | str, reason_code: str, *, level: int | None = None) -> Sent:
        """Take a referral to the next level; see `AsyncEscalations.raise_`."""
        return self._loop.run(self._face.raise_, ref, reason_code, level=level)

    def resolve(self, ref: ReferralRef | str, resolution: str) -> Sent:
        """Say that it is over, and what came of it; see `AsyncEscalations.resolve`."""
        return self._loop.run(self._face.resolve, ref, resolution)

    def list(self, ref: ReferralRef | str | None = None) -> builtins.list[Escalated]:
        """List the escalations, of one referral or of all, oldest first."""
        return self._loop.run(self._face.list, ref)


class Due:
    """What needs a person now."""

    def __init__(self, face: AsyncDue, loop: Loop) -> None:
        self._face = face
        self._loop = loop

    def list(self, *, mine: bool = False) -> builtins.list[DueLine]:
        """List what needs a person, the earliest first; see `AsyncDue.list`."""
        return self._loop.run(self._face.list, mine=mine)
