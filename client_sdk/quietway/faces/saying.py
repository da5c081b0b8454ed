"""What the faces share: refusals in the SDK's own words.

Spec: docs/reference/sdk.md.
"""

from quietway.saying import saying_refusals

__all__ = ["saying_refusals"]
