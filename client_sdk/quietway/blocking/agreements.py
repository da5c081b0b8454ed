"""`Agreements`, for programs without an event loop.

Each method does what its namesake of `AsyncAgreements` does.

Spec: docs/reference/sdk.md.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import builtins
    from collections.abc import Iterable

    from quietway.blocking.loop import Loop
    from quietway.faces.agreements import AgreementReport, AsyncAgreements
    from quietway.reports import Sent
    from quietway.speaking import Addressee
    from quietway_schemas.content.agreement import AgreementCell
    from quietway_schemas.instants import Instant


class Agreements:
    """Agreements on what may flow between agencies."""

    def __init__(self, face: AsyncAgreements, loop: Loop) -> None:
        self._face = face
        self._loop = loop

    def draft(
        self,
        name: str,
        *,
        parties: Iterable[Addressee],
        matrix: Iterable[AgreementCell],
        expires: Instant,
        review_by: Instant | None = None,
        effective: Instant | None = None,
        words: str | None = None,
    ) -> AgreementReport:
        """Write an agreement that nobody has signed yet; see `AsyncAgreements.draft`."""
        return self._loop.run(
            self._face.draft,
            name,
            parties=parties,
            matrix=matrix,
            expires=expires,
            review_by=review_by,
            effective=effective,
            words=words,
        )

    def take(self, raw: bytes) -> AgreementReport:
        """Take in a file that a partner handed over."""
        return self._loop.run(self._face.take, raw)

    def show(self, agreement: bytes) -> AgreementReport:
        """Say what an agreement says, who has signed it, and whether it counts."""
        return self._loop.run(self._face.show, agreement)

    def explain(self, agreement: bytes, language: str = "en") -> str:
        """Explain an agreement in plain words; see `AsyncAgreements.explain`."""
        return self._loop.run(self._face.explain, agreement, language)

    def sign(self, agreement: bytes, *, passphrase: str) -> AgreementReport:
        """Sign for this agency; see `AsyncAgreements.sign`."""
        return self._loop.run(self._face.sign, agreement, passphrase=passphrase)

    def share(self, agreement: bytes) -> tuple[Sent, ...]:
        """Send the terms and the signatures that are here to the other parties."""
        return self._loop.run(self._face.share, agreement)

    def end(self, agreement: bytes, *, passphrase: str) -> AgreementReport:
        """End an agreement for all its parties, and tell them."""
        return self._loop.run(self._face.end, agreement, passphrase=passphrase)

    def list(self) -> builtins.list[AgreementReport]:
        """List all agreements that this agency is a party to."""
        return self._loop.run(self._face.list)

    def due_for_review(self) -> builtins.list[AgreementReport]:
        """List those in force that are to be looked at again soon."""
        return self._loop.run(self._face.due_for_review)
