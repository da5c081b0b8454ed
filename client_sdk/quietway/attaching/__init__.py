"""Files beside messages: sealed from the disk, uploaded in parts, fetched and opened onto the disk.

Spec: docs/spec/blobs.md.
"""
