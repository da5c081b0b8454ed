"""`client.devices`: the agency's own devices, how they come, and how they leave.

A device comes in five steps: it asks (`AsyncClient.request_link`), an ops holder answers (`offer`),
both read four words out to each other, the ops holder says that they are the same (`confirm`), and
where the agency asks for more, a second one agrees (`approve`). Then the new device joins
(`AsyncClient.join`), and is given a snapshot (`give_snapshot`).

Spec: docs/reference/sdk.md.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from quietway.own.deciding import (
    Added,
    Offered,
    WaitsForSecond,
    approve_proposal,
    change_roles,
    confirm_device,
    confirm_owner,
    find_ops_key,
    make_offer,
)
from quietway.own.giving import approve_offer, offer_snapshot
from quietway.own.members import list_devices, remove_device
from quietway.own.proposals import forget, list_proposals
from quietway.own.sharing import share_with
from quietway.own.snapshot_rows import list_offers
from quietway.own_devices import acknowledge_change, list_changes

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from quietway.agent import Agent
    from quietway.events import OwnDevicesChanged
    from quietway.linking import DeviceOffer, DeviceRequest
    from quietway.own.members import OwnDevice
    from quietway.own.proposals import Proposal
    from quietway.own.snapshot_rows import SnapshotOffer
    from quietway_schemas.ids import DeviceId


class AsyncDevices:
    """The agency's own devices."""

    def __init__(self, agent: Agent) -> None:
        self._agent = agent

    async def changes(self) -> Sequence[OwnDevicesChanged]:
        """List what changed about the agency's devices until somebody has acknowledged it.

        Show it to a person: a device that nobody expects is an alarm.
        """
        return await list_changes(self._agent.store)

    async def acknowledge(self, change: OwnDevicesChanged) -> None:
        """Say that a person has seen a change; it is not listed any more."""
        await acknowledge_change(self._agent.store, change.version)

    async def offer(
        self,
        request: DeviceRequest | str,
        *,
        roles: Iterable[str],
        passphrase: str,
        program: str | None = None,
        private_machine: bool = False,
    ) -> Offered:
        """Answer a device that asks to be linked.

        Args:
            request: What it shows.
            roles: What it may do: codes of the list `role`.
            passphrase: Typed again: an unlocked screen is not enough.
            program: The program it belongs to; None for this device's.
            private_machine: Say so where the machine is not the agency's own.

        Returns:
            The offer to show to it, and the words. The new device shows words too: read them out
            to each other, and `confirm` only where they are the same.

        Raises:
            OpsKeyMissing: This device decides nothing about others.
            WrongPassphrase: Nothing was signed.
            NotAgencyOwned: The machine is somebody's own, and that was not said.
            ContentRefused: It is not a whole request, or names no role.
        """
        return await asyncio.to_thread(
            make_offer,
            self._agent,
            request,
            roles=tuple(roles),
            program=program,
            passphrase=passphrase,
            private_machine=private_machine,
        )

    async def confirm(
        self, request: DeviceRequest | str, offer: DeviceOffer | str, *, passphrase: str
    ) -> Added | WaitsForSecond:
        """Say that the words were the same on both sides, and approve the device.

        Returns:
            `Added` where that was enough; `WaitsForSecond` where another ops holder has to agree.

        Raises:
            OpsKeyMissing, WrongPassphrase: Nothing was signed.
            RelayError: It was signed and not published: say it again.
        """
        return await confirm_device(self._agent, request, offer, passphrase=passphrase)

    async def proposals(self) -> list[Proposal]:
        """List the certificates that wait for approvals, oldest first."""
        return await list_proposals(self._agent)

    async def approve(self, proposal: Proposal, *, passphrase: str) -> Added | WaitsForSecond:
        """Agree to what another ops holder proposes.

        Ask the new device's user for the words, and compare them with `proposal.words()`.

        Raises:
            OpsKeyMissing, WrongPassphrase: Nothing was signed.
            NotFound: It was settled meanwhile.
            RelayError: It was signed and not published: say it again.
        """
        return await approve_proposal(self._agent, proposal, passphrase=passphrase)

    async def decline(self, proposal: Proposal) -> None:
        """Let go of a proposal on this device. Others may still agree to it."""
        await self._agent.settle(also=[forget(proposal)])

    async def set_roles(
        self,
        device: DeviceId,
        roles: Iterable[str],
        *,
        passphrase: str,
        program: str | None = None,
    ) -> Added | WaitsForSecond:
        """Give a device other roles, or another program. It takes as many approvals as a new one.

        Raises:
            OpsKeyMissing, WrongPassphrase: Nothing was signed.
            NotFound: The agency has no such device.
            ContentRefused: One of them is no role.
        """
        return await change_roles(
            self._agent, device, roles=tuple(roles), program=program, passphrase=passphrase
        )

    async def revoke(self, device: DeviceId) -> None:
        """Take a device away that may be in other hands: lost, stolen, or its user unfriendly.

        One signature is enough, and it is published at once. What it says from now on is not
        believed, and the relay lets it in no more.

        Raises:
            OpsKeyMissing: This device decides nothing about others.
            NotFound: The agency has no such device.
            RelayError: It is not published: say it again.
        """
        find_ops_key(self._agent)
        await remove_device(self._agent, device, how="revoked")

    async def retire(self, device: DeviceId) -> None:
        """Take a device away that was given back. What it said until now still counts.

        Raises:
            OpsKeyMissing, NotFound, RelayError: As for `revoke`.
        """
        find_ops_key(self._agent)
        await remove_device(self._agent, device, how="retired")

    async def share(self, device: DeviceId) -> None:
        """Tell a device once more what all hold alike: partners, invitations, aliases, the secret.

        Whoever approves a device does it by itself. It is for one that never heard of it: because
        its approver was lost before, or because it brought the agency back by its root.

        Raises:
            NotFound: The agency has no such device.
        """
        await share_with(self._agent, device)

    async def give_snapshot(
        self, device: DeviceId, *, passphrase: str | None = None
    ) -> SnapshotOffer:
        """Offer a new device what stands about cases, so that it may speak of them.

        Only statuses that stand and referrals that are open are in it. An ops holder's own approval
        goes with it where the passphrase is typed again; others `approve_snapshot`.

        Raises:
            NotFound: The agency has no such device.
            SnapshotRefused: This device has fewer roles than the new one, or there is too much.
            OpsKeyMissing, WrongPassphrase: A passphrase was given, and can approve nothing.
        """
        key = None if passphrase is None else confirm_owner(self._agent, passphrase)
        return await offer_snapshot(self._agent, device, key)

    async def snapshots(self) -> list[SnapshotOffer]:
        """List the snapshots that are on their way, oldest first."""
        return await list_offers(self._agent)

    async def approve_snapshot(self, snapshot_id: bytes, *, passphrase: str) -> SnapshotOffer:
        """Agree that a snapshot may be taken in.

        Raises:
            OpsKeyMissing, WrongPassphrase: Nothing was signed.
            NotFound: There is no such snapshot on its way.
        """
        key = confirm_owner(self._agent, passphrase)
        return await approve_offer(self._agent, snapshot_id, key)

    async def list(self) -> list[OwnDevice]:
        """List the agency's devices, those that left lately among them."""
        return await list_devices(self._agent)
