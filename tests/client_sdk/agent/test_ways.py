"""Several lanes to one agency: who is blamed where one of its mailboxes is gone."""

from __future__ import annotations

import pytest

from quietway.errors import RelayRefused
from quietway.lanes import go_by
from quietway.testing.relay_refusal import make_refusal

GRANTED, INVITED = b"the granted lane", b"the invitation's"


async def _find_blamed(gone: dict[bytes, int]) -> int | None:
    async def give(capability: bytes) -> None:
        raise make_refusal("not_found", index=gone[capability])

    with pytest.raises(RelayRefused) as refused:
        await go_by([[GRANTED], [INVITED]], give)
    return refused.value.index


async def test_a_mailbox_that_is_gone_is_blamed_though_another_lane_is_over() -> None:
    # After a revocation: the invitation opens nothing any more, and one mailbox is closed.
    assert await _find_blamed({GRANTED: 2, INVITED: 0}) == 2


async def test_a_lane_that_opens_nothing_gives_way_to_the_next() -> None:
    assert await _find_blamed({GRANTED: 0, INVITED: 3}) == 3
