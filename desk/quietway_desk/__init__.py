"""The desk: what a member of staff types to found an agency's device, send, read and watch.

It imports the public face of the SDK and nothing below it, and so proves that this face is enough
for any partner app. It keeps no state of its own; all of it is in the SDK's store.

Spec: docs/reference/desk.md.
"""
