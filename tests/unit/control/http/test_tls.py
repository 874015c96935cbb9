# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import asyncio
import ssl
from pathlib import Path

import pytest
import trustme
from msgspec import structs

from evict.config.service import HttpSection
from evict.control.http import tls
from evict.control.http.listener import _renewed
from evict.control.http.messages import Answer, Request, plain
from evict.control.http.server import HttpServer
from evict.core.errors import ConfigError
from tests.unit.config.test_http_section import _CONFIG
from tests.unit.control.http.browsing import HOST, get


def issue(folder: Path, name: str = HOST) -> tuple[HttpSection, ssl.SSLContext]:
    """A certificate in the files of one section, of an authority of its own."""
    authority = trustme.CA()
    issued = authority.issue_cert(name)
    certificate, key = folder / "http.pem", folder / "http.key"
    issued.cert_chain_pems[0].write_to_path(certificate)
    issued.private_key_pem.write_to_path(key)
    trusting = ssl.create_default_context()
    authority.configure_trust(trusting)
    section = HttpSection(listen=f"{HOST}:0", certificate_file=certificate, key_file=key)
    return section, trusting


async def alive(port: int, trusting: ssl.SSLContext) -> bool:
    reader, writer = await asyncio.open_connection(HOST, port, ssl=trusting)
    writer.write(get("/", "Connection: close"))
    text = await reader.read()
    writer.close()
    await writer.wait_closed()
    return text.startswith(b"HTTP/1.1 200")


async def answer(_: Request) -> Answer:
    return plain(200)


async def test_a_renewed_certificate_is_shown_without_a_restart(tmp_path: Path) -> None:
    section, trusting = issue(tmp_path)
    context = tls.context(section)
    server = HttpServer(answer)
    port = await server.start(HOST, 0, context)
    try:
        assert await alive(port, trusting)
        _, newly = issue(tmp_path)
        assert await alive(port, trusting)
        assert context is not None
        commit = _renewed(tls.Renewable(context), structs.replace(_CONFIG, http=section))
        # What is prepared for can be put into force, whatever becomes of the files meanwhile.
        assert section.key_file is not None
        section.key_file.unlink()
        commit()
        assert await alive(port, newly)
        with pytest.raises(ssl.SSLCertVerificationError):
            await alive(port, trusting)
    finally:
        await server.stop()


def test_a_bad_one_leaves_the_old_in_place(tmp_path: Path) -> None:
    section, _ = issue(tmp_path)
    context = tls.context(section)
    assert context is not None
    assert section.key_file is not None
    section.key_file.write_text((tmp_path / "http.pem").read_text())
    with pytest.raises(ConfigError, match="http: certificate"):
        _renewed(tls.Renewable(context), structs.replace(_CONFIG, http=section))


def test_a_key_under_a_passphrase_is_refused_and_asks_nobody(tmp_path: Path) -> None:
    section, _ = issue(tmp_path)
    assert section.key_file is not None
    section.key_file.write_text(
        "-----BEGIN ENCRYPTED PRIVATE KEY-----\nAAAA\n-----END ENCRYPTED PRIVATE KEY-----\n"
    )
    with pytest.raises(ConfigError):
        tls.context(section)


def test_without_a_certificate_there_is_no_tls() -> None:
    assert tls.context(HttpSection(listen="127.0.0.1:1")) is None


async def test_an_address_that_is_taken_is_said() -> None:
    first, second = HttpServer(answer), HttpServer(answer)
    port = await first.start(HOST, 0)
    try:
        with pytest.raises(ConfigError, match=rf"cannot listen on {HOST}:{port}"):
            await second.start(HOST, port)
    finally:
        await first.stop()
        await second.stop()
