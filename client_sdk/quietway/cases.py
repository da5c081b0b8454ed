"""Case references: one's own, and another for each agency that a case is spoken of with.

What leaves this device never carries the reference that is used here. Each agency gets an alias of
its own, random to them and kept, so two agencies that compare what they hold find nothing in
common, and the same agency sees one case under one name. What an agency calls a case itself goes
back to that agency as it came. What is shown here is one's own reference again.

Spec: docs/reference/sdk.md.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Final, TypeVar

from quietway.ports import Put
from quietway_crypto.encoding import TAG_CASE_ALIAS
from quietway_crypto.kdf import hmac_tagged
from quietway_schemas.content.base import CaseContent
from quietway_schemas.ids import AgencyId, CaseRef

if TYPE_CHECKING:
    from collections.abc import Iterable

    from quietway.ports import Row
    from quietway_crypto.secret import Secret
    from quietway_schemas.content.base import ContentModel

CASE_ALIAS: Final = "case_alias"
_ID_BYTES: Final = 16
_Content = TypeVar("_Content", bound="ContentModel")


class CaseBook:
    """The aliases that were given out, by case and agency.

    Attributes:
        turn: Held while an alias is drawn and written, so that nobody gets two for one case.
    """

    def __init__(self) -> None:
        self.turn = asyncio.Lock()
        self._aliases: dict[tuple[CaseRef, AgencyId], CaseRef] = {}
        self._cases: dict[tuple[CaseRef, AgencyId], CaseRef] = {}
        self._called: dict[CaseRef, set[CaseRef]] = {}

    @classmethod
    def restore(cls, rows: Iterable[Row]) -> CaseBook:
        """Bring back what the store holds."""
        made = cls()
        for row in rows:
            made.add(*read_alias(row.key, row.value))
        return made

    def find(self, case: CaseRef, agency: AgencyId) -> CaseRef | None:
        """Give what an agency knows a case by, None where it was never told of it."""
        return self._aliases.get((case, agency))

    def names(self, case: CaseRef) -> frozenset[CaseRef]:
        """List all that a case may be called in what was said, one's own reference among it."""
        return frozenset({case, *self._called.get(case, ())})

    def list_opened(self, agency: AgencyId) -> list[CaseRef]:
        """List the cases that this agency opened: it is told of them under their own reference."""
        return [
            case
            for (case, told), alias in self._aliases.items()
            if told == agency and alias != mark_drill(case)
        ]

    def is_drill(self, case: CaseRef, agency: AgencyId) -> bool:
        """Say whether this agency drew a case for a drill."""
        return self.find(case, agency) == mark_drill(case)

    def add(
        self, case: CaseRef, agency: AgencyId, alias: CaseRef, heard: CaseRef | None = None
    ) -> None:
        """Take in an alias that is on the disk, and what else that agency calls the case."""
        self._aliases[case, agency] = alias
        for called in (alias, heard):
            if called is not None:
                self._cases[called, agency] = case
                self._called.setdefault(case, set()).add(called)

    def own_case(self, called: CaseRef, agency: AgencyId) -> CaseRef:
        """Give one's own reference for what a case is called with an agency."""
        # Only what this very agency was given: another one that shows the same alias has it from
        # somewhere, and is not believed to speak of this case.
        return self._cases.get((called, agency), called)

    def translate(self, content: _Content, agency: AgencyId) -> _Content:
        """Show one's own reference in what was said to or by an agency."""
        if not isinstance(content, CaseContent) or content.case_ref is None:
            return content
        case = self.own_case(content.case_ref, agency)
        if case == content.case_ref:
            return content
        return content.model_copy(update={"case_ref": case})


def mark_drill(case: CaseRef) -> CaseRef:
    """Give what an agency itself calls a case of a drill: never the case, so it is none to list."""
    return CaseRef(bytes(byte ^ 0xFF for byte in case.value))


def write_alias(
    case: CaseRef, agency: AgencyId, alias: CaseRef, heard: CaseRef | None = None
) -> Put:
    """Turn an alias into a row; with `heard`, what else that agency calls the case."""
    also = b"" if heard is None else heard.value
    return Put(CASE_ALIAS, case.value + agency.value, alias.value + also)


def read_alias(key: bytes, value: bytes) -> tuple[CaseRef, AgencyId, CaseRef, CaseRef | None]:
    """Read a row back: case, agency, alias, and what else that agency calls the case.

    Raises:
        IdError: It does not have the right number of bytes.
    """
    also = value[_ID_BYTES:]
    return (
        CaseRef(key[:_ID_BYTES]),
        AgencyId(key[_ID_BYTES:]),
        CaseRef(value[:_ID_BYTES]),
        CaseRef(also) if also else None,
    )


def make_alias(case: CaseRef, agency: AgencyId, key: Secret) -> CaseRef:
    """Make an alias: random to whoever has not the key, the same on each device that has it.

    Args:
        case: By one's own reference.
        agency: Whom it is for.
        key: This agency's naming key.
    """
    return CaseRef(hmac_tagged(key, TAG_CASE_ALIAS, case.value + agency.value)[:_ID_BYTES])
