# SPDX-License-Identifier: Apache-2.0
"""Live sessions of one person, one class a protocol: log in, use it once (`beat`), leave."""

from __future__ import annotations

import base64
from abc import abstractmethod
from typing import ClassVar, Final

from estate import layout as at
from estate.clients.lines import Ended, Lines, Refused
from estate.clients.live import Live, Protocols
from estate.layout import Layout
from estate.people import Person


class Session(Live):
    """A person's live connection of lines."""

    port: ClassVar[int]
    tls: ClassVar[bool] = True

    def __init__(self, layout: Layout, person: Person, source: str) -> None:
        self.lines = Lines(layout, self.port, source, tls=self.tls)
        self.person = person
        try:
            self.log_in(person.name, person.password)
        except BaseException:
            self.lines.close()
            raise

    @abstractmethod
    def log_in(self, name: str, password: str) -> None: ...

    def close(self) -> None:
        self.lines.close()


class Imap(Session):
    port = at.IMAPS

    def log_in(self, name: str, password: str) -> None:
        self.lines.line()
        self.command(f'LOGIN "{name}" "{password}"')
        self.command("SELECT INBOX")

    def command(self, text: str) -> list[str]:
        """Send one command; return the untagged answers."""
        self.lines.send(f"a {text}")
        return self.answers()

    def answers(self) -> list[str]:
        """Read up to the tagged answer."""
        untagged = []
        while not (line := self.lines.line()).startswith("a "):
            if line.startswith("* BYE"):
                raise Ended(line)
            untagged.append(line)
        if not line.startswith("a OK"):
            raise Refused(line)
        return untagged

    def beat(self) -> None:
        self.command("NOOP")


class ImapIdle(Imap):
    """Waits in IDLE (RFC 2177); a beat only looks whether the server has ended it."""

    def log_in(self, name: str, password: str) -> None:
        super().log_in(name, password)
        self.lines.send("a IDLE")
        while not self.lines.line().startswith("+"):
            pass

    def beat(self) -> None:
        while self.lines.waiting():
            if (line := self.lines.line()).startswith("* BYE"):
                raise Ended(line)


class Pop3(Session):
    port = at.POP3S

    def log_in(self, name: str, password: str) -> None:
        self.lines.line()
        self.command(f"USER {name}")
        self.command(f"PASS {password}")

    def command(self, text: str) -> None:
        self.lines.send(text)
        if not (line := self.lines.line()).startswith("+OK"):
            raise Refused(line)

    def beat(self) -> None:
        self.command("NOOP")


class ManageSieve(Session):
    port = at.MANAGESIEVE
    tls = False

    def log_in(self, name: str, password: str) -> None:
        self.answers()
        self.command("STARTTLS")
        self.lines.start_tls()
        self.answers()
        self.command(f'AUTHENTICATE "PLAIN" "{plain(name, password)}"')

    def command(self, text: str) -> list[str]:
        self.lines.send(text)
        return self.answers()

    def answers(self) -> list[str]:
        """Read up to the response (RFC 5804 section 1.2)."""
        lines = []
        while not (line := self.lines.line()).startswith(("OK", "NO", "BYE")):
            lines.append(line)
        if line.startswith("BYE"):
            raise Ended(line)
        if line.startswith("NO"):
            raise Refused(line)
        return lines

    def put_script(self, name: str, script: str) -> None:
        """Store a script and make it the active one."""
        self.command(f'PUTSCRIPT "{name}" {{{len(script.encode())}+}}\r\n{script}')
        self.command(f'SETACTIVE "{name}"')

    def beat(self) -> None:
        self.command("NOOP")


class Submission(Session):
    """A beat names one more recipient of a mail that is never sent.

    Quirk: Postfix 3.7 counts NOOP and RSET as junk and errs after 100 (smtpd_junk_command_limit);
    RCPT it does not count, up to smtpd_recipient_limit (1000) a mail.
    """

    port = at.SUBMISSION
    tls = False

    def log_in(self, name: str, password: str) -> None:
        self._recipients = 0
        self.answer()
        self.command("EHLO client.test")
        self.command("STARTTLS")
        self.lines.start_tls()
        self.command("EHLO client.test")
        self.command(f"AUTH PLAIN {plain(name, password)}")

    def command(self, text: str) -> str:
        self.lines.send(text)
        return self.answer()

    def answer(self) -> str:
        """The last line of an answer (RFC 5321 section 4.2)."""
        while (line := self.lines.line())[3:4] == "-":
            pass
        if line[:1] not in ("2", "3"):
            raise Refused(line)
        return line

    def beat(self) -> None:
        if self._recipients % 900 == 0:
            if self._recipients:
                self.command("RSET")
            self.command(f"MAIL FROM:<{self.person.mail}>")
        self._recipients += 1
        self.command("RCPT TO:<postmaster@corp.test>")

    def send_mail(self, to: str, subject: str) -> None:
        """Submit one short mail."""
        self.command(f"MAIL FROM:<{self.person.mail}>")
        self.command(f"RCPT TO:<{to}>")
        self.command("DATA")
        self.command(
            f"From: {self.person.mail}\r\nTo: {to}\r\nSubject: {subject}\r\n\r\nHello.\r\n."
        )


class SubmissionTcp(Submission):
    """The port whose policy question goes over TCP."""

    port = at.SUBMISSION_TCP


def plain(name: str, password: str) -> str:
    """SASL PLAIN, initial response (RFC 4616)."""
    return base64.b64encode(f"\0{name}\0{password}".encode()).decode()


PROTOCOLS: Final[Protocols] = {
    "imap": Imap,
    "imap-idle": ImapIdle,
    "pop3": Pop3,
    "managesieve": ManageSieve,
    "submission": Submission,
    "submission-tcp": SubmissionTcp,
}
