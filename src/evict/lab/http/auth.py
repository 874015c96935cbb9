# SPDX-License-Identifier: Apache-2.0
"""Who sent a request: Basic, NTLM and Negotiate."""

from __future__ import annotations

import base64
import binascii
import contextlib
import os
import struct
import tempfile
import threading
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Generic, TypeVar

import spnego
from spnego._ntlm_raw.crypto import ntowfv1
from spnego.exceptions import SpnegoError

from evict.lab.http.messages import Request

Caller = TypeVar("Caller")
_STATE: Final = "negotiator"
_MAX_TOKEN: Final = 64 * 1024
_AUTHENTICATE: Final = b"NTLMSSP\x00\x03\x00\x00\x00"
_environment = threading.Lock()


def basic_credentials(request: Request) -> tuple[str, str] | None:
    """Name and password; None where there are none, or not in a form that can be read.

    Spec: RFC 7617 section 2. A password that is not UTF-8 is taken as Latin-1, as browsers send.
    """
    scheme, _, value = request.headers.get("authorization").partition(" ")
    if scheme.lower() != "basic":
        return None
    try:
        raw = base64.b64decode(value.strip(), validate=True)
    except (binascii.Error, ValueError):
        return None
    try:
        text = raw.decode("utf-8")
    except UnicodeDecodeError:
        text = raw.decode("latin-1")
    name, colon, password = text.partition(":")
    return (name, password) if colon and name else None


@dataclass(slots=True)
class Signed(Generic[Caller]):
    """A caller that is known, on this connection from now on.

    Attributes:
        headers: to send with the answer.
        context: seals and opens messages (`wrap_winrm`, `unwrap_winrm`).
        kerberos: by a ticket, else by NTLM.
    """

    caller: Caller
    headers: list[tuple[str, str]]
    context: spnego.ContextProxy
    kerberos: bool


@dataclass(slots=True)
class Challenge:
    """Answer 401 with these headers."""

    headers: list[tuple[str, str]]


@dataclass(slots=True)
class _Seat(Generic[Caller]):
    """What a connection remembers."""

    context: spnego.ContextProxy | None = None
    caller: Caller | None = None


