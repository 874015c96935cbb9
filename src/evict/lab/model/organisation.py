# SPDX-License-Identifier: Apache-2.0
"""One Exchange organisation: everything it knows, behind one face.

Pure: it is handed the function that tells its time, and fires what fell due when `tick` is called.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Sequence

from evict.lab.model.administration import Administration
from evict.lab.model.batches import Batches
from evict.lab.model.cookies import OwaCookie
from evict.lab.model.delays import Delays, delays
from evict.lab.model.directory import DirectoryState
from evict.lab.model.grants import Grants
from evict.lab.model.mail import Mail
from evict.lab.model.mailbox import Mailbox, Message, PermissionEntry
from evict.lab.model.mobile import Device
from evict.lab.model.moves import MoveRequest, Moves
from evict.lab.model.person import Person, new_mailbox
from evict.lab.model.profile import Profile
from evict.lab.model.restarts import Restarts
from evict.lab.model.servers import ClientAccess, LogLine
from evict.lab.model.sessions import Session, Sessions
from evict.lab.model.signin import SignIn
from evict.lab.model.store import Access, Store
from evict.lab.model.tickets import Tickets
from evict.lab.model.timers import Timers
from evict.lab.model.words import Denial, Denied, Pool, Principal, Protocol


class Organisation:
    """A facade: the rules are in the files beside this one.

    Attributes:
        now: seconds since 1970 of the organisation's own clock.
    """

    def __init__(  # noqa: PLR0913 - an organisation has these parts
        self,
        profile: Profile,
        now: Callable[[], float],
        *,
        domain: str = "corp.example",
        netbios: str = "CORP",
        servers: Sequence[str] = ("ex01", "ex02"),
        databases: Sequence[str] = ("DB01", "DB02"),
    ) -> None:
        self.profile = profile
        self.now = now
        self.delays: Delays = delays()
        self.timers = Timers()
        self.directory = DirectoryState(now, domain, netbios, self.delays.old_password_s.value)
        ttl = self.delays.user_token_ttl_s.value
        self.servers = {name: ClientAccess(name, ttl) for name in servers}
        self.databases = tuple(databases)
        self.mailboxes: dict[str, Mailbox] = {}
        self._mailbox_names: dict[str, str] = {}
        self._parts(now)

    def _parts(self, now: Callable[[], float]) -> None:
        self.moves = Moves(
            delays=self.delays,
            mailboxes=self.mailboxes,
            databases=self.databases,
            timers=self.timers,
            now=now,
            locked=self._lock,
        )
        self.batches = Batches(self.moves, now)
        self.signin = SignIn(self.profile, self.delays, self.directory, self.servers, now)
        self.tickets = Tickets(self.delays, self.directory, self.servers, now)
        self.store = Store(
            profile=self.profile,
            delays=self.delays,
            directory=self.directory,
            servers=self.servers,
            mailboxes=self.mailboxes,
            moves=self.moves,
            now=now,
        )
        self.mobile = self.store.mobile
        self.sessions = Sessions(self.delays, self.store, self.timers, now)
        self.restarts = Restarts(
            profile=self.profile,
            servers=self.servers,
            sessions=self.sessions,
            tickets=self.tickets,
            now=now,
        )
        self.grants = Grants(self.directory, self.mailboxes)
        self.mail = Mail(self.directory, self.mailboxes, now)
        self.admin = Administration(self, now)

    def _lock(self, sam: str) -> None:
        """The administration comes last, as it needs all the others."""
        self.admin.lock(sam)

    def add_person(
        self, sam: str, display_name: str, password: str, database: str, *, title: str = ""
    ) -> Person:
        """An account and its mailbox."""
        account = self.directory.add(sam, display_name, password, ["Domain Users"])
        if title:
            account.attributes["title"] = [title.encode()]
        box = new_mailbox(account, database, self.directory.netbios, self.profile)
        self.mailboxes[sam] = box
        for name in (box.guid, display_name.lower()):
            self._mailbox_names.setdefault(name, sam)
        return Person(account=account, mailbox=box)

    def find_mailbox(self, name: str) -> Mailbox | None:
        """By any name of the account, the mailbox's id, or the display name."""
        account = self.directory.find(name)
        sam = self._mailbox_names.get(name.lower()) if account is None else account.sam
        return None if sam is None else self.mailboxes.get(sam)

    def server(self, name: str) -> ClientAccess:
        """By short or full name. Raises `ModelError` where there is none."""
        return self.restarts.server(name)

    def tick(self) -> None:
        """Fire what fell due; call it after time went by."""
        self.timers.fire(self.now())

    def next_due(self) -> float | None:
        return self.timers.next_due()

    # Coming in: a refusal is a value.

    def sign_in_basic(
        self, server: str, pool: Pool, name: str, password: str
    ) -> Principal | Denied:
        return self.signin.basic(server, pool, name, password)

    def sign_in_integrated(self, server: str, name: str, password: str) -> Principal | Denied:
        return self.signin.integrated(server, name, password)

    def sign_in_direct(
        self, server: str, protocol: Protocol, name: str, password: str
    ) -> Principal | Denied:
        """IMAP, POP3, SMTP; IMAP alone counts what one account has open (Set-ImapSettings)."""
        who = self.signin.direct(server, name, password)
        if protocol is Protocol.IMAP and isinstance(who, Principal):
            most = self.delays.imap_connections_per_user.value
            if sum(s.protocol is protocol for s in self.sessions.of(who.sam)) >= most:
                return Denied(Denial.THROTTLED, "too many connections")
        return who

    def sign_in_forms(
        self, server: str, name: str, password: str, *, private: bool
    ) -> OwaCookie | Denied:
        return self.signin.forms(server, name, password, private=private)

    def check_cookie(self, server: str, cookie: OwaCookie) -> Principal | Denied:
        """A page that asks by itself is a request too; only a person's act renews the cookie."""
        return self.signin.cookie(server, cookie)

    def renew_cookie(self, cookie: OwaCookie) -> OwaCookie | None:
        """None: not yet, or not at all."""
        return self.signin.renew(cookie)

    def enter(  # noqa: PLR0913 - a logon has these parts
        self,
        server: str,
        protocol: Protocol,
        principal: Principal,
        *,
        device: Device | None = None,
        mailbox: str | None = None,
        home: str | None = None,
    ) -> Access | Denied:
        """Open a mailbox.

        Args:
            mailbox: somebody else's, by any name; None: one's own.
            home: the database in which the client believes it to be, where it says so (MAPI).
        """
        if self.servers[server].down:
            return Denied(Denial.SERVER_DOWN)
        return self.store.enter(
            server, protocol, principal, device=device, mailbox=mailbox, home=home
        )

    # Staying in.

    def open_session(
        self,
        access: Access,
        *,
        pool: Pool | None,
        on_end: Callable[[str], None],
        holds_request: bool = False,
        lasts_s: float | None = None,
    ) -> Session:
        return self.sessions.open(
            access, pool=pool, on_end=on_end, holds_request=holds_request, lasts_s=lasts_s
        )

    def use(self, session: Session) -> Denied | None:
        return self.sessions.use(session)

    # Mail.

    def submit(
        self,
        who: Access | str,
        to: Sequence[str],
        subject: str,
        body: str,
        *,
        send_as: str | None = None,
    ) -> Denied | Message:
        """Hand in a mail, as the account or through what it has open; SMTP keeps no copy."""
        if isinstance(who, str):
            return self.mail.submit(who, to, subject, body, send_as=send_as)
        keep = who.protocol is not Protocol.SMTP
        sam = who.principal.sam
        return self.mail.submit(sam, to, subject, body, send_as=send_as, keep=keep)

    def deliver(self, sender: str, to: str | Sequence[str], subject: str, body: str) -> Message:
        return self.mail.deliver(sender, to, subject, body)

    # Administration: each raises `ModelError` for what Exchange or IIS refuses.

    def set_features(self, name: str, **flags: bool | None) -> bool:
        return self.admin.set_features(name, flags)

    def set_permission(
        self, name: str, user: str, rights: Sequence[str], *, deny: bool = False
    ) -> PermissionEntry:
        return self.admin.add_permission(name, user, rights, deny=deny)

    def remove_permission(
        self, name: str, user: str, rights: Sequence[str], *, deny: bool | None = None
    ) -> bool:
        return self.admin.remove_permission(name, user, rights, deny=deny)

    def quarantine(
        self,
        name: str,
        duration_s: float | None = None,
        allow_migration: bool = False,  # noqa: FBT001, FBT002
    ) -> bool:
        return self.admin.quarantine(name, duration_s, allow_migration=allow_migration)

    def release(self, name: str) -> bool:
        return self.admin.release(name)

    def start_move(
        self,
        name: str,
        target_db: str,
        *,
        suspend: bool = False,
        batch: str = "",
        fails_at: float | None = None,
    ) -> MoveRequest:
        sam = self.admin.box(name).sam
        return self.moves.start(sam, target_db, suspend=suspend, batch=batch, fails_at=fails_at)

    def set_token_ttl(self, server: str, seconds: float) -> None:
        self.admin.set_token_ttl(server, seconds)

    def recycle(self, server: str, pool: Pool) -> int:
        return self.restarts.recycle(server, pool)

    def iisreset(self, server: str, force: bool) -> int:  # noqa: FBT001 - one word of two
        return self.restarts.iisreset(server, force=force)

    def restart_service(self, server: str, service: str) -> int:
        return self.restarts.service(server, service)

    # Logs.

    @property
    def http_log(self) -> dict[str, deque[LogLine]]:
        return {name: server.log for name, server in self.servers.items()}

    def log(self, server: str, protocol: Protocol, sam: str, status: int, url: str = "") -> None:
        """Keep one request as the HttpProxy log does."""
        line = LogLine(
            at=self.now(), server=server, protocol=protocol, sam=sam, status=status, url=url
        )
        self.servers[server].log.append(line)
