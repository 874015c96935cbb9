# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import base64
import os

import pytest
import spnego
from hypothesis import given
from hypothesis import strategies as st

from evict.lab.http.auth import (
    Challenge,
    Negotiator,
    Signed,
    basic_credentials,
    ntlm_name,
)
from evict.lab.http.messages import Connection, Headers, Request


def request(authorization: str, connection: Connection | None = None) -> Request:
    headers = Headers([("Authorization", authorization)] if authorization else [])
    return Request("GET", "/", headers, connection or Connection("127.0.0.1"))


def b64(data: bytes) -> str:
    return base64.b64encode(data).decode()


@pytest.mark.parametrize(
    ("value", "wanted"),
    [
        ("Basic " + b64(b"CORP\\alice:a:b"), ("CORP\\alice", "a:b")),
        ("basic " + b64("zoë:ü".encode()), ("zoë", "ü")),
        ("Basic " + b64("zoe:ü".encode("latin-1")), ("zoe", "ü")),
        ("Basic " + b64(b"alice:"), ("alice", "")),
        ("Basic " + b64(b"no colon"), None),
        ("Basic " + b64(b":nobody"), None),
        ("Basic !!!", None),
        ("Basic", None),
        ("Bearer " + b64(b"a:b"), None),
        ("", None),
    ],
)
def test_basic(value: str, wanted: tuple[str, str] | None) -> None:
    assert basic_credentials(request(value)) == wanted


@given(st.text(max_size=40))
def test_basic_never_fails(value: str) -> None:
    assert basic_credentials(request(f"Basic {value}")) is None or ":" not in value


class Directory:
    """One account with a present and a former password."""

    def __init__(self) -> None:
        self.passwords = ["new:password", "old"]
        self.disabled = False
        self.names: list[str] = []

    def look(self, name: str) -> list[str]:
        self.names.append(name)
        return self.passwords if name in ("CORP\\alice", "alice@corp.example") else []

    def admit(self, name: str, password: str | None) -> tuple[str, str | None] | None:
        return None if self.disabled else (name, password)


def sign_in(
    negotiator: Negotiator[tuple[str, str | None]],
    connection: Connection,
    name: str,
    password: str,
    scheme: str,
) -> Signed[tuple[str, str | None]] | Challenge:
    client = spnego.client(
        name,
        password,
        protocol=scheme.lower(),
        options=spnego.NegotiateOptions.use_ntlm
        if scheme == "NTLM"
        else spnego.NegotiateOptions.use_negotiate,
    )
    token = client.step()
    while True:
        answer = negotiator.authenticate(request(f"{scheme} {b64(token or b'')}", connection))
        if isinstance(answer, Signed) or client.complete:
            return answer
        _, _, value = dict(answer.headers)["WWW-Authenticate"].partition(" ")
        if not value:
            return answer
        token = client.step(base64.b64decode(value))


@pytest.mark.parametrize("scheme", ["Negotiate", "NTLM"])
@pytest.mark.parametrize("name", ["CORP\\alice", "alice@corp.example"])
@pytest.mark.parametrize("password", ["new:password", "old"])
def test_a_password_is_proved_and_the_connection_known(
    scheme: str, name: str, password: str
) -> None:
    directory = Directory()
    negotiator = Negotiator(directory.look, directory.admit)
    connection = Connection("127.0.0.1")
    signed = sign_in(negotiator, connection, name, password, scheme)
    assert isinstance(signed, Signed)
    assert signed.caller == (name, password)
    assert not signed.kerberos
    assert set(directory.names) == {name}
    again = negotiator.authenticate(request("", connection))
    assert isinstance(again, Signed)
    assert again.headers == []
    other = negotiator.authenticate(request("", Connection("127.0.0.1")))
    assert other == Challenge(negotiator.offers())
    assert "NTLM_USER_FILE" not in os.environ


@pytest.mark.parametrize("scheme", ["Negotiate", "NTLM"])
def test_wrong_unknown_and_disabled_are_refused(scheme: str) -> None:
    directory = Directory()
    negotiator = Negotiator(directory.look, directory.admit)
    refused = Challenge([("WWW-Authenticate", "Negotiate"), ("WWW-Authenticate", "NTLM")])
    connection = Connection("127.0.0.1")
    for name, password in (("CORP\\alice", "wrong"), ("CORP\\bob", "old"), ("alice", "old")):
        assert sign_in(negotiator, connection, name, password, scheme) == refused
    directory.disabled = True
    assert sign_in(negotiator, connection, "CORP\\alice", "old", scheme) == refused
    assert negotiator.authenticate(request("", connection)) == refused
    directory.disabled = False
    assert isinstance(sign_in(negotiator, connection, "CORP\\alice", "old", scheme), Signed)


@given(st.sampled_from(["Negotiate", "NTLM", "Basic"]), st.binary(max_size=120))
def test_any_token_is_a_challenge(scheme: str, tail: bytes) -> None:
    directory = Directory()
    negotiator = Negotiator(directory.look, directory.admit)
    connection = Connection("127.0.0.1")
    for start in (b"", b"NTLMSSP\0\1\0\0\0", b"NTLMSSP\0\3\0\0\0", b"\x60\x48\x06\x06"):
        answer = negotiator.authenticate(request(f"{scheme} {b64(start + tail)}", connection))
        assert isinstance(answer, Challenge)


@given(st.binary(max_size=120))
def test_a_name_is_read_or_is_not_there(tail: bytes) -> None:
    name = ntlm_name(b"NTLMSSP\0\3\0\0\0" + tail)
    assert name is None or isinstance(name, str)
