# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from pathlib import Path
from typing import Any

import msgspec
from msgspec import to_builtins

from evict.control.audit.log import HEAD, SHELF, Newest
from evict.control.audit.reading import files_of, follow, judge
from evict.core.errors import ConfigError
from evict.ledger.store import LedgerStore


def verify_offline(file: Path, ledger: Path) -> dict[str, Any]:
    """Hold copies of a log and of its ledger against each other; nothing that runs is asked.

    Raises:
        AuditDamaged: says which line.
        LedgerDamaged, ConfigError: there is nothing to hold it against.
    """
    files = files_of(file)
    if not files:
        raise ConfigError(f"{file}: there is no audit log")
    with LedgerStore(ledger, create=False, unadopted=True) as store:
        head = store.head()
        newest = _newest(store.shelves.get(SHELF, HEAD), ledger)
        follower = follow(files, 0 if newest is None else newest.n)
        digests = {seq: store.hash_at(seq) for _, seq in follower.stands}
    verified = judge(
        follower,
        files,
        hashes={seq: None if d is None else d.hex() for seq, d in digests.items()},
        epoch=head.epoch,
        newest=None if newest is None else (newest.n, newest.hash),
    )
    return {**to_builtins(verified), "ledger": head.seq}


def _newest(raw: bytes | None, ledger: Path) -> Newest | None:
    try:
        return None if raw is None else msgspec.json.decode(raw, type=Newest)
    except msgspec.MsgspecError as error:
        raise ConfigError(f"{ledger}: what it knows of the audit log cannot be read") from error
