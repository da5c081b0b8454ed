"""Whether what identifies a person may leave this device.

In this version there is one rule, and it has no switch: content that identifies a survivor states
the ground on which it is disclosed. A survivor's own release names one agency, so it covers one.
The release itself (who signed it, for what, until when) comes with a later version, behind this
same question.

Spec: docs/spec/envelope.md, "Content: canonical JSON".
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from quietway.errors import ContentRefused

if TYPE_CHECKING:
    from collections.abc import Collection

    from quietway_schemas.content.base import ContentModel
    from quietway_schemas.ids import AgencyId

IDENTIFYING: Final = "identifying"
SURVIVOR_RELEASE: Final = "survivor_release"
LAWFUL_BASES: Final = frozenset({SURVIVOR_RELEASE, "statutory_mandate", "court_order"})


def check_release(content: ContentModel, recipients: Collection[AgencyId]) -> None:
    """Let content pass that identifies nobody, or says why it may.

    Args:
        content: What is to be said.
        recipients: The agencies it is for.

    Raises:
        ContentRefused: It identifies a person without a lawful basis, or beyond the one agency that
            a survivor's release covers. Nothing was sealed.
    """
    if not _identifies(content):
        return
    basis = getattr(content, "disclosure_basis", None)
    if basis not in LAWFUL_BASES:
        raise ContentRefused("disclosure_basis", "is missing, although a person is identified.")
    if basis == SURVIVOR_RELEASE and len(set(recipients)) > 1:
        raise ContentRefused(
            "to", "names several agencies, and a survivor's release covers one: send it to each."
        )


def _identifies(content: ContentModel) -> bool:
    marks = (getattr(content, "identifiability", ""), getattr(content, "identity_mode", ""))
    return IDENTIFYING in marks
