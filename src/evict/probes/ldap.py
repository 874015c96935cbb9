# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from enum import StrEnum
from typing import Final

from msgspec import Struct

from evict.core.endpoint import Endpoint, Tls
from evict.core.errors import Uncertain, Unreachable, Unsupported
from evict.core.sighting import Outcome, Sighting
from evict.probes.base import Login, Witness
from evict.probes.line import NEGATIVE_LOGIN, Seen, look
from evict.probes.transcript import Transcript
from evict.probes.transport import Connection, connect
from evict.wire import ldap_bind
from evict.wire.ldap_bind import BindResult, Messages


class BindCode(StrEnum):
    """What a domain controller says of a simple bind; the values are AD's own, in hex.

    Source: MS-ERREF 2.2 (the Win32 codes of SEC_E_LOGON_DENIED's cause); Samba 4.17 writes the
    same text ("... error, data 533, v1db1").
    Quirk: Samba 4.17 and Windows look at the password first: 533 and 701 are said only where it
    is right, 52e where it is wrong, of a disabled account too.
    """

    ACCEPTED = "0"
    NO_SUCH_ACCOUNT = "525"
    WRONG_PASSWORD = "52e"  # noqa: S105 - a code
    WRONG_HOURS = "530"
    WRONG_WORKSTATION = "531"
    PASSWORD_EXPIRED = "532"  # noqa: S105 - a code
    DISABLED = "533"
    ACCOUNT_EXPIRED = "701"
    MUST_CHANGE = "773"
    LOCKED = "775"
    INVALID = "49"
    """Invalid credentials without a sub-code: no Active Directory, or one that hides it."""
    OTHER = "other"
    """Another result: says nothing of the password."""


_MEANING: Final = {
    BindCode.ACCEPTED: (Outcome.LET_IN, "the bind was accepted"),
    BindCode.WRONG_PASSWORD: (Outcome.REFUSED, "wrong password (52e)"),
    BindCode.DISABLED: (Outcome.REFUSED, "the account is disabled, the password right (533)"),
    BindCode.ACCOUNT_EXPIRED: (Outcome.REFUSED, "the account is expired (701)"),
    BindCode.INVALID: (Outcome.REFUSED, "invalid credentials (49), no sub-code"),
    BindCode.NO_SUCH_ACCOUNT: (Outcome.UNCLEAR, "no account of that name (525)"),
    BindCode.WRONG_HOURS: (Outcome.UNCLEAR, "refused at this hour only (530)"),
    BindCode.WRONG_WORKSTATION: (Outcome.UNCLEAR, "refused from here only (531)"),
    BindCode.PASSWORD_EXPIRED: (Outcome.UNCLEAR, "the password is right and to be changed (532)"),
    BindCode.MUST_CHANGE: (Outcome.UNCLEAR, "the password is right and to be changed (773)"),
    BindCode.LOCKED: (Outcome.UNCLEAR, "locked for a while, whatever the password is (775)"),
}
"""Unclear is what ends by itself, or what a new password opens: no proof of a shut door."""


class Bind(Struct, frozen=True, kw_only=True):
    """A simple bind's answer: AD's code, and the server's own text."""

    code: BindCode
    text: str


class LdapProber:
    """Simple bind under TLS, at once or by StartTLS, with the account's name."""

    async def negative_login(self, endpoint: Endpoint, login: Login) -> Sighting:
        transcript = Transcript((login.password.reveal().encode(),))

        async def attempt() -> Seen:
            bind = await _bind(endpoint, login, transcript)
            outcome, meaning = _MEANING.get(bind.code, (Outcome.UNCLEAR, bind.text))
            return Seen(outcome, meaning)

        return await look(endpoint, NEGATIVE_LOGIN, transcript, attempt)

    async def open_witness(self, endpoint: Endpoint, login: Login) -> Witness:
        """Raises `Unsupported`: a bound LDAP connection is no way into a mailbox."""
        del login
        raise Unsupported("an LDAP connection is no mailbox session", system=endpoint.system)


async def bind_code(endpoint: Endpoint, login: Login) -> Bind:
    """Bind once and say which code came: tells which of two passwords is the set one.

    `DISABLED` as well as `ACCEPTED` mean that the password is right.

    Raises:
        Unsupported: the endpoint has no TLS, or refuses StartTLS: a password goes nowhere in
            clear.
        Unreachable, Uncertain, RemoteProtocolError.
    """
    return await _bind(endpoint, login, Transcript((login.password.reveal().encode(),)))


async def _bind(endpoint: Endpoint, login: Login, transcript: Transcript) -> Bind:
    if not login.password.reveal():
        raise Unsupported("an empty password would bind anonymously", system=endpoint.system)
    if endpoint.tls is Tls.NONE:
        raise Unsupported("a simple bind goes under TLS only", system=endpoint.system)
    connection = await connect(endpoint, login.source, login.timeout_s)
    try:
        if endpoint.tls is Tls.STARTTLS:
            await _start_tls(connection, endpoint, transcript)
        transcript.sent(f"bind {login.name} ***")
        connection.write(ldap_bind.bind_request(login.name, login.password.reveal()))
        result = ldap_bind.parse_result(await _message(connection, endpoint, Messages()))
        connection.write(ldap_bind.unbind_request())
    finally:
        await connection.close()
    transcript.received(f"result {result.code} {result.text}".encode())
    return Bind(code=parse_code(result), text=transcript.clean(result.text.encode())[:160])


async def _start_tls(connection: Connection, endpoint: Endpoint, transcript: Transcript) -> None:
    """Begin TLS (RFC 4511 section 4.14).

    Raises:
        Unsupported: it is refused.
        Unreachable: TLS does not stand, or more came in clear than the answer.
    """
    transcript.sent("StartTLS")
    connection.write(ldap_bind.starttls_request())
    messages = Messages()
    answer = ldap_bind.parse_starttls_result(await _message(connection, endpoint, messages))
    said = f"result {answer.code} {transcript.clean(answer.text.encode())[:160]}"
    transcript.received(said.encode())
    if answer.code == ldap_bind.DISCONNECTION:
        raise Uncertain(f"no StartTLS: {said}", system=endpoint.system)
    if answer.code != ldap_bind.SUCCESS:
        raise Unsupported(f"no StartTLS: {said}", system=endpoint.system)
    if messages.pending:
        text = "more came in clear than the answer to StartTLS"
        raise Unreachable(text, system=endpoint.system)
    await connection.start_tls()


async def _message(connection: Connection, endpoint: Endpoint, messages: Messages) -> bytes:
    while (content := messages.next_message()) is None:
        data = await connection.read()
        if not data:
            raise Uncertain("the server ended the connection unasked", system=endpoint.system)
        messages.feed(data)
    return content


def parse_code(result: BindResult) -> BindCode:
    """AD's sub-code of a bind's result: the hex word after `data ` of the diagnostic message."""
    if result.code == ldap_bind.SUCCESS:
        return BindCode.ACCEPTED
    if result.code != ldap_bind.INVALID_CREDENTIALS:
        return BindCode.OTHER
    _, found, rest = result.text.partition(" data ")
    word = rest.split(",", 1)[0].strip().lower()
    if not found:
        return BindCode.INVALID
    known = {code.value: code for code in BindCode if code.value not in {"0", "49", "other"}}
    return known.get(word, BindCode.OTHER)
