"""The part of a transaction in a database that holds the transparency log.

Rules: rows are added and never changed or deleted, apart from the one row of the head. Leaves lie
in the order of their places; of inner nodes only complete subtrees are kept, which never change.

Spec: docs/spec/transparency-log.md, "The tree".
"""

from __future__ import annotations

from dataclasses import astuple
from typing import TYPE_CHECKING, Any, Final

from sqlalchemy import delete, func, insert, select

from quietway_schemas.log import MANIFEST_LEAF
from quietway_server.rows import LeafRow, LogHead
from quietway_server.store.tables import log_head, log_leaves, log_nodes

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

    from sqlalchemy import Row

    from quietway_server.store.statements import Connection, Driver

_NODE_KEY: Final = (log_nodes.c.level, log_nodes.c.position)
_LEAF_KEY: Final = (log_leaves.c.position,)
_HEAD: Final = select(log_head.c.size, log_head.c.root, log_head.c.checkpoint)
_FORGET_HEAD: Final = delete(log_head)
_KEEP_HEAD: Final = insert(log_head)
"""Takes (1, size, root, checkpoint)."""


class SqlLog:
    """The transparency log on one connection."""

    _connection: Connection
    _driver: Driver

    def find_log_head(self) -> LogHead | None:
        """Give the head of the log; None where there never was one."""
        return next((LogHead(*row) for row in self._driver.ask(_HEAD, ())), None)

    def replace_log_head(self, head: LogHead) -> None:
        """Put a head in the place of the one before."""
        self._driver.change(_FORGET_HEAD, [()])
        self._driver.change(_KEEP_HEAD, [(1, head.size, head.root, head.checkpoint)])

    def append_leaf(self, leaf: LeafRow, nodes: Mapping[tuple[int, int], bytes]) -> None:
        """Keep a leaf, and the hashes of the subtrees that it completes, by (level, position)."""
        self._driver.insert(log_leaves, [astuple(leaf)])
        self._driver.insert(log_nodes, [(*place, node) for place, node in nodes.items()])

    def find_nodes(self, wanted: Collection[tuple[int, int]]) -> dict[tuple[int, int], bytes]:
        """Give hashes of complete subtrees, by (level, position); level 0 are the leaves'."""
        leaves = [(position,) for level, position in wanted if level == 0]
        above = [place for place in wanted if place[0]]
        found = self._driver.find((*_LEAF_KEY, log_leaves.c.leaf_hash), _LEAF_KEY, leaves)
        nodes = self._driver.find((*_NODE_KEY, log_nodes.c.hash), _NODE_KEY, above)
        return {
            **{(0, position): leaf for position, leaf in found},
            **{(level, position): node for level, position, node in nodes},
        }

    def leaves_from(self, position: int, limit: int) -> list[LeafRow]:
        """Give the leaves from a place on, in order, at most `limit`."""
        rows = self._connection.execute(
            select(log_leaves)
            .where(log_leaves.c.position >= position)
            .order_by(log_leaves.c.position)
            .limit(limit)
        )
        return [_leaf_row(row) for row in rows]

    def find_manifest_leaves(self, agencies: Collection[bytes]) -> dict[bytes, LeafRow]:
        """Give the leaf of the newest manifest of each of these agencies, by agency."""
        newest = (
            select(func.max(log_leaves.c.position))
            .where(log_leaves.c.agency.in_(agencies), log_leaves.c.kind == MANIFEST_LEAF)
            .group_by(log_leaves.c.agency)
        )
        rows = self._connection.execute(select(log_leaves).where(log_leaves.c.position.in_(newest)))
        return {row.agency: _leaf_row(row) for row in rows}


def _leaf_row(row: Row[Any]) -> LeafRow:  # a row's columns have no static types
    return LeafRow(row.position, row.kind, row.nonce, row.agency, row.manifest_hash, row.leaf_hash)
