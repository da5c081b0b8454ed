"""Partners: invited, accepted, verified, found.

Spec: docs/reference/sdk.md.
"""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import replace
from typing import TYPE_CHECKING, Final

from quietway.engine.codec import write_row
from quietway.errors import ContentRefused, RelayError
from quietway.fingerprint import compare_fingerprint
from quietway.own.sharing import write_shared
from quietway.own.standing import check_secret
from quietway.partners import INVITED, PARTNER, PARTNER_BYTES, Invitation, PartnerRecord
from quietway.ports import Put
from quietway.speaking import find_partner, list_partners
from quietway_crypto.lanes import derive_lane
from quietway_crypto.secret import Secret

if TYPE_CHECKING:
    from collections.abc import Iterator

    from quietway.agent import Agent
    from quietway.partners import Partner
    from quietway.speaking import Addressee

MOST_LABEL_BYTES: Final = 500
"""The agency's devices tell each other what a partner is called."""


class AsyncPartners:
    """Whom this agency works with."""

    def __init__(self, agent: Agent) -> None:
        self._agent = agent

    async def invite(self, label: str) -> Invitation:
        """Make an invitation for one agency, and let its lane be known to the relay.

        Args:
            label: What you call them, for your own records.

        Returns:
            Hand its `to_text()` over by a way that both of you trust. It is a secret: whoever holds
            it can send to you.

        Raises:
            SecretAwaited: This device was linked a moment ago, and could not be written to.
            ContentRefused: The label is too long.
        """
        check_secret(self._agent.standing)
        if len(label.encode()) > MOST_LABEL_BYTES:
            raise ContentRefused("label", f"is longer than {MOST_LABEL_BYTES} bytes.")
        agent, keyring = self._agent, self._agent.keyring
        partner = agent.entropy.draw(PARTNER_BYTES)
        row = write_row(label=label, at=agent.clock.now())
        await write_shared(agent, Put(INVITED, partner, row))
        with _offline_is_fine():
            await agent.check_clock()
            await agent.publish_what_is_new()
        return Invitation(
            relay=keyring.relay,
            agency_id=keyring.agency,
            agency_code=keyring.agency_code,
            root_key=keyring.root_key,
            partner=partner,
            lane=Secret(derive_lane(keyring.agency_secret, partner)),
        )

    async def add(
        self, invitation: Invitation | str, *, label: str | None = None, spoken: str | None = None
    ) -> Partner:
        """Accept an invitation: pin its agency's root key, and learn its devices.

        Args:
            invitation: Theirs.
            label: What you call them.
            spoken: Their fingerprint as they read it out, compared before anything is pinned; see
                `verify`. An agency that shows another root key than before is taken only so.

        Raises:
            ContentRefused: It is not an invitation, or it is this agency's own; or what was typed
                is not whole.
            IdentityChanged: The agency was accepted with another root key. That one stays.
            FingerprintDiffers: Stop: it is not theirs. Nothing was pinned.
        """
        agent = self._agent
        if isinstance(invitation, str):
            invitation = Invitation.from_text(invitation)
        if label is not None and len(label.encode()) > MOST_LABEL_BYTES:
            raise ContentRefused("label", f"is longer than {MOST_LABEL_BYTES} bytes.")
        agency, root_key = invitation.agency_id, invitation.root_key
        if agency == agent.keyring.agency:
            raise ContentRefused("invitation", "is this agency's own: give it to a partner.")
        former = agent.lanes.partners.get(agency)
        if spoken is None:
            agent.directory.pin(agency, root_key)
            # Whoever accepts the same identity anew has compared it, also after the relay showed
            # another one.
            agent.directory.trust_anew(agency, root_key)
            # The pinned key is the same as before, so what was compared stays compared.
            verified = former.verified if former is not None else 0
        else:
            compare_fingerprint(root_key, spoken, agency=invitation.agency_code)
            agent.directory.trust_anew(agency, root_key)
            verified = agent.clock.now()
        await self._keep(PartnerRecord(invitation, label or invitation.agency_code, verified))
        with _offline_is_fine():
            await agent.check_clock()
            await agent.pull_directory()
        return find_partner(agent, agency)

    async def verify(self, partner: Addressee, spoken: str) -> Partner:
        """Compare a partner's fingerprint with what they read out, and keep that it was done.

        Where the relay showed another identity for them and nothing is sent since
        (`IdentityChanged`), this lets go on with the one that was compared.

        Args:
            partner: Whose.
            spoken: Their eight words or eight groups, as somebody there whom you know read them out
                by phone, at a number you had already. Never what stands on this screen.

        Returns:
            The partner, with `verified_at`.

        Raises:
            FingerprintDiffers: Stop: it is not theirs. Send nothing.
            ContentRefused: What was typed is not whole. Nothing was compared.
            UnknownPartner: There is no such partner.
        """
        agent = self._agent
        found = find_partner(agent, partner)
        record = agent.lanes.partners[found.agency_id]
        compare_fingerprint(record.invitation.root_key, spoken, agency=found.agency_code)
        agent.directory.trust_anew(found.agency_id, record.invitation.root_key)
        await self._keep(replace(record, verified=agent.clock.now()))
        return find_partner(agent, found.agency_id)

    async def _keep(self, record: PartnerRecord) -> None:
        agent = self._agent
        agent.touch_directory()
        row = Put(PARTNER, record.invitation.agency_id.value, record.to_row())
        await write_shared(agent, row)
        agent.lanes.add(record)

    async def list(self) -> list[Partner]:
        """List the partners, in the order in which they were added."""
        return list_partners(self._agent)

    async def find(self, named: Addressee) -> Partner:
        """Find a partner by agency id, agency code, program code or label.

        Raises:
            UnknownPartner: There is none, or the label names several.
        """
        return find_partner(self._agent, named)


@contextmanager
def _offline_is_fine() -> Iterator[None]:
    """What needs the relay here is done by the next `sync` just as well."""
    try:
        yield
    except RelayError:
        return
