# SPDX-License-Identifier: Apache-2.0
"""Kerberos: a ticket asked for with a password, and a ticket taken before, used at a mail server.

libkrb5 chooses the KDC itself, from KRB5_CONFIG: an endpoint's host and port and a login's source
address have no effect on it. No credential cache is left on disk.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

from evict.core.door import Credential
from evict.core.endpoint import Endpoint
from evict.core.errors import Unsupported
from evict.core.secret import Secret
from evict.core.sighting import Method, Outcome, Sighting
from evict.probes.base import Login, Witness
from evict.probes.dialogue import Dialogue, open_dialogue
from evict.probes.gss import Ticket, in_thread, load, minor_code, words
from evict.probes.line import NEGATIVE_LOGIN, Seen, judge_login, look
from evict.probes.transcript import Transcript
from evict.wire.imap import ImapClient
from evict.wire.managesieve import ManageSieveClient
from evict.wire.pop3 import Pop3Client
from evict.wire.reply import Answer, LineClient, Reply
from evict.wire.smtp import SmtpClient

_ENTERPRISE: Final = "1.2.840.113554.1.2.2.6"
"""GSS_KRB5_NT_ENTERPRISE_NAME: a UPN, which the KDC resolves (RFC 6806 section 5)."""

_BASE: Final = -1765328384
"""First code of libkrb5's table; a KDC's error number counts from it (RFC 4120 section 7.5.9)."""

_REFUSALS: Final = {1: "NAME_EXP", 18: "CLIENT_REVOKED", 24: "PREAUTH_FAILED"}
_NO_KDC: Final = frozenset({-1765328228, -1765328230, -1765328164})
"""KRB5_KDC_UNREACH, KRB5_REALM_UNKNOWN, KRB5_REALM_CANT_RESOLVE."""

_SERVICES: Final[dict[str, tuple[str, Callable[[], LineClient]]]] = {
    "imap": ("imap", ImapClient),
    "pop3": ("pop", Pop3Client),
    "managesieve": ("sieve", ManageSieveClient),
    "submission": ("smtp", SmtpClient),
}
"""GSSAPI service names: RFC 9051 section 6.2.2, RFC 5034 6, RFC 5804 2.1, RFC 4954 4."""


class KerberosProber:
    """AS exchange with a password, as the UPN."""

    async def negative_login(self, endpoint: Endpoint, login: Login) -> Sighting:
        """NAME_EXP, CLIENT_REVOKED and PREAUTH_FAILED are refusals.

        Quirk: Samba 4.17 says CLIENT_REVOKED of a disabled account only where the password is
        right, else PREAUTH_FAILED. Active Directory says CLIENT_REVOKED of a locked one too
        (MS-KILE 3.3.5.7.1).
        """
        transcript = Transcript((login.password.reveal().encode(),))

        async def attempt() -> Seen:
            gssapi = load(endpoint.system)
            transcript.sent(f"AS-REQ {login.name} ***")
            seen = await in_thread(
                lambda: _ask_kdc(gssapi, login.name, login.password, endpoint.realm),
                login.timeout_s,
                endpoint.system,
            )
            transcript.received(seen.detail.encode())
            return seen

        return await look(endpoint, NEGATIVE_LOGIN, transcript, attempt)

    async def open_witness(self, endpoint: Endpoint, login: Login) -> Witness:
        """Raises `Unsupported`: a KDC holds no session; `ticket_login` uses a ticket."""
        del login
        raise Unsupported("a KDC holds no session", system=endpoint.system)


async def ticket_login(
    endpoint: Endpoint,
    ccache: Path,
    service_host: str,
    *,
    source: str | None,
    timeout_s: float,
) -> Sighting:
    """Log in at a mail server with a ticket that the leaver took before.

    REFUSED only where the server took the ticket as genuine (both sides have authenticated) and
    then refused; a ticket that never reached the door proves nothing of it.

    Args:
        endpoint: IMAP, POP3, ManageSieve or submission.
        ccache: credential cache file with a service ticket, or with a ticket-granting one.
            It is read, never written.
        service_host: host part of the service principal.
    """
    transcript = Transcript()
    login = Login(name="", password=Secret(""), source=source, timeout_s=timeout_s)

    async def attempt() -> Seen:
        gssapi = load(endpoint.system)
        service, client = _SERVICES[endpoint.protocol]
        ticket = Ticket(gssapi, ccache, f"{service}@{service_host}", endpoint.system)
        token = await ticket.step(b"", timeout_s)
        dialogue = await open_dialogue(endpoint, client(), login, transcript)
        try:
            reply = await _authenticate(dialogue, ticket, token, timeout_s)
            if reply.answer is Answer.YES:
                await dialogue.leave()
            seen = judge_login(dialogue, reply)
        finally:
            await dialogue.close()
        if seen.outcome is Outcome.REFUSED and not ticket.taken:
            return Seen(Outcome.UNCLEAR, f"the service did not take the ticket: {seen.detail}")
        return seen

    return await look(endpoint, (Credential.TICKET, Method.WITNESS), transcript, attempt)


async def _authenticate(
    dialogue: Dialogue, ticket: Ticket, token: bytes, timeout_s: float
) -> Reply:
    """Spec: RFC 4752 section 3.1."""
    client = dialogue.client
    if "GSSAPI" not in client.mechanisms:
        raise Unsupported("the server offers no GSSAPI here", system=dialogue.endpoint.system)
    reply = await dialogue.ask(client.authenticate("GSSAPI", token), "(authenticates) GSSAPI ***")
    if reply.answer is Answer.GO_ON and not reply.challenge and not ticket.taken:
        reply = await dialogue.ask(client.respond(token), "***")
    while reply.answer is Answer.GO_ON:
        answer = await ticket.step(reply.challenge, timeout_s)
        reply = await dialogue.ask(client.respond(answer), "***")
    return reply


def _ask_kdc(gssapi: Any, name: str, password: Secret, realm: str) -> Seen:
    """One AS exchange; the ticket lives in memory and is gone with the credentials."""
    try:
        kind = gssapi.OID.from_int_seq(_ENTERPRISE)
        who = gssapi.Name(f"{name}@{realm}" if "@" in name else name, kind)
        gssapi.raw.acquire_cred_with_password(
            who, password.reveal().encode(), mechs=[gssapi.MechType.kerberos], usage="initiate"
        )
    except gssapi.exceptions.GSSError as error:
        return _judge_kdc(error, realm)
    return Seen(Outcome.LET_IN, f"the KDC of {realm} gave a ticket")


def _judge_kdc(error: Any, realm: str) -> Seen:
    code = minor_code(error)
    if code in _NO_KDC:
        return Seen(Outcome.UNREACHABLE, f"no KDC of {realm} answers: {words(error)}")
    name = _REFUSALS.get(code - _BASE)
    if name is not None:
        return Seen(Outcome.REFUSED, f"the KDC of {realm} refuses: {name}")
    return Seen(Outcome.UNCLEAR, f"the KDC of {realm} says neither yes nor no: {words(error)}")
