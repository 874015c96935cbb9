# SPDX-License-Identifier: Apache-2.0
"""The KDC here answers with errors only; tickets are tried on the real estate."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import cast

import pytest

from evict.core.door import Credential
from evict.core.endpoint import Endpoint
from evict.core.errors import Unsupported
from evict.core.sighting import Method, Outcome
from evict.probes.kerberos import ticket_login
from evict.probes.registry import prober
from tests.unit.probes.fakes import HOST, NAME, SOURCE, ImapFake, listening, login

REALM = "CORP.TEST"


def tlv(tag: int, *parts: bytes) -> bytes:
    body = b"".join(parts)
    head = bytes([len(body)]) if len(body) < 128 else bytes([0x81, len(body)])
    return bytes([tag]) + head + body


def krb_error(code: int) -> bytes:
    """KRB-ERROR, RFC 4120 section 5.9.1."""
    name = tlv(
        0x30,
        tlv(0xA0, tlv(0x02, b"\x02")),
        tlv(0xA1, tlv(0x30, tlv(0x1B, b"krbtgt"), tlv(0x1B, REALM.encode()))),
    )
    fields = (
        (0, tlv(0x02, b"\x05")),
        (1, tlv(0x02, b"\x1e")),
        (4, tlv(0x18, b"20260101000000Z")),
        (5, tlv(0x02, b"\x00")),
        (6, tlv(0x02, bytes([code]))),
        (9, tlv(0x1B, REALM.encode())),
        (10, name),
    )
    return tlv(0x7E, tlv(0x30, *(tlv(0xA0 + number, value) for number, value in fields)))


class Kdc(asyncio.DatagramProtocol):
    """Answers every request with one error, or not at all."""

    def __init__(self, code: int | None) -> None:
        self._code = code
        self.asked = 0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.DatagramTransport", transport)

    def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
        del data
        self.asked += 1
        if self._code is not None:
            self._transport.sendto(krb_error(self._code), addr)


@asynccontextmanager
async def kdc(
    code: int | None, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[Endpoint]:
    loop = asyncio.get_running_loop()
    transport, _ = await loop.create_datagram_endpoint(lambda: Kdc(code), local_addr=(HOST, 0))
    port = transport.get_extra_info("sockname")[1]
    config = folder / "krb5.conf"
    config.write_text(
        f"[libdefaults]\n default_realm = {REALM}\n dns_lookup_kdc = false\n"
        f"[realms]\n {REALM} = {{\n  kdc = {HOST}:{port}\n }}\n"
    )
    monkeypatch.setenv("KRB5_CONFIG", str(config))
    try:
        yield Endpoint(system="directory", protocol="kerberos", host=HOST, port=port, realm=REALM)
    finally:
        transport.close()


@pytest.mark.parametrize(
    ("code", "outcome", "words"),
    [
        (18, Outcome.REFUSED, "CLIENT_REVOKED"),
        (24, Outcome.REFUSED, "PREAUTH_FAILED"),
        (1, Outcome.REFUSED, "NAME_EXP"),
        (6, Outcome.UNCLEAR, "not found"),
        (23, Outcome.UNCLEAR, "expired"),
        (14, Outcome.UNCLEAR, "neither yes nor no"),
        (60, Outcome.UNCLEAR, "neither yes nor no"),
    ],
)
async def test_what_a_kdc_says(
    code: int,
    outcome: Outcome,
    words: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async with kdc(code, tmp_path, monkeypatch) as endpoint:
        sighting = await prober("kerberos").negative_login(endpoint, login(timeout_s=5))
    assert sighting.outcome is outcome, sighting
    assert words in sighting.detail
    assert sighting.door.credential is Credential.PASSWORD
    assert login().password.reveal() not in "".join(sighting.transcript)


async def test_a_kdc_that_hangs_is_unclear_and_holds_nobody_up(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with kdc(None, tmp_path, monkeypatch) as endpoint:
        async with asyncio.timeout(3):
            sighting = await prober("kerberos").negative_login(endpoint, login(timeout_s=0.3))
    assert sighting.outcome is Outcome.UNCLEAR


async def test_a_kdc_that_is_not_there_is_unreachable(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with kdc(None, tmp_path, monkeypatch) as endpoint:
        pass
    sighting = await prober("kerberos").negative_login(endpoint, login(timeout_s=20))
    assert sighting.outcome is Outcome.UNREACHABLE


async def test_a_kdc_holds_no_session() -> None:
    endpoint = Endpoint(system="directory", protocol="kerberos", host=HOST, port=88, realm=REALM)
    with pytest.raises(Unsupported):
        await prober("kerberos").open_witness(endpoint, login())


@pytest.mark.parametrize("content", [None, b"", b"\x05\x04 no cache of tickets"])
async def test_a_ticket_that_cannot_be_used_says_nothing_of_the_door(
    content: bytes | None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ccache = tmp_path / "ccache"
    if content is not None:
        ccache.write_bytes(content)
    async with kdc(18, tmp_path, monkeypatch), listening(ImapFake()) as endpoint:
        sighting = await ticket_login(endpoint, ccache, NAME, source=SOURCE, timeout_s=2)
    assert sighting.outcome is Outcome.UNCLEAR
    assert "ticket" in sighting.detail
    assert (sighting.door.credential, sighting.method) == (Credential.TICKET, Method.WITNESS)
    assert content is None or ccache.read_bytes() == content


async def test_without_the_package_it_is_said_what_to_install(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "gssapi", None)
    endpoint = Endpoint(system="directory", protocol="kerberos", host=HOST, port=88, realm=REALM)
    sighting = await prober("kerberos").negative_login(endpoint, login())
    assert sighting.outcome is Outcome.UNCLEAR
    assert "evict[kerberos]" in sighting.detail
    async with listening(ImapFake()) as mail:
        seen = await ticket_login(mail, tmp_path / "none", NAME, source=SOURCE, timeout_s=2)
    assert "evict[kerberos]" in seen.detail
