"""Files of other systems, and how they become what quietway says.

Each mapper reads a few coded fields that it names, maps them through a data file, and leaves
everything else behind. It tells what it left behind by the name of the field, never by its value. A
mapper invents nothing: what the file does not say is an argument.

It opens no file, no network and no store: bytes come in, content goes out.

Spec: docs/reference/interop.md.
"""
