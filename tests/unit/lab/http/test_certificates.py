# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import asyncio
import ssl
from pathlib import Path

import pytest
from cryptography import x509

from evict.lab.certificates import Authority

NAME = "mail.corp.example"


async def handshake(authority: Authority, client: ssl.SSLContext, name: str) -> str:
    """Shake hands in memory; gives the protocol."""
    to_server, to_client = ssl.MemoryBIO(), ssl.MemoryBIO()
    server = authority.server_context(NAME, "127.0.0.1")
    there = server.wrap_bio(to_server, to_client, server_side=True)
    here = client.wrap_bio(to_client, to_server, server_hostname=name)
    for _ in range(4):
        for end in (here, there):
            try:
                end.do_handshake()
            except ssl.SSLWantReadError:
                await asyncio.sleep(0)
    return here.version() or ""


@pytest.mark.parametrize("name", [NAME, "127.0.0.1"])
async def test_a_client_that_trusts_the_authority_is_served(name: str, tmp_path: Path) -> None:
    authority = Authority()
    authority.write_ca(tmp_path / "ca.pem")
    strict = ssl.create_default_context(cafile=str(tmp_path / "ca.pem"))
    strict.verify_flags |= ssl.VERIFY_X509_STRICT
    assert await handshake(authority, strict, name) == "TLSv1.3"
    assert await handshake(authority, authority.client_context(), name) == "TLSv1.3"


async def test_other_names_and_other_authorities_are_refused() -> None:
    authority = Authority()
    for client, name in (
        (authority.client_context(), "other.example"),
        (Authority().client_context(), NAME),
    ):
        with pytest.raises(ssl.SSLCertVerificationError):
            await handshake(authority, client, name)


def test_a_long_name_is_issued() -> None:
    name = "a" * 60 + ".corp.example"
    certificate, key = Authority().issue(name)
    names = x509.load_pem_x509_certificate(certificate).extensions.get_extension_for_class(
        x509.SubjectAlternativeName
    )
    assert names.value.get_values_for_type(x509.DNSName) == [name]
    assert b"PRIVATE KEY" in key
