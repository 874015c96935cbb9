# SPDX-License-Identifier: Apache-2.0
"""What happened in each case, what stood before each measure, and where the evidence lies.

In the ledger's own file, so that one writer and one lock hold for all. Each call is one durable
transaction. An event that was not stored for certain (`LedgerFull`) may show up later: whoever
reads the journal looks at the doors too.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Mapping
from datetime import datetime
from typing import Final

import msgspec
from msgspec import Struct

from evict.core.errors import LedgerDamaged
from evict.core.measure import BeforeImage
from evict.core.revocation import Standing
from evict.ledger.database import Database

CASE_OPENED: Final = "case.opened"
CASE_CLOSED: Final = "case.closed"
"""The two kinds of event that have a meaning here; the newest of them decides."""

_ADD_EVENT: Final = (
    "INSERT INTO case_events (account, generation, n, at, kind, subject, data)"
    " SELECT ?1, ?2, coalesce(max(n), 0) + 1, ?3, ?4, ?5, ?6"
    " FROM case_events WHERE account = ?1 AND generation = ?2"
)
_ADD_IMAGE: Final = (
    "INSERT INTO before_images (account, generation, n, measure, image, digest)"
    " SELECT ?1, ?2, coalesce(max(n), 0) + 1, ?3, ?4, ?5"
    " FROM before_images WHERE account = ?1 AND generation = ?2"
    " ON CONFLICT (account, generation, measure) DO NOTHING"
)
_ADD_EVIDENCE: Final = (
    "INSERT INTO evidence (account, generation, n, at, path, digest)"
    " SELECT ?1, ?2, coalesce(max(n), 0) + 1, ?3, ?4, ?5"
    " FROM evidence WHERE account = ?1 AND generation = ?2"
)
_TURNS: Final = (
    "SELECT account, generation, kind, max(n) FROM case_events"
    " WHERE kind IN ('case.opened', 'case.closed') GROUP BY account, generation"
)
_EVENTS: Final = (
    "SELECT n, at, kind, subject, data FROM case_events"
    " WHERE account = ? AND generation = ? ORDER BY n"
)
_IMAGES: Final = (
    "SELECT measure, image, digest FROM before_images"
    " WHERE account = ? AND generation = ? ORDER BY n"
)
_EVIDENCE: Final = (
    "SELECT at, path, digest FROM evidence WHERE account = ? AND generation = ? ORDER BY n"
)

_decode_image: Final = msgspec.json.Decoder(BeforeImage).decode
_decode_data: Final = msgspec.json.Decoder(dict[str, object]).decode


class CaseEvent(Struct, frozen=True, kw_only=True):
    """Something that happened in a case.

    Attributes:
        kind: dotted, past tense: `measure.sent`, `measure.done`, `door.shut`.
        subject: a door's name or a measure's id; "" for the case itself.
        data: what JSON can hold. No account's name: events outlive an erasure.
        n: 1, 2, 3, ... per case; given by the journal.
        at: aware UTC; None: the moment of storing.
    """

    account: str
    generation: int
    kind: str
    subject: str = ""
    data: dict[str, object] = {}
    n: int = 0
    at: datetime | None = None


class KeptImage(Struct, frozen=True, kw_only=True):
    """A before-image and the case that it belongs to."""

    account: str
    generation: int
    image: BeforeImage


class EvidenceFile(Struct, frozen=True, kw_only=True):
    """Attributes: `digest` is the hex SHA-256 of the file's bytes."""

    account: str
    generation: int
    at: datetime
    path: str
    digest: str


class Journal:
    """Used from the ledger's thread, as the store itself.

    Every method that writes raises `LedgerFull`.
    """

    def __init__(
        self,
        database: Database,
        standings: Callable[[], Mapping[str, Standing]],
        *,
        now: Callable[[], datetime],
    ) -> None:
        self._database = database
        self._standings = standings
        self._now = now

    def record(self, events: Iterable[CaseEvent], images: Iterable[KeptImage] = ()) -> None:
        """Append events and keep images, all or none.

        `n` and a missing `at` of an event are filled in. The first image of a measure stays.
        """
        rows = [
            (
                event.account,
                event.generation,
                (event.at or self._now()).isoformat(),
                event.kind,
                event.subject,
                msgspec.json.encode(event.data).decode(),
            )
            for event in events
        ]
        kept = []
        for image in images:
            raw = msgspec.json.encode(image.image)
            digest = hashlib.sha256(raw).digest()
            kept.append((image.account, image.generation, image.image.measure, raw, digest))
        with self._database.writing() as connection:
            connection.executemany(_ADD_EVENT, rows)
            connection.executemany(_ADD_IMAGE, kept)

    def events(self, account: str, generation: int) -> list[CaseEvent]:
        """Everything that happened in a case, in order."""
        return [
            CaseEvent(
                account=account,
                generation=generation,
                n=int(str(n)),
                at=datetime.fromisoformat(str(at)),
                kind=str(kind),
                subject=str(subject),
                data=_decode_data(str(data)),
            )
            for n, at, kind, subject, data in self._database.read(_EVENTS, (account, generation))
        ]

    def images(self, account: str, generation: int) -> list[BeforeImage]:
        """The images of a case in the order in which they were taken.

        Raises:
            LedgerDamaged: an image is not what was kept; it must not be put back.
        """
        images = []
        for measure, raw, digest in self._database.read(_IMAGES, (account, generation)):
            if not isinstance(raw, bytes) or hashlib.sha256(raw).digest() != digest:
                raise LedgerDamaged(f"the before-image of {measure} is damaged")
            images.append(_decode_image(raw))
        return images

    def record_evidence(self, account: str, generation: int, path: str, digest: str) -> None:
        """Note where a case's evidence was written. `digest`: hex SHA-256 of the file."""
        row = (account, generation, self._now().isoformat(), path, digest)
        with self._database.writing() as connection:
            connection.execute(_ADD_EVIDENCE, row)

    def evidence(self, account: str, generation: int) -> list[EvidenceFile]:
        """Oldest first."""
        return [
            EvidenceFile(
                account=account,
                generation=generation,
                at=datetime.fromisoformat(str(at)),
                path=str(path),
                digest=str(digest),
            )
            for at, path, digest in self._database.read(_EVIDENCE, (account, generation))
        ]

    def last_closed(self, account: str, generation: int) -> CaseEvent | None:
        """The newest `case.closed` of a case; None where it never came to rest."""
        return next(
            (e for e in reversed(self.events(account, generation)) if e.kind == CASE_CLOSED), None
        )

    def open_cases(self) -> list[Standing]:
        """Standings whose case is not at rest, oldest first.

        A case is open from its ledger entry on, whether or not an event of it was stored, so a
        crash between the two loses nothing.
        """
        closed = {
            (account, generation)
            for account, generation, kind, _ in self._database.read(_TURNS)
            if kind == CASE_CLOSED
        }
        waiting = (s for s in self._standings().values() if (s.account, s.generation) not in closed)
        return sorted(waiting, key=lambda standing: standing.seq)
