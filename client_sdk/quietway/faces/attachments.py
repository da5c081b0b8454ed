"""Files beside messages.

Spec: docs/reference/sdk.md.
"""

from __future__ import annotations

import mimetypes
import re
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from quietway.attaching.fetching import fetch_file
from quietway.attaching.sealed_file import Source, draw_pointer, seal_file
from quietway.attaching.sending import Uploads
from quietway.attaching.staging import forget, staged
from quietway.attaching.transfer import Attachment, TransferProgress
from quietway.attaching.upload import Copy, Upload
from quietway.cleaning.cleaning import CLEANING, clean, forget_leftovers
from quietway.errors import ContentRefused, NotFound
from quietway.exercises import keep_live
from quietway.faces.saying import saying_refusals
from quietway.guarding.asking import ask_guard
from quietway.guarding.records import write_records
from quietway.history import list_tagged
from quietway.naming import find_alias
from quietway.roles import keep_readable
from quietway.speaking import check_allowed, find_agencies
from quietway.standing import OF_ANY_FILE, own_message
from quietway_crypto.blob_sizes import measure_blob
from quietway_schemas.content.attachment import MEDIA_TYPE, UNNAMED_TYPE, AttachmentFile
from quietway_schemas.errors import IdError
from quietway_schemas.ids import CaseRef, ConversationId, MessageId

if TYPE_CHECKING:
    import builtins
    from collections.abc import Iterable

    from quietway.agent import Agent
    from quietway.attaching.transfer import Fetched, Tell
    from quietway.cleaning.cleaned import Cleaned
    from quietway.errors import QuietwayError
    from quietway.records import StoredMessage
    from quietway.reports import Sent
    from quietway.speaking import Addressee
    from quietway_schemas.ids import AgencyId

_ID_BYTES = 16
_SECRET_BYTES = 32


