# SPDX-License-Identifier: Apache-2.0
"""What lies in a mailbox and leaves it: delivered mail, an active Sieve redirect, queued mail."""

from __future__ import annotations

import smtplib
import time
from email.message import EmailMessage
from typing import Final

from estate import layout as at
from estate.clients.sessions import ManageSieve, Submission
from estate.commands import EstateError, run
from estate.layout import Layout
from estate.people import Person

ARRIVE_S: Final = 15.0
SLOW_DOMAIN: Final = "slow.test"
"""Mail to it stays in the queue: nobody listens where it would go."""


def fill_as_leaver(layout: Layout, person: Person, forward_to: Person, source: str) -> None:
    """A few mails, an active redirect, a mail that waits in the queue. The hooks must answer."""
    deliver(layout, person, "welcome", "your contract", "lunch?")
    redirect(layout, person, forward_to, source)
    queue(layout, person, "on its way", source)


def deliver(layout: Layout, to: Person, *subjects: str) -> None:
    """Send mails from outside, through Postfix and LMTP, and wait until they have arrived."""
    with smtplib.SMTP(layout.ip, at.SMTP, local_hostname="outside.test") as server:
        for subject in subjects:
            message = EmailMessage()
            message["From"] = "somebody@outside.test"
            message["To"] = to.mail
            message["Subject"] = subject
            message.set_content("Hello.\n")
            server.send_message(message)
    for subject in subjects:
        wait_for_mail(layout, to, subject)


def wait_for_mail(layout: Layout, person: Person, subject: str) -> None:
    """Raises `EstateError` where no mail of this subject arrives in time."""
    until = time.monotonic() + ARRIVE_S
    while subject not in subjects(layout, person):
        if time.monotonic() > until:
            raise EstateError(f"no mail {subject!r} for {person.name} in {ARRIVE_S:g} s")
        time.sleep(0.05)


def subjects(layout: Layout, person: Person) -> list[str]:
    """Subjects in the inbox, read from its files: no server is asked and no hook."""
    inbox = layout.mail / person.name.lower() / "Maildir"
    found = []
    for file in (*inbox.glob("new/*"), *inbox.glob("cur/*")):
        for line in file.read_text(errors="replace").splitlines():
            if line.startswith("Subject: "):
                found.append(line.removeprefix("Subject: "))
                break
    return found


def redirect(layout: Layout, person: Person, to: Person, source: str) -> None:
    """As the person: store and activate a Sieve script that forwards every mail and keeps it."""
    session = ManageSieve(layout, person, source)
    script = f'require ["copy"];\r\nredirect :copy "{to.mail}";\r\n'
    session.put_script("forward", script)
    session.close()


def queue(layout: Layout, person: Person, subject: str, source: str) -> None:
    """As the person: submit a mail that stays in Postfix's queue; wait until it is deferred."""
    session = Submission(layout, person, source)
    session.send_mail(f"somebody@{SLOW_DOMAIN}", subject)
    session.close()
    until = time.monotonic() + ARRIVE_S
    while person.mail not in queued(layout):
        if time.monotonic() > until:
            raise EstateError(f"the mail of {person.name} is not in the queue")
        time.sleep(0.05)


def queued(layout: Layout) -> str:
    """Postfix's queue, one JSON object a line."""
    return run("postqueue", "-c", layout.postfix_etc, "-j")
