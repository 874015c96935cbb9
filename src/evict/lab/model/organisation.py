# SPDX-License-Identifier: Apache-2.0
"""One Exchange organisation: everything it knows, behind one face.

Pure: it is handed the function that tells its time, and fires what fell due when `tick` is called.
"""

from __future__ import annotations

import uuid
from collections.abc import Callable, Sequence
from typing import Final

from evict.lab.model.administration import Administration
from evict.lab.model.cookies import OwaCookie
from evict.lab.model.delays import Delays, delays
from evict.lab.model.directory import DirectoryState
from evict.lab.model.mail import Mail
from evict.lab.model.mailbox import Mailbox, Message, default_acl
from evict.lab.model.moves import Moves
from evict.lab.model.profile import Profile
from evict.lab.model.servers import ClientAccess, LogLine
from evict.lab.model.sessions import ENDED, Session, Sessions
from evict.lab.model.signin import SignIn
from evict.lab.model.store import Access, Device, Store
from evict.lab.model.timers import Timers
from evict.lab.model.words import Denied, ModelError, Pool, Principal, Protocol

_MAILBOXES: Final = uuid.UUID("7d1f4b52-0f37-4c59-9a3e-1c2d3e4f5a6b")


class Organisation:
    """A facade: the rules are in the files beside this one."""

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
        old = self.delays.old_password_s.value
        self.directory = DirectoryState(now, domain, netbios, old)
        ttl = self.delays.user_token_ttl_s.value
        self.servers = {name: ClientAccess(name, ttl) for name in servers}
        self.databases = tuple(databases)
        self.mailboxes: dict[str, Mailbox] = {}
        self.sessions = Sessions(now, self.timers)
        self.admin = Administration(self, now)
        self.moves = Moves(self.delays, self.mailboxes, self.timers, now, self._locked)
        self.signin = SignIn(profile, self.delays, self.directory, self.servers, now)
        self.store = Store(
            profile, self.delays, self.directory, self.servers, self.mailboxes, self.moves, now
        )
        self.mail = Mail(self.directory, self.mailboxes, now)

    def add_person(self, sam: str, display_name: str, password: str, database: str) -> Mailbox:
        """An account and its mailbox."""
        account = self.directory.add(sam, display_name, password, ["Domain Users"])
        box = Mailbox(
            sam=sam,
            guid=str(uuid.uuid5(_MAILBOXES, account.guid)),
            display_name=display_name,
            addresses=list(account.addresses),
            database=database,
            acl=default_acl(system_entries=self.profile.has("system-entries")),
        )
        self.mailboxes[sam] = box
        return box

    def find_mailbox(self, name: str) -> Mailbox | None:
        """By any name of the account, the mailbox's id, or the display name."""
        account = self.directory.find(name)
        if account is not None:
            return self.mailboxes.get(account.sam)
        low = name.lower()
        return next(
            (b for b in self.mailboxes.values() if low in (b.guid, b.display_name.lower())), None
        )

    def server(self, name: str) -> ClientAccess:
        """Raises `ModelError` where there is none of this name."""
        found = self.servers.get(name.partition(".")[0].lower())
        if found is None:
            raise ModelError("not-found", f"there is no server {name}")
        return found

    def tick(self) -> None:
        """Fire what fell due; call it after time went by."""
        self.timers.fire(self.now())

    def next_due(self) -> float | None:
        return self.timers.next_due()

    # Coming in: each gives a value, also for a refusal.

    def sign_in_basic(
        self, server: str, pool: Pool, name: str, password: str
    ) -> Principal | Denied:
        return self.signin.basic(server, pool, name, password)

    def sign_in_integrated(self, server: str, name: str, password: str) -> Principal | Denied:
        return self.signin.integrated(server, name, password)

    def sign_in_direct(
        self,
        server: str,
        protocol: Protocol,  # noqa: ARG002 - every mail protocol asks alike
        name: str,
        password: str,
    ) -> Principal | Denied:
        return self.signin.direct(server, name, password)

    def sign_in_forms(
        self, server: str, name: str, password: str, *, private: bool
    ) -> OwaCookie | Denied:
        return self.signin.forms(server, name, password, private=private)

    def check_cookie(self, server: str, cookie: OwaCookie) -> Principal | Denied:
        return self.signin.cookie(server, cookie)

    def renew_cookie(self, cookie: OwaCookie) -> OwaCookie | None:
        return self.signin.renew(cookie)

    def enter(
        self,
        server: str,
        protocol: Protocol,
        principal: Principal,
        *,
        device: Device | None = None,
        mailbox: str | None = None,
    ) -> Access | Denied:
        return self.store.enter(server, protocol, principal, device, mailbox)

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
        """A live connection, context or held request; `lasts_s` for a Ping is its heartbeat."""
        idle, bound = self._life(access.protocol)
        return self.sessions.add(
            sam=access.principal.sam,
            mailbox=access.mailbox.sam,
            server=access.server,
            protocol=access.protocol,
            pool=pool,
            on_end=on_end,
            holds_request=holds_request,
            idle_s=None if holds_request else idle,
            lasts_s=bound if lasts_s is None else lasts_s,
        )

    def _life(self, protocol: Protocol) -> tuple[float | None, float | None]:
        if protocol in (Protocol.IMAP, Protocol.POP3):
            return self.delays.imap_idle_s.value, None
        if protocol is Protocol.SMTP:
            return None, self.delays.smtp_connection_s.value
        if protocol is Protocol.MAPI:
            return self.delays.mapi_idle_s.value, None
        return None, None

    def use(self, session: Session) -> Denied | None:
        """One command on it. A live connection is not looked at again but for what ended it.

        Only 2007 and 2010 look at an Outlook's logon again, every two hours.
        """
        if session.id not in self.sessions.live:
            return ENDED
        now = self.now()
        recheck = self.delays.mapi_recheck_s.value
        old = session.protocol is Protocol.MAPI and self.profile.has("active-logon-cache")
        if old and now >= session.opened_at + recheck:
            account = self.directory.find(session.sam)
            if account is None or not account.enabled:
                self.sessions.end(session, "logon checked again")
                return ENDED
            session.opened_at = now
        return self.sessions.touch(session)

    def _locked(self, sam: str) -> None:
        self.admin.end_on(sam, "moved")

    # Mail.

    def submit(
        self,
        sam: str,
        to: Sequence[str],
        subject: str,
        body: str,
        *,
        send_as: str | None = None,
    ) -> Denied | Message:
        return self.mail.submit(sam, to, subject, body, send_as)

    def deliver(self, sender: str, to: str, subject: str, body: str) -> None:
        self.mail.deliver(sender, to, subject, body)

    def log(self, server: str, protocol: Protocol, sam: str, status: int, url: str = "") -> None:
        """Keep one request as the HttpProxy log does."""
        line = LogLine(
            at=self.now(), server=server, protocol=protocol, sam=sam, status=status, url=url
        )
        self.servers[server].log.append(line)
