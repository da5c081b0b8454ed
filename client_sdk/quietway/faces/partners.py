"""Partners: invited, accepted, verified, found, paused; and which of their devices may send here.

Spec: docs/reference/sdk.md.
"""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import replace
from typing import TYPE_CHECKING, Final

from quietway.engine.withdrawal import FETCHED, TAKEN_BACK
from quietway.errors import ContentRefused, PartnerEnded, RelayError, RelayUnreachable
from quietway.faces.saying import saying_refusals
from quietway.fingerprint import compare_fingerprint
from quietway.own.admitting import (
    cut_off,
    list_invitations,
    list_partner_devices,
    restore,
    withdraw_invitation,
)
from quietway.own.lane_rows import name_secret
from quietway.own.sharing import write_shared
from quietway.own.stances import decide_standing
from quietway.own.standing import check_secret
from quietway.partner_standing import NAMES
from quietway.partners import (
    INVITATION_LIFE_MS,
    INVITED,
    PARTNER,
    PARTNER_BYTES,
    Invitation,
    MadeInvitation,
    PartnerRecord,
)
from quietway.policy.absolute import Stance
from quietway.ports import Put
from quietway.reports import StandingReport
from quietway.speaking import count_waiting_for, find_partner, list_partners
from quietway_crypto.lanes import derive_lane
from quietway_crypto.secret import Secret

if TYPE_CHECKING:
    import builtins
    from collections.abc import Iterator

    from quietway.agent import Agent
    from quietway.own.admitting import OpenInvitation, PartnerDevice
    from quietway.partners import Partner
    from quietway.speaking import Addressee
    from quietway_schemas.ids import AgencyId, DeviceId

MOST_LABEL_BYTES: Final = 500
"""The agency's devices tell each other what a partner is called."""


