"""Uploads what is sealed, from where it stopped, and then says where it is.

Theory of operation: a sealed file and its row are on the disk before the first byte leaves. The
relay is asked how much it has, the rest follows part by part, and its last answer says how long it
keeps the whole. Then the pointer goes the way of every message, under a name that was given to it
before, so that a break between saying it and forgetting the upload does not say it twice.

Rules: one upload at a time. The clocks are compared first. No failure of the network loses anything
or raises: it is returned.

Spec: docs/spec/blobs.md, "At the relay".
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Final

from quietway.attaching.staging import (
    OUTGOING,
    PART_BYTES,
    forget,
    list_staged,
    read_slice,
    staged,
)
from quietway.attaching.transfer import Tell, TransferProgress
from quietway.attaching.upload import Upload
from quietway.engine.codec import Fields, write_row
from quietway.errors import (
    AttachmentUnfit,
    LocationFound,
    NotPermitted,
    PartnerPaused,
    QuietwayError,
    RelayError,
    RelayRefused,
    RelayUnreachable,
    StoreDamaged,
    StoreError,
)
from quietway.lanes import go_by
from quietway.ports import BlobPart, BlobStored, Delete, Put
from quietway.records import MESSAGE, UPLOAD
from quietway.reports import Sent
from quietway.sealing import name_message
from quietway.speaking import speak, tell_state
from quietway_crypto.blob_rights import hash_opening
from quietway_crypto.errors import CryptoError
from quietway_schemas.errors import SchemaError
from quietway_schemas.ids import MessageId
from quietway_schemas.instants import DAY

if TYPE_CHECKING:
    import builtins
    from collections.abc import Iterable
    from pathlib import Path

    from quietway.agent import Agent
    from quietway.attaching.upload import Copy
    from quietway_schemas.content.attachment import AttachmentFile
    from quietway_schemas.ids import AgencyId
    from quietway_schemas.instants import Instant

BLOB: Final = "blob"
"""The writer's secret of a file that lies at the relay, until it is dropped there."""
_GIVEN_UP_AFTER_MS: Final = 30 * DAY


