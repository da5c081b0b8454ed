"""What all rooms that say something share: refusals in the SDK's own words.

Spec: docs/reference/sdk.md.
"""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

from quietway.errors import ContentRefused
from quietway_schemas.errors import ContentError

if TYPE_CHECKING:
    from collections.abc import Iterator


@contextmanager
def saying_refusals() -> Iterator[None]:
    """Say the dictionary's refusal as the SDK's own."""
    try:
        yield
    except ContentError as refused:
        raise ContentRefused(refused.field, f"{refused.reason}.") from None
