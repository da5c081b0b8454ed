"""The shared language: code lists as versioned files, with labels and mappings.

Lists live in a folder per dictionary version, one file each; `lists` reads them when first asked.
This file stays without imports.

Spec: docs/spec/envelope.md, "Classes".
"""
