# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from typing import Final

from msgspec.structs import replace

from evict.core.endpoint import Endpoint
from evict.core.errors import Bug, Uncertain, Unsupported
from evict.core.sighting import Outcome, Sighting
from evict.probes.base import Login, Witness
from evict.probes.dialogue import Dialogue
from evict.probes.line import LineProber, LineWitness, outcome_of
from evict.wire.reply import Answer, Reply
from evict.wire.smtp import SmtpClient

NO_REASON: Final = "(reason unavailable)"

RECIPIENTS_A_TRANSACTION: Final = 100
"""Beats between two RSETs: what every server takes (RFC 5321 section 4.5.3.1.8).

Quirk: Postfix 3.7 counts RSET, NOOP and EHLO as junk commands (smtpd_junk_command_limit, 100): a
witness that resets at every beat is soon slowed down and then cut for that, which would look like
a shut door.
"""

RESETS: Final = 90
"""RSETs of one witness; then it is worn out and its beats are UNCLEAR (9,000 beats)."""


class SubmissionProber(LineProber):
    """SMTP submission: a witness names itself and a recipient, and sends no mail."""

    def __init__(self) -> None:
        super().__init__(SmtpClient)

    async def negative_login(self, endpoint: Endpoint, login: Login) -> Sighting:
        """As of every protocol; where Postfix names no reason, the sighting says what that means.

        Quirk: Postfix 3.7 in front of Dovecot 2.3.19 answers 535 with the same words where the
        directory behind Dovecot is down: only another protocol of that Dovecot tells them apart.
        """
        sighting = await super().negative_login(endpoint, login)
        if sighting.outcome is not Outcome.REFUSED or NO_REASON not in sighting.detail:
            return sighting
        told = f"{sighting.detail}; Postfix says the same where the directory does not answer"
        return replace(sighting, detail=told)

    async def witness(self, dialogue: Dialogue, login: Login) -> Witness:
        """Beat once: a server that refuses even now can prove nothing later.

        Raises:
            Unsupported: MAIL or RCPT is refused while the door is open.
        """
        client = dialogue.client
        if "@" not in login.address:
            raise Unsupported("no witness without a mail address", system=dialogue.endpoint.system)
        if not isinstance(client, SmtpClient):
            raise Bug("a submission witness speaks SMTP")
        witness = SubmissionWitness(dialogue, client, login)
        outcome = await witness.beat()
        if outcome is Outcome.REFUSED:
            last = (witness.transcript() or ("",))[-1]
            text = f"no witness: MAIL or RCPT is refused before anything was done: {last}"
            raise Unsupported(text, system=dialogue.endpoint.system)
        if outcome is not Outcome.LET_IN:
            raise Uncertain("no witness: its first beat failed", system=dialogue.endpoint.system)
        return witness


class SubmissionWitness(LineWitness):
    """A `Witness` whose beat is RCPT TO the postmaster of the leaver's domain, and sends nothing.

    Every server must take mail for a postmaster (RFC 5321 section 4.5.1).
    Quirk: Postfix 3.7 takes RCPT TO:<postmaster> without a domain before it asks any restriction
    or policy service, so that a shut door would look open.

    Hooks are asked at RCPT. A 5xx is REFUSED; a 4xx (a policy service that does not answer) is
    neither yes nor no; 421 and the end of the connection are CUT.
    """

    def __init__(self, dialogue: Dialogue, client: SmtpClient, login: Login) -> None:
        super().__init__(dialogue, login)
        self._client = client
        self._sender = login.address
        self._recipient = "postmaster@" + login.address.rpartition("@")[2]
        self._recipients = 0
        self._resets = 0
        self._in_transaction = False

    async def _beat(self) -> Outcome:
        client = self._client
        if self._owed:
            self._recipients = RECIPIENTS_A_TRANSACTION
            return _outcome(await self._ask(b""))
        if self._recipients >= RECIPIENTS_A_TRANSACTION:
            if self._resets >= RESETS:
                return Outcome.UNCLEAR
            self._resets += 1
            reply = await self._ask(client.reset())
            if reply.answer is not Answer.YES:
                return _outcome(reply)
            self._recipients, self._in_transaction = 0, False
        if not self._in_transaction:
            reply = await self._ask(client.mail(self._sender))
            if reply.answer is not Answer.YES:
                return _outcome(reply)
            self._in_transaction = True
        self._recipients += 1
        return _outcome(await self._ask(client.recipient(self._recipient)))


def _outcome(reply: Reply) -> Outcome:
    if reply.answer is Answer.NO and reply.code.startswith("5"):
        return Outcome.REFUSED
    return outcome_of(reply)
