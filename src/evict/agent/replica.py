# SPDX-License-Identifier: Apache-2.0
"""The agent's copy of who is revoked, in memory only, and the answer to "may this one come in?"."""

from __future__ import annotations

import string
import time
from collections.abc import Callable, Collection, Iterable, Sequence
from typing import Final

from msgspec import Struct

from evict.agent.announced import Announcements
from evict.agent.naming import spellings
from evict.core.errors import LedgerDamaged
from evict.core.names import MAX_LENGTH
from evict.core.revocation import Body, Kind
from evict.ledger.chain import Verifier
from evict.ledger.feed import Announced, Announcement, Entries, WireEntry

_PLAIN: Final = (string.ascii_letters + string.digits + "._-@\\").encode("ascii")
"""A name of these alone, without a dot at the end, is canonical but for its case."""
REMEMBERED: Final = 32_768
"""Login names whose forms are remembered; of 256 bytes each they take 20 MB."""
_TICKETS: Final = frozenset({b"", b"GSSAPI", b"GSS-SPNEGO"})
"""SASL mechanisms (RFC 4752, RFC 4178) that take a Kerberos ticket; b"": nobody said which."""


class Leaver(Struct, frozen=True, kw_only=True):
    """One account that stands revoked, for the cutters.

    Attributes:
        seq: of the entry that revoked it; 0: its announced instant has come, and no entry yet.
        forms: canonical login forms.
    """

    account: str
    seq: int
    forms: tuple[str, ...]


class Change(Struct, frozen=True, kw_only=True):
    """What a run of entries changed: each account once, as it stands after the run."""

    revoked: tuple[Leaver, ...]
    reinstated: tuple[str, ...]


class _View:
    """The fold over one verified chain.

    Attributes:
        closed: form -> how many closed accounts have it; two accounts may share one.
        held: closed account -> how it was closed.
        tickets: form -> POSIX time until which Kerberos tickets are refused.
    """

    __slots__ = ("chain", "closed", "held", "tickets")

    def __init__(self) -> None:
        self.chain = Verifier()
        self.closed: dict[bytes, int] = {}
        self.held: dict[str, Leaver] = {}
        self.tickets: dict[bytes, float] = {}

    def extend(self, entry: WireEntry) -> Body:
        """Take the next entry. Raises `LedgerDamaged` and stays as it was where it does not fit."""
        body = self.chain.extend(raw=entry.raw, prev=entry.prev, digest=entry.hash)
        if body.kind is Kind.ADOPTION:
            return body
        before = self.held.pop(body.account, None)
        if before is not None:
            self.release(before.forms)
        forms = entry.forms or (before.forms if before else ())
        if body.kind is Kind.REVOCATION:
            self.held[body.account] = Leaver(account=body.account, seq=body.seq, forms=forms)
            self.refuse(forms)
        elif body.tickets_dead_until is not None:
            until = body.tickets_dead_until.timestamp()
            for form in {*forms, *(before.forms if before else ())}:
                key = form.encode()
                self.tickets[key] = max(until, self.tickets.get(key, until))
        return body

    def refuse(self, forms: Iterable[str]) -> None:
        for form in forms:
            key = form.encode()
            self.closed[key] = self.closed.get(key, 0) + 1

    def release(self, forms: Iterable[str]) -> None:
        for form in forms:
            key = form.encode()
            left = self.closed[key] - 1
            if left:
                self.closed[key] = left
            else:
                del self.closed[key]


def _announced(one: Announcement) -> Leaver:
    return Leaver(account=one.account, seq=0, forms=one.forms)


