"""A lane, given by one agency to one device of a partner: the right to send to that agency.

It is sealed to that device alone, shown to nobody, and nothing is answered to it. Its `since` says
when the secret was drawn that it is made of: of two lanes of one agency the later one counts.

Spec: docs/spec/lanes.md, "Grant".
"""

from typing import Final, Literal

from quietway_schemas.content.base import ContentModel
from quietway_schemas.fields import Bytes32, Moment

LANE_GRANT: Final = "lane.grant"


class LaneGrant(ContentModel):
    """`lane.grant`: the lane of the device that this is sealed to."""

    type: Literal["lane.grant"] = "lane.grant"
    lane: Bytes32
    since: Moment