class Uploads:
    """The uploads of one device.

    Args:
        agent: Of this device.
        home: Its folder.
    """

    def __init__(self, agent: Agent, home: Path) -> None:
        self._agent = agent
        self._home = home
        self._turn = asyncio.Lock()
        self._sealing: set[Path] = set()

    def place(self, pointer: AttachmentFile) -> Path:
        """Give the place of a sealed file, and keep it from being taken for a stray one."""
        path = staged(self._home, OUTGOING, pointer.blob_id)
        self._sealing.add(path)
        return path

    async def keep(self, upload: Upload, *, also: Iterable[Put] = ()) -> None:
        """Write an upload and these rows down; from now on it is gone on with until it is done."""
        try:
            await self._agent.settle(also=[upload.to_put(), *also])
        finally:
            self._sealing.discard(self._path(upload))

    def abandon(self, path: Path) -> None:
        """Forget a place whose file was not sealed to its end."""
        self._sealing.discard(path)

    async def list(self) -> list[Upload]:
        """List what is on its way, oldest first."""
        try:
            return [Upload.from_row(row) for row in await self._agent.store.scan(UPLOAD)]
        except (SchemaError, CryptoError):
            raise StoreDamaged("store") from None

    async def finish(self, upload: Upload, tell: Tell | None = None) -> Sent:
        """Upload the rest, and say where it is.

        Raises:
            AttachmentUnfit: The relay takes no file of this size. It was forgotten.
            ContentRefused, PartnerPaused, TrustError, RoleRefused: As `speak`; it is tried again.
            NotPermitted: To one of them it may not be said any more. It was forgotten: what a
                survivor stopped is not said later by itself.
            LocationFound: The guard found by now what nothing overrides. The same.
        """
        async with self._turn:
            if not await self._is_kept(upload):
                return await self._tell_sent(upload.copies[0], upload)
            try:
                kept = await self._upload(upload, tell)
            except RelayRefused as refused:
                if refused.code == "too_large":
                    await self._forget(upload)
                    raise AttachmentUnfit("too_large") from None
                return _not_yet(upload, refused)
            except RelayError as problem:
                return _not_yet(upload, problem)
            said, stopped = await self._say_to_all(upload, kept.expires)
            await self._forget(upload, kept.expires)
            if stopped is not None:
                raise stopped
            return next((sent for sent in said if sent.problem is not None), said[0])

    async def go_on(self) -> builtins.list[QuietwayError]:
        """Go on with everything that is on its way; returns what is in the way of it."""
        problems: list[QuietwayError] = []
        await self._tidy()
        for upload in await self.list():
            problem = await self._try(upload)
            if problem is not None:
                problems.append(problem)
            if isinstance(problem, RelayUnreachable):
                break
        return problems

    async def _try(self, upload: Upload) -> QuietwayError | None:
        try:
            return (await self.finish(upload)).problem
        except StoreError:
            raise
        except QuietwayError as problem:
            return problem

    async def take_back(self, blob_id: bytes) -> bool:
        """Have the relay drop a file of ours, and forget what is on its way of it.

        Returns:
            Whether there was something to take back.

        Raises:
            RelayError: The relay could not be asked; nothing was changed.
        """
        async with self._turn:
            held = await self._agent.store.read(BLOB, blob_id)
            waiting = [held for held in await self.list() if held.pointer.blob_id == blob_id]
            writers = [upload.writer for upload in waiting]
            writers += [] if held is None else [Fields(held).raw("writer")]
            for writer in writers:
                await self._agent.relay.delete_blob(blob_id, writer)
            await self._agent.settle(also=[Delete(UPLOAD, blob_id), Delete(BLOB, blob_id)])
            for upload in waiting:
                forget(self._path(upload))
            return bool(writers)

    def _path(self, upload: Upload) -> Path:
        return staged(self._home, OUTGOING, upload.pointer.blob_id)

    async def _is_kept(self, upload: Upload) -> bool:
        return await self._agent.store.read(UPLOAD, upload.pointer.blob_id) is not None

    async def _upload(self, upload: Upload, tell: Tell | None) -> BlobStored:
        agent, pointer = self._agent, upload.pointer
        if tell is not None:
            tell(TransferProgress("upload", 0, upload.size))
        await agent.check_clock()
        kept = await agent.relay.blob_status(pointer.blob_id, upload.writer)
        kept = kept or BlobStored(0, 0)
        while kept.stored < upload.size:
            if tell is not None:
                tell(TransferProgress("upload", kept.stored, upload.size))
            kept = await self._put_part(upload, kept.stored)
        if tell is not None:
            tell(TransferProgress("upload", upload.size, upload.size))
        return kept

    async def _put_part(self, upload: Upload, first: int) -> BlobStored:
        agent, path = self._agent, self._path(upload)
        try:
            body = await asyncio.to_thread(read_slice, path, first, PART_BYTES)
        except OSError:
            body = b""
        if not body or first + len(body) > upload.size:
            await self._forget(upload)
            raise AttachmentUnfit("staging_gone")
        lane = self._choose_lane(upload)
        part = BlobPart(
            upload.pointer.blob_id,
            hash_opening(upload.pointer.opening),
            upload.writer,
            first,
            upload.size,
            body,
        )
        kept = await go_by(
            agent.lanes.ways(lane, agent.clock.now()),
            lambda capability: agent.relay.put_blob_part(capability, part),
        )
        if kept.stored != first + len(body):
            raise RelayUnreachable  # it is not a relay that answers so
        return kept

    def _choose_lane(self, upload: Upload) -> AgencyId:
        """Choose the agency through whose lane the next part goes: never one that is paused.

        Raises:
            PartnerPaused: All of them are. The rest goes when one is let in again.
        """
        agencies = sorted({agency for copy in upload.copies for agency in copy.to})
        for agency in agencies:
            if not self._agent.standings.hindrance(agency):
                return agency
        raise PartnerPaused(self._agent.directory.agency_code(agencies[0]) or str(agencies[0]))

    async def _say_to_all(
        self, upload: Upload, expires: Instant
    ) -> tuple[builtins.list[Sent], NotPermitted | LocationFound | None]:
        said: builtins.list[Sent] = []
        refused: NotPermitted | LocationFound | None = None
        for copy in upload.copies:
            try:
                said.append(await self._say(upload, copy, expires))
            except (NotPermitted, LocationFound) as problem:
                refused = problem
        return said, refused

    async def _say(self, upload: Upload, copy: Copy, expires: Instant) -> Sent:
        if await self._was_said(copy):
            return await self._tell_sent(copy, upload)
        return await speak(
            self._agent,
            upload.say(copy, expires),
            to=copy.to,
            conversation=upload.conversation,
            local_id=copy.local_id,
            asked_before=True,
        )

    async def _was_said(self, copy: Copy) -> bool:
        if copy.local_id in self._agent.state.outbox:
            return True
        return await self._agent.store.read(MESSAGE, copy.local_id) is not None

    async def _tell_sent(self, copy: Copy, upload: Upload) -> Sent:
        entry = self._agent.state.outbox.get(copy.local_id)
        if entry is not None:
            name = name_message(entry.core) if entry.core else None
            return Sent(copy.local_id, name, upload.conversation, None, tell_state(entry))
        row = Fields(await self._agent.store.read(MESSAGE, copy.local_id) or b"{}")
        raw = row.raw("message")
        name = MessageId(raw) if raw else None
        return Sent(copy.local_id, name, upload.conversation, None, "stored_at_relay")

    async def _forget(self, upload: Upload, expires: Instant = 0) -> None:
        """Forget an upload; of one that is whole, what takes it back stays."""
        blob_id = upload.pointer.blob_id
        kept = [Put(BLOB, blob_id, write_row(writer=upload.writer, expires=expires))]
        await self._agent.settle(also=[Delete(UPLOAD, blob_id), *(kept if expires else [])])
        forget(self._path(upload))

    async def _tidy(self) -> None:
        """Remove sealed files that belong to nothing, and what is over."""
        now = self._agent.clock.now()
        for upload in await self.list():
            if upload.at + _GIVEN_UP_AFTER_MS <= now:
                await self._forget(upload)
        over = [
            Delete(BLOB, row.key)
            for row in await self._agent.store.scan(BLOB)
            if Fields(row.value).number("expires") <= now
        ]
        if over:
            await self._agent.settle(also=over)
        waiting = {self._path(upload) for upload in await self.list()} | self._sealing
        for path in list_staged(self._home, OUTGOING):
            if path not in waiting:
                forget(path)


def _not_yet(upload: Upload, problem: RelayError) -> Sent:
    return Sent(upload.copies[0].local_id, None, upload.conversation, None, "not_yet_sent", problem)