class AsyncPartners:
    """Whom this agency works with."""

    def __init__(self, agent: Agent) -> None:
        self._agent = agent

    async def invite(self, label: str) -> Invitation:
        """Make an invitation for one agency. Its lane is open for 14 days, or until withdrawn.

        Args:
            label: What you call them, for your own records.

        Returns:
            Hand its `to_text()` over by a way that both of you trust. It is a secret: whoever holds
            it can send to you.

        Raises:
            SecretAwaited: This device was linked a moment ago, and could not be written to.
            ContentRefused: The label is too long.
            RelayUnreachable: This device has not seen the relay's log yet, which goes with it.
        """
        check_secret(self._agent.standing)
        if len(label.encode()) > MOST_LABEL_BYTES:
            raise ContentRefused("label", f"is longer than {MOST_LABEL_BYTES} bytes.")
        agent, keyring = self._agent, self._agent.keyring
        now = agent.clock.now()
        made = MadeInvitation(
            partner=agent.entropy.draw(PARTNER_BYTES),
            label=label,
            at=now,
            until=now + INVITATION_LIFE_MS,
            secret=name_secret(keyring.agency_secret),
        )
        await write_shared(agent, Put(INVITED, made.partner, made.to_row()))
        with _offline_is_fine():
            await agent.check_clock()
            await agent.publish_what_is_new()
            if agent.log.latest is None:
                await agent.pull_directory()
        shown = agent.log.latest
        if shown is None:
            raise RelayUnreachable
        return Invitation(
            relay=keyring.relay,
            agency_id=keyring.agency,
            agency_code=keyring.agency_code,
            root_key=keyring.root_key,
            partner=made.partner,
            lane=Secret(derive_lane(keyring.agency_secret, made.partner)),
            until=made.until,
            log_key=agent.log.log_key,
            checkpoint=shown.note,
        )

    async def add(
        self, invitation: Invitation | str, *, label: str | None = None, spoken: str | None = None
    ) -> Partner:
        """Accept an invitation: pin its agency's root key, and learn its devices.

        What its agency has seen of the relay's log is compared with what this device has seen.

        Args:
            invitation: Theirs.
            label: What you call them.
            spoken: Their fingerprint as they read it out, compared before anything is pinned; see
                `verify`. An agency that shows another root key than before is taken only so.

        Raises:
            ContentRefused: It is not an invitation, or it is this agency's own; or what was typed
                is not whole. One of a former version has no log: ask for a new one.
            AnotherLog: It is of another log than the one that this device relies on. Nothing was
                taken in.
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
        if not invitation.has_log:
            raise ContentRefused("invitation", "is of a former version: ask for a new one.")
        shown = agent.log.compare(invitation.log_key, invitation.checkpoint, shown_by="invitation")
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
        agent.log.meet(agency, invitation.log_key, shown, now=agent.clock.now())
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

    async def pause(self, partner: Addressee, reason_code: str | None = None) -> StandingReport:
        """Share nothing with a partner from now on, until somebody here resumes it.

        Counts at once, with or without the network. What they had not fetched is taken back and
        waits; they can send nothing here. Nothing is said to them.

        Args:
            partner: Whom.
            reason_code: Why, of the list `reason`, for the agency's own devices.

        Raises:
            UnknownPartner: There is no such partner.
            ContentRefused: The reason is not of the list. Nothing was changed.
            StorageFull: There is no room. Nothing was changed.
        """
        found = find_partner(self._agent, partner)
        return await self._decide(found.agency_id, Stance.PAUSED, reason_code)

    async def end(self, partner: Addressee, reason_code: str | None = None) -> StandingReport:
        """Share nothing with a partner any more. As `pause`; but resuming it has to be meant.

        Raises:
            As `pause`.
        """
        found = find_partner(self._agent, partner)
        return await self._decide(found.agency_id, Stance.ENDED, reason_code)

    async def resume(self, partner: Addressee, *, ended: bool = False) -> StandingReport:
        """Share with a partner again; what waits for it and has not expired goes out.

        Args:
            partner: With whom.
            ended: True undoes an end, too.

        Raises:
            PartnerEnded: It was ended, and that this is to be undone was not said.
            UnknownPartner: There is no such partner.
            StorageFull: There is no room. Nothing was changed.
        """
        found = find_partner(self._agent, partner)
        if self._agent.standings.stance(found.agency_id) is Stance.ENDED and not ended:
            raise PartnerEnded(found.agency_code)
        return await self._decide(found.agency_id, Stance.GRANTED, None)

    async def _decide(
        self, partner: AgencyId, stance: Stance, reason_code: str | None
    ) -> StandingReport:
        agent = self._agent
        with saying_refusals():
            await decide_standing(agent, partner, stance, reason_code=reason_code)
        said, problem = await agent.ask_back()
        problem = await agent.send_what_waits() or problem
        with _offline_is_fine():
            await agent.publish_what_is_new()
        return StandingReport(
            partner=partner,
            stance=NAMES[agent.standings.stance(partner)],
            taken_back=sum(copy.outcome == TAKEN_BACK for copy in said),
            fetched=sum(copy.outcome == FETCHED for copy in said),
            waiting=count_waiting_for(agent, partner),
            problem=problem,
        )

    async def invitations(self) -> builtins.list[OpenInvitation]:
        """List the invitations of this agency whose lane is open, oldest first."""
        return await list_invitations(self._agent)

    async def withdraw_invitation(self, named: str) -> None:
        """Shut the lane of an invitation, used or not: with the next upload it opens nothing.

        Devices of the partner that were given lanes of their own go on sending.

        Args:
            named: Its name, or its label where only one is called so.

        Raises:
            NotFound: No open invitation is called so.
            ContentRefused: Several are.
        """
        await withdraw_invitation(self._agent, named)

    async def devices(self, partner: Addressee) -> builtins.list[PartnerDevice]:
        """List a partner's devices as its agency certifies them.

        Raises:
            UnknownPartner: There is no such partner.
        """
        found = find_partner(self._agent, partner)
        return await list_partner_devices(self._agent, found.agency_id)

    async def cut_off(self, device: DeviceId | str) -> None:
        """Take one device of a partner the right to send here, before its agency revokes it.

        Its lane is in no upload from now on, whichever device of this agency uploads. While an
        invitation that its agency knows is open, it can go on through that: withdraw it too. What
        is said to its agency still goes to it, until they take it away.

        Raises:
            NotFound: No partner has such a device.
            ContentRefused: It is no device's id.
        """
        await cut_off(self._agent, device)

    async def restore(self, device: DeviceId | str) -> None:
        """Give a device of a partner back the right to send here.

        Raises:
            NotFound: It was not cut off.
            ContentRefused: It is no device's id.
        """
        await restore(self._agent, device)

    async def _keep(self, record: PartnerRecord) -> None:
        agent = self._agent
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
