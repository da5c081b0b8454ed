"""Where the guard is asked: before anything is written, and what becomes of a person's override.

`asking` reads every text of a content and refuses or lets pass; `overrides` holds what a person
began to override, and `seconding` the second person's word; `records` keeps that it was done. What
is found, and what stands in the way, is said by `quietway.guard`, which asks nobody.

Spec: docs/spec/guard.md, "Where it is asked" and "Overrides".
"""
