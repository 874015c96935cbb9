# SPDX-License-Identifier: Apache-2.0
"""The Exchange shell by Kerberos: the tickets are of Samba's KDC."""

from __future__ import annotations

import socket
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from msgspec import structs

from estate.commands import run
from estate.layout import EVICT_PASSWORD, REALM, Layout
from evict.core.errors import AccessRefused
from evict.core.secret import Secret
from evict.systems.exchange.port import Shell
from tests.live.exchange_shell import (
    EVICT,
    EXCHANGE_HOST,
    OTHER_HOST,
    Exchange,
    listening,
    make_service,
)

pytestmark = pytest.mark.live
PRINCIPAL = f"{EVICT}@{REALM}"


@pytest.fixture(scope="module")
def keytab(estate: Layout, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """Of the account that answers for the Exchange host."""
    pytest.importorskip("gssapi")
    pytest.importorskip("krb5")
    sam = f"svc-exch-{uuid4().hex[:8]}"
    path = tmp_path_factory.mktemp("exchange") / "http.keytab"
    make_service(estate, sam, f"HTTP/{EXCHANGE_HOST}", path)
    yield path
    run("samba-tool", "user", "delete", sam, f"--URL={estate.sam}", "-s", estate.smb_conf)


@pytest.fixture
async def exchange(
    estate: Layout, keytab: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[Exchange]:
    _be_a_client(estate, tmp_path, monkeypatch)
    async with listening(estate.ip, keytab, tmp_path) as made:
        yield made


def _be_a_client(estate: Layout, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What a computer of the domain has: its realm, its names, and no ticket yet."""
    monkeypatch.setenv("KRB5_CONFIG", str(estate.krb5_config))
    monkeypatch.setenv("KRB5CCNAME", f"FILE:{folder / 'ccache'}")
    monkeypatch.setenv("KRB5RCACHENAME", f"file2:{folder / 'replay'}")
    resolve = socket.getaddrinfo

    def look_up(host: Any, *arguments: Any, **more: Any) -> Any:
        here = host in (EXCHANGE_HOST, OTHER_HOST)
        return resolve(estate.ip if here else host, *arguments, **more)

    monkeypatch.setattr(socket, "getaddrinfo", look_up)


@pytest.mark.parametrize("tls", [False, True], ids=["sealed", "tls"])
async def test_cmdlets_run_by_a_ticket(exchange: Exchange, *, tls: bool) -> None:
    shell = Shell(exchange.access(tls=tls))
    before = await shell.run("Get-CASMailbox", Identity="ann")
    await shell.run("Set-CASMailbox", Identity="ann", OWAEnabled=False)
    after = await shell.run("Get-CASMailbox", Identity="ann")
    await shell.close()
    assert (before.objects[0]["OWAEnabled"], after.objects[0]["OWAEnabled"]) == (True, False)
    assert not exchange.organisation.mailboxes["ann"].features.owa
    assert set(exchange.callers) == {(PRINCIPAL, None)}


@pytest.mark.parametrize("tls", [False, True], ids=["sealed", "tls"])
async def test_a_wrong_password_gets_no_ticket(exchange: Exchange, *, tls: bool) -> None:
    shell = Shell(exchange.access(tls=tls, password="Wr0ng-and-secret"))
    with pytest.raises(AccessRefused, match="sign in by kerberos") as caught:
        await shell.run("Set-CASMailbox", Identity="ann", OWAEnabled=False)
    assert "Wr0ng" not in repr(caught.value) + str(caught.value.__cause__)
    assert not exchange.callers
    assert exchange.organisation.mailboxes["ann"].features.owa


async def test_a_ticket_that_was_taken_before_serves_too(exchange: Exchange) -> None:
    access = structs.replace(exchange.access(tls=True), user="", password=Secret(""))
    without = Shell(access)
    with pytest.raises(AccessRefused, match="sign in by kerberos"):
        await without.run("Get-CASMailbox", Identity="ann")
    assert not exchange.callers
    run("kinit", PRINCIPAL, stdin=EVICT_PASSWORD + "\n")
    shell = Shell(access)
    seen = await shell.run("Get-CASMailbox", Identity="ann")
    await shell.close()
    assert seen.objects
    assert set(exchange.callers) == {(PRINCIPAL, None)}


async def test_there_is_no_ticket_for_a_host_that_the_kdc_does_not_know(
    exchange: Exchange,
) -> None:
    shell = Shell(exchange.access(tls=True, host=OTHER_HOST))
    with pytest.raises(AccessRefused, match="sign in by kerberos"):
        await shell.run("Get-CASMailbox", Identity="ann")
    assert not exchange.callers


@pytest.mark.usefixtures("keytab")
async def test_a_ticket_for_somebody_elses_keys_is_refused(
    estate: Layout, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The host's keytab has not got the keys that the KDC sealed the ticket with."""
    _be_a_client(estate, tmp_path, monkeypatch)
    async with listening(estate.ip, estate.keytab, tmp_path) as exchange:
        shell = Shell(exchange.access(tls=False))
        with pytest.raises(AccessRefused, match="does not take"):
            await shell.run("Get-CASMailbox", Identity="ann")
        assert not exchange.callers


async def test_a_caller_whom_the_organisation_does_not_admit_is_refused(
    exchange: Exchange,
) -> None:
    exchange.organisation.directory.disable(EVICT)
    shell = Shell(exchange.access(tls=False))
    with pytest.raises(AccessRefused, match="does not take"):
        await shell.run("Get-CASMailbox", Identity="ann")
    assert set(exchange.callers) == {(PRINCIPAL, None)}
