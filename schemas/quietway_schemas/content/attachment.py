"""A file beside a message: what opens the blob at the relay, and how its bytes are checked.

The pointer holds the key, so it is as secret as the file. The name is the sender's word for the
file and nothing more: what could steer a screen or a file system is refused here already, and a
reader still writes under it only what it has made harmless.

Spec: docs/spec/blobs.md, "Pointer".
"""

import re
import unicodedata
from typing import Annotated, Final, Literal, Self

from pydantic import AfterValidator, Field, StringConstraints, model_validator

from quietway_schemas.content.base import CaseContent
from quietway_schemas.errors import ContentError, TooLongError
from quietway_schemas.fields import Base64, Bytes16, Bytes32, Moment

MOST_NAME_BYTES: Final = 120
LARGEST_FILE: Final = 2**32 - 1
LARGEST_PADDED: Final = 2**33
UNNAMED_TYPE: Final = "application/octet-stream"
MEDIA_TYPE: Final = r"^[a-z0-9][a-z0-9.+-]{0,38}/[a-z0-9][a-z0-9.+-]{0,78}$"
_OF_PATHS: Final = re.compile(r'[/\\:*?"<>|]')
# Controls, formats (bidirectional ones among them), surrogates, private use, and line ends.
_UNSEEN: Final = frozenset({"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"})


def check_file_name(name: str) -> str:
    """Let a name pass that shows as it is written, and is no path.

    Raises:
        ContentError: It is empty, a path, only full stops, or holds what is not seen.
        TooLongError: It is longer than 120 bytes.
    """
    if len(name.encode("utf-8", "surrogatepass")) > MOST_NAME_BYTES:
        raise TooLongError("name", MOST_NAME_BYTES)
    if not name or name != name.strip(" ."):
        raise ContentError("name", "is empty, or begins or ends in a space or a full stop")
    if _OF_PATHS.search(name):
        raise ContentError("name", "holds a character of paths")
    if any(unicodedata.category(character) in _UNSEEN for character in name):
        raise ContentError("name", "holds a character that is not seen, or steers a screen")
    return name


FileName = Annotated[
    str,
    StringConstraints(strict=True, min_length=1, max_length=MOST_NAME_BYTES),
    AfterValidator(check_file_name),
]
MediaType = Annotated[str, StringConstraints(strict=True, pattern=MEDIA_TYPE)]


class AttachmentFile(CaseContent):
    """`attachment.file`: a file lies at the relay, and this opens it."""

    type: Literal["attachment.file"] = "attachment.file"
    blob_id: Bytes16
    padded_length: Annotated[int, Field(ge=1, le=LARGEST_PADDED)]
    length: Annotated[int, Field(ge=0, le=LARGEST_FILE)]
    sha256: Bytes32
    commitment: Bytes32
    header: Annotated[bytes, Base64(24, 24)]
    key: Bytes32
    opening: Bytes32
    media_type: MediaType
    name: FileName
    expires: Moment

    @model_validator(mode="after")
    def _check_lengths(self) -> Self:
        if self.length > self.padded_length:
            raise ContentError("length", "is more than the padded length")
        return self
