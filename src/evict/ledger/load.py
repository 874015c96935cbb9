# SPDX-License-Identifier: Apache-2.0
"""Reads a ledger file whole and believes nothing of it that does not verify."""

from __future__ import annotations

import functools
from collections.abc import Iterator
from typing import Final

import apsw
from msgspec import Struct

from evict.core.errors import LedgerDamaged
from evict.core.revocation import Body
from evict.ledger.chain import commitment, damaged, decode_personal
from evict.ledger.database import SCHEMAS
from evict.ledger.state import State

VERSION: Final = len(SCHEMAS)
"""Of the tables that this program writes; older ones are read, and brought up to it."""
ADOPTED: Final = "adopted"
NEEDS_ADOPTION: Final = "needs adoption"

_ENTRIES: Final = (
    "SELECT e.seq, e.raw, e.hash, p.salt, p.content"
    " FROM entries AS e LEFT JOIN personal AS p USING (seq) ORDER BY e.seq"
)


class Loaded(Struct, frozen=True):
    """Attributes: `version` of the tables, 1 to `VERSION`."""

    state: State
    adopted: bool
    version: int


def is_empty(connection: apsw.Connection) -> bool:
    """Whether the file holds no table at all."""
    return not connection.execute("SELECT count(*) FROM sqlite_schema").get


def load(connection: apsw.Connection) -> Loaded:
    """Verify pages, schema, chain and commitments, and fold.

    Raises:
        LedgerDamaged: the text says where.
        apsw.Error: the file cannot be read.
    """
    findings = connection.execute("PRAGMA quick_check(1)").get
    if findings != "ok":
        raise LedgerDamaged(f"the ledger is damaged: {findings}")
    ledger, version, adopted = _meta(connection)
    if _schema_of(connection) != _expected_schema(version):
        raise LedgerDamaged(f"the ledger is damaged: its tables are not those of version {version}")
    state = State(ledger)
    with_personal: set[int] = set()
    for body, has_personal in _entries(connection, state):
        if has_personal:
            with_personal.add(body.seq)
    if connection.execute("SELECT count(*) FROM personal").get != len(with_personal):
        raise LedgerDamaged("the ledger is damaged: a personal part belongs to no entry")
    for standing in state.standings.values():
        if standing.revoked and standing.seq not in with_personal:
            raise damaged(standing.seq, "its login forms are gone while it is in force")
    return Loaded(state, adopted, version)


def _entries(connection: apsw.Connection, state: State) -> Iterator[tuple[Body, bool]]:
    for seq, raw, digest, salt, content in connection.execute(_ENTRIES):
        body = state.load(raw=raw, digest=digest)
        if seq != body.seq:
            raise damaged(body.seq, f"it is filed under {seq}")
        if content is None:
            yield body, False
            continue
        if commitment(salt, content) != body.personal:
            raise damaged(body.seq, "its names and reason are not those it was stored with")
        try:
            decode_personal(content)
        except ValueError as error:
            raise damaged(body.seq, str(error)) from error
        yield body, True


def _meta(connection: apsw.Connection) -> tuple[str, int, bool]:
    try:
        rows = list(connection.execute("SELECT ledger, version, state FROM meta"))
    except apsw.SQLError as error:
        raise LedgerDamaged("the ledger is damaged: it has no table of what it is") from error
    if len(rows) != 1 or rows[0][2] not in (ADOPTED, NEEDS_ADOPTION):
        raise LedgerDamaged("the ledger is damaged: it does not say which ledger it is")
    ledger, version, state = rows[0]
    if not isinstance(version, int) or not 1 <= version <= VERSION:
        raise LedgerDamaged(f"the ledger has the unknown version {version}")
    return str(ledger), version, state == ADOPTED


def _schema_of(connection: apsw.Connection) -> list[tuple[object, ...]]:
    return list(
        connection.execute("SELECT type, name, tbl_name, sql FROM sqlite_schema ORDER BY name")
    )


@functools.cache
def _expected_schema(version: int) -> list[tuple[object, ...]]:
    blank = apsw.Connection(":memory:")
    for schema in SCHEMAS[:version]:
        blank.execute(schema)
    expected = _schema_of(blank)
    blank.close()
    return expected