class AsyncAttachments:
    """Files: cleaned, sent, listed, fetched, taken back.

    A file is cleaned of what it says besides what it shows before it is sealed; what can't be
    cleaned is refused.
    """

    def __init__(self, agent: Agent, home: Path) -> None:
        self._agent = agent
        self._home = home
        self._uploads = Uploads(agent, home)
        forget_leftovers(home)
        agent.errands.append(self.go_on)

    async def send(
        self,
        source: Path | str | bytes,
        *,
        to: Addressee | Iterable[Addressee],
        name: str | None = None,
        media_type: str | None = None,
        case_ref: CaseRef | None = None,
        conversation: ConversationId | None = None,
        progress: Tell | None = None,
    ) -> Sent:
        """Clean a file and send it. Cut off once it is sealed, it goes on with the next `sync`.

        A new file is made of what it shows, and that one is sealed; the guard reads its name and
        the words in it. `Sent.removed` says what it does not tell any more.

        Args:
            source: A path, or the bytes themselves.
            to: The partners.
            name: What they shall see; the file's own name where it is None. Bytes need one.
            media_type: As `application/pdf`; guessed by the name where it is None.
            case_ref: Of which case, by one's own reference; to one agency at a time, for by the
                file's name two could tell that they know one person.
            conversation: Where; a new one where it is None.
            progress: Is told how far it is.

        Returns:
            What became of it: `not_yet_sent` with the reason until all of it is at the relay.
            `removed` and `found` stand here alone, and not where it went on by itself.

        Raises:
            ContentRefused: The name or the media type has not the form that is asked, or it is of
                a case and for several.
            AttachmentUnfit: The file can't be read or cleaned, changed meanwhile, or is too large.
            LocationFound: The guard found in its name, or in its words, what should not be said.
                Nothing was sealed or sent.
            NotPermitted: Neither consent, an agreement nor a law allows it. Nothing was sealed.
            PartnerPaused: Your agency has paused all of them. Nothing was sealed or sent.
            StorageFull: There is no room for its sealed copy. Nothing was sent.
        """
        agent = self._agent
        agencies = tuple(sorted(set(find_agencies(agent, to))))
        if case_ref is not None and len(agencies) > 1:
            raise ContentRefused(
                "to", "names several: they would hold one file of one case, so send it to each."
            )
        given = Source.of(source)
        shown = given.name if name is None else name
        # Before anything is read of it: a file that may not be sent is not taken apart either.
        with saying_refusals():
            asked = draw_pointer(
                given, agent.entropy, name=shown, media_type=media_type or _guess_type(shown)
            )
        about = asked.model_copy(update={"case_ref": case_ref})
        await check_allowed(agent, about, agencies, conversation)
        place = staged(self._home, CLEANING, asked.blob_id)
        if progress is not None:
            progress(TransferProgress("clean", 0, given.length))
        try:
            cleaned = await clean(
                given, name=shown, media_type=media_type or "", place=place, tell=progress
            )
            return await self._send_cleaned(
                cleaned,
                agencies,
                case_ref=case_ref,
                conversation=conversation,
                progress=progress,
            )
        finally:
            forget(place)

    async def _send_cleaned(
        self,
        cleaned: Cleaned,
        agencies: tuple[AgencyId, ...],
        *,
        case_ref: CaseRef | None = None,
        conversation: ConversationId | None = None,
        progress: Tell | None = None,
    ) -> Sent:
        """Seal and send a file that was cleaned, where the guard lets its words pass."""
        agent, given = self._agent, Source.of(cleaned.path)
        cleaned.check_words()
        with saying_refusals():
            pointer = draw_pointer(
                given, agent.entropy, name=cleaned.name, media_type=cleaned.media_type
            )
        about = pointer.model_copy(update={"case_ref": case_ref})
        decision = await ask_guard(agent, about, inside=cleaned.texts)
        copies = await self._plan(agencies, case_ref)
        path = self._uploads.place(pointer)
        try:
            pointer = await seal_file(given, pointer, path, progress)
        except BaseException:
            self._uploads.abandon(path)
            raise
        upload = Upload(
            pointer=pointer,
            writer=agent.entropy.draw(_SECRET_BYTES),
            size=measure_blob(pointer.padded_length),
            conversation=conversation or ConversationId(agent.entropy.draw(_ID_BYTES)),
            copies=copies,
            at=agent.clock.now(),
        )
        names = [copy.local_id for copy in copies]
        records = write_records(agent, decision, pointer.type, names)
        await self._uploads.keep(upload, also=records)
        sent = await self._uploads.finish(upload, progress)
        return replace(sent, found=decision.told, removed=cleaned.removed)

    async def list(self) -> list[Attachment]:
        """List the files that are known here, oldest first, and last what is on its way."""
        now, own = self._agent.clock.now(), self._agent.keyring.agency
        held = [
            _show(message, message.content, now=now)
            for message in keep_live(
                keep_readable(self._agent, await list_tagged(self._agent, OF_ANY_FILE))
            )
            if isinstance(message.content, AttachmentFile)
        ]
        return held + [upload.show(own) for upload in await self._uploads.list()]

    async def fetch(
        self, message: MessageId | str, folder: Path | str, *, progress: Tell | None = None
    ) -> Fetched:
        """Fetch a file into a folder. Cut off, it goes on where it stopped when asked again.

        The file is written when all of it is verified, under the sender's name made harmless, or
        the next that is free; nothing is written over, and nothing is opened.

        Args:
            message: The message that names it.
            folder: Where it shall lie; the folder exists.
            progress: Is told how far it is.

        Raises:
            NotFound: No such message names a file here.
            AttachmentGone: The relay does not have it any more.
            AttachmentRefused: It is not, byte for byte, what was sent. Nothing was written.
            AttachmentUnfit: Nothing can be written into the folder.
            RelayError: The relay could not be asked; fetch again.
        """
        _, pointer = await self._find(message)
        return await fetch_file(self._agent, self._home, pointer, Path(folder), progress)

    async def withdraw(self, message: MessageId | str) -> None:
        """Have the relay drop a file of this device. Who has fetched it keeps it.

        Args:
            message: The message that names it.

        Raises:
            NotFound: This device sent no such file, or it is dropped already.
            RelayError: The relay could not be asked. Nothing was changed.
        """
        found, pointer = await self._find(message)
        if found.received or not await self._uploads.take_back(pointer.blob_id):
            raise NotFound(f"A file of this device in {message}", "quietway attachment list")

    async def go_on(self) -> builtins.list[QuietwayError]:
        """Go on with the files that are on their way; `sync` does so too."""
        return await self._uploads.go_on()

    async def _plan(
        self, agencies: tuple[AgencyId, ...], case_ref: CaseRef | None
    ) -> tuple[Copy, ...]:
        draw = self._agent.entropy.draw
        if case_ref is None:
            return (Copy(draw(_ID_BYTES), agencies),)
        return tuple(
            [
                Copy(draw(_ID_BYTES), (agency,), await find_alias(self._agent, case_ref, agency))
                for agency in agencies
            ]
        )

    async def _find(self, named: MessageId | str) -> tuple[StoredMessage, AttachmentFile]:
        try:
            wanted = MessageId.from_text(named) if isinstance(named, str) else named
        except IdError:
            raise ContentRefused(
                "message", "is no message's id: `quietway attachment list` lists those of files."
            ) from None
        for message in await list_tagged(self._agent, own_message(wanted)):
            if isinstance(message.content, AttachmentFile):
                return message, message.content
        raise NotFound(f"A file in {wanted}", "quietway attachment list")


def _guess_type(name: str) -> str:
    guessed = mimetypes.guess_type(name, strict=True)[0] or UNNAMED_TYPE
    return guessed if re.fullmatch(MEDIA_TYPE, guessed) else UNNAMED_TYPE


def _show(message: StoredMessage, pointer: AttachmentFile, *, now: int) -> Attachment:
    return Attachment(
        message_id=message.message_id,
        conversation=message.conversation,
        agency=message.agency,
        to=message.to,
        name=pointer.name,
        media_type=pointer.media_type,
        length=pointer.length,
        at=message.said_at,
        expires=pointer.expires,
        state="available" if now < pointer.expires else "expired",
    )