class Negotiator(Generic[Caller]):
    r"""NTLM and Negotiate without a domain. One for a site; what it knows hangs on connections.

    NTLM proves that the client knows a password without showing it, so the passwords that may be
    meant are asked for by name: more than one, because a domain controller takes the former one
    for a while.

    Args:
        passwords: account's name as sent (`NETBIOS\name`, `name@domain` or `name`) -> passwords.
        admit: name and the password proved (None: by a ticket) -> caller, None to refuse.
        schemes: offered, in this order.
        keytab: for Kerberos, which needs `gssapi`.
        place: on a connection; sites of a port that share it take each other's word for who it is.
    """

    def __init__(
        self,
        passwords: Callable[[str], Sequence[str]],
        admit: Callable[[str, str | None], Caller | None],
        *,
        schemes: Sequence[str] = ("Negotiate", "NTLM"),
        keytab: Path | None = None,
        place: str = _STATE,
    ) -> None:
        self._passwords = passwords
        self._admit = admit
        self.schemes = tuple(schemes)
        self._keytab = keytab
        self._key = place

    def offers(self) -> list[tuple[str, str]]:
        return [("WWW-Authenticate", scheme) for scheme in self.schemes]

    def authenticate(self, request: Request) -> Signed[Caller] | Challenge:
        """Who it is. A connection that is known needs no header again."""
        seat: _Seat[Caller]
        seat = request.connection.state.setdefault(self._key, _Seat())  # type: ignore[assignment]
        scheme, _, value = request.headers.get("authorization").partition(" ")
        known = {name.lower(): name for name in self.schemes}.get(scheme.lower())
        if known is None:
            return self._signed(seat, []) or Challenge(self.offers())
        try:
            token = base64.b64decode(value.strip(), validate=True)
        except (binascii.Error, ValueError):
            token = b""
        if not token or len(token) > _MAX_TOKEN:
            self.forget(request)
            return Challenge(self.offers())
        return self._step(request, seat, known, token)

    def forget(self, request: Request) -> None:
        request.connection.state.pop(self._key, None)

    def _signed(self, seat: _Seat[Caller], headers: list[tuple[str, str]]) -> Signed[Caller] | None:
        if seat.context is None or seat.caller is None:
            return None
        kerberos = seat.context.negotiated_protocol == "kerberos"
        return Signed(seat.caller, headers, seat.context, kerberos)

    def _step(
        self, request: Request, seat: _Seat[Caller], scheme: str, token: bytes
    ) -> Signed[Caller] | Challenge:
        if seat.context is None or seat.context.complete:
            seat.caller = None
            seat.context = self._new(scheme)
        try:
            answer, password = self._prove(seat.context, token)
            if not seat.context.complete:
                return Challenge([_header(scheme, answer)] if answer else self.offers())
            seat.caller = self._admit(seat.context.client_principal or "", password)
        # pyspnego reads foreign bytes: whatever it stumbles over, the token was no good.
        except Exception:  # noqa: BLE001
            seat.caller = None
        signed = self._signed(seat, [_header(scheme, answer)] if seat.caller and answer else [])
        if signed is None:
            self.forget(request)
            return Challenge(self.offers())
        return signed

    def _new(self, scheme: str) -> spnego.ContextProxy:
        ntlm = scheme.lower() == "ntlm"
        with _credentials("", [], self._keytab):
            return spnego.server(
                protocol="ntlm" if ntlm else "negotiate",
                service="HTTP",
                options=spnego.NegotiateOptions.wrapping_winrm
                | (
                    spnego.NegotiateOptions.use_ntlm
                    if ntlm
                    else spnego.NegotiateOptions.use_negotiate
                ),
            )

    def _prove(self, context: spnego.ContextProxy, token: bytes) -> tuple[bytes | None, str | None]:
        """Gives the token to answer and, after NTLM's last message, the password proved."""
        name = ntlm_name(token)
        if name is None:
            with _credentials("", [], self._keytab):
                return context.step(token), None
        for password in self._passwords(name):
            with _credentials(name, [password], self._keytab), contextlib.suppress(SpnegoError):
                return context.step(token), password
        raise SpnegoError(context_msg="no password fits")


def ntlm_name(token: bytes) -> str | None:
    """The account that an AUTHENTICATE message names, bare or within SPNEGO; None: no such one.

    Spec: MS-NLMP section 2.2.1.3 (fields of DomainName and UserName, offsets from its start).
    """
    start = token.find(_AUTHENTICATE)
    if start < 0:
        return None
    message = token[start:]
    try:
        domain, user = _text(message, 28), _text(message, 36)
    except (struct.error, UnicodeDecodeError):
        return None
    return f"{domain}\\{user}" if domain else user


def _text(message: bytes, at: int) -> str:
    length, _, offset = struct.unpack_from("<HHI", message, at)
    (flags,) = struct.unpack_from("<I", message, 60)
    return message[offset : offset + length].decode("utf-16-le" if flags & 1 else "latin-1")


def _header(scheme: str, token: bytes | None) -> tuple[str, str]:
    return "WWW-Authenticate", f"{scheme} {base64.b64encode(token or b'').decode()}"


@contextlib.contextmanager
def _credentials(name: str, passwords: Sequence[str], keytab: Path | None) -> Iterator[None]:
    """Let pyspnego find these.

    It looks in a file that the environment names, and nowhere else, so the file lives for one
    step, with the hash in it that the step is checked against.
    """
    lines = [f"{name}:0:{'0' * 32}:{ntowfv1(p).hex().upper()}:[U]:LCT-0\n" for p in passwords]
    with _environment, tempfile.NamedTemporaryFile("w", encoding="utf-8", suffix=".ntlm") as file:
        file.writelines(lines)
        file.flush()
        wanted = {"NTLM_USER_FILE": file.name} | ({"KRB5_KTNAME": str(keytab)} if keytab else {})
        before = {key: os.environ.get(key) for key in wanted}
        os.environ.update(wanted)
        try:
            yield
        finally:
            for key, value in before.items():
                if value is None:
                    del os.environ[key]
                else:
                    os.environ[key] = value