class Replica:
    """Applies verified runs of the feed and decides about login names.

    Args:
        separators: the estate's `auth_master_user_separator` characters, all servers together.
        clock: wall clock, POSIX seconds; decides about tickets of reinstated accounts and about
            announced instants.
    """

    def __init__(self, *, separators: str = "", clock: Callable[[], float] = time.time) -> None:
        self._separators = separators
        self._plain = bytes(set(_PLAIN) - set(separators.encode()))
        self._clock = clock
        self._ready = False
        self._known: dict[bytes, tuple[bytes, ...]] = {}
        self._announced = Announcements()
        self._see(_View())

    def _see(self, view: _View) -> None:
        self._view = view
        self._closed = view.closed.keys()
        self._tickets = view.tickets

    @property
    def ready(self) -> bool:
        """Whether it was ever told that it has everything; until then everybody is refused."""
        return self._ready

    @property
    def closed(self) -> Collection[bytes]:
        """Every canonical form that is refused now, by an entry or by an announced instant."""
        return self._closed

    @property
    def seq(self) -> int:
        return self._view.chain.seq

    @property
    def hash(self) -> bytes:
        """Of the newest entry; b"" where there is none yet."""
        return self._view.chain.hash if self._view.chain.seq else b""

    def leaver(self, seq: int) -> Leaver | None:
        """Whoever stands revoked by this entry; None where nobody does, or by a newer one."""
        return next((held for held in self._view.held.values() if held.seq == seq), None)

    def spellings(self, name: str) -> tuple[str, ...]:
        """Every form that a session's login name stands for; none where it cannot be a name."""
        keys = self._keys(name.encode(errors="replace"))
        return tuple(key.decode() for key in keys)

    def apply(self, run: Entries) -> Change:
        """Verify and take a run. Of a broken run the part before the break is kept.

        Raises:
            LedgerDamaged: an entry does not extend the head; a chain sent as a whole is not a
                continuation of what is known and no adoption says why. What is known stays.
        """
        if run.whole:
            view = _View()
            bodies = [view.extend(entry) for entry in run.entries]
            self._refuse_rollback(view, run.entries)
            for one in self._announced.counted:
                view.refuse(one.forms)
            self._see(view)
            for body in bodies:
                self._supersede(body)
        else:
            bodies = []
            for entry in run.entries:
                bodies.append(self._view.extend(entry))
                self._supersede(bodies[-1])
        self._ready = self._ready or run.caught_up
        return self._change(bodies)

    def _supersede(self, body: Body) -> None:
        """The entry is counted already, so nobody comes in between."""
        for one in self._announced.superseded_by(body):
            self._view.release(one.forms)

    @property
    def next_instant(self) -> float | None:
        """POSIX time of the next announced instant that has not come yet."""
        return self._announced.next_at

    def announce(self, message: Announced) -> Change:
        """Take another list of announced leavers: who was refused by the one before alone is not.

        Whose instant has come already is refused at once.
        """
        gone = self._announced.replace(message.people)
        change = self.reach()
        for one in gone:
            self._view.release(one.forms)
        stay = {*self._view.held, *(one.account for one in self._announced.counted)}
        spared = dict.fromkeys(one.account for one in gone if one.account not in stay)
        return Change(revoked=change.revoked, reinstated=tuple(spared))

    def reach(self) -> Change:
        """Refuse everybody whose announced instant has come; whom that closed.

        An account that stands revoked by an entry stays so by that alone.
        """
        revoked: list[Leaver] = []
        for one in self._announced.reach(self._clock()):
            counted = one.account not in self._view.held
            self._announced.count(one, seq=self.seq, counted=counted)
            if counted:
                self._view.refuse(one.forms)
                revoked.append(_announced(one))
        return Change(revoked=tuple(revoked), reinstated=())

    def _change(self, bodies: Sequence[Body]) -> Change:
        touched = dict.fromkeys(b.account for b in bodies if b.kind is not Kind.ADOPTION)
        held = self._view.held
        return Change(
            revoked=tuple(held[account] for account in touched if account in held),
            reinstated=tuple(account for account in touched if account not in held),
        )

    def _refuse_rollback(self, new: _View, entries: Sequence[WireEntry]) -> None:
        """A whole chain replaces the known one if it contains its head, or was adopted since."""
        known = self._view.chain
        if known.seq == 0 or new.chain.epoch > known.epoch:
            return
        if new.chain.seq < known.seq or entries[known.seq - 1].hash != known.hash:
            raise LedgerDamaged(
                f"the control plane's ledger does not contain entry {known.seq} as it was sent "
                "before; the last view is kept until the ledger is adopted",
                seq=known.seq,
            )

    def decide(self, login: bytes, mechanism: bytes = b"") -> bool | None:
        """Whether this login name may come in; None: no snapshot yet, so nobody may.

        Args:
            login: as the server hands it over, UTF-8; anything may be in it.
            mechanism: SASL mechanism, any case; b"" where the server does not say.
        """
        if not self._ready:
            return None
        keys = self._known.get(login)
        if keys is None:
            keys = self._keys(login)
            if len(self._known) >= REMEMBERED:
                self._known.clear()
            self._known[login] = keys
        if not keys or not self._closed.isdisjoint(keys):
            return False
        return not (self._tickets and self._is_ticket(keys, mechanism))

    def _keys(self, login: bytes) -> tuple[bytes, ...]:
        """The forms to look for; none where the name is refused. Depends on the name alone."""
        if self._is_plain(login):
            return (login.lower(),)
        try:
            forms = spellings(login.decode(), self._separators)
        except UnicodeDecodeError:
            return ()
        return tuple(form.encode() for form in forms or ())

    def _is_plain(self, login: bytes) -> bool:
        """Whether nothing but its case keeps it from being canonical; an empty one is not."""
        return not (
            login.translate(None, self._plain) or login[-1:] in b"." or len(login) > MAX_LENGTH
        )

    def _is_ticket(self, keys: tuple[bytes, ...], mechanism: bytes) -> bool:
        """Whether it may be a ticket from before the reinstatement."""
        until = max(self._tickets.get(key, 0.0) for key in keys)
        return self._clock() < until and mechanism.upper() in _TICKETS
