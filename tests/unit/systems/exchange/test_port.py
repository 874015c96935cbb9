# SPDX-License-Identifier: Apache-2.0
"""The shell against the lab's own: what goes wrong is said in our words, and without secrets."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import AsyncIterator
from contextlib import suppress
from pathlib import Path

import pytest
from msgspec import structs

from evict.core.errors import (
    AccessRefused,
    ConfigError,
    RemoteProtocolError,
    Uncertain,
    Unreachable,
    Unsupported,
)
from evict.core.secret import Secret
from evict.lab.certificates import Authority
from evict.systems.exchange.port import EXCHANGE, SERVER, Shell, ShellAccess, Timeouts
from evict.systems.exchange.results import Command
from tests.unit.systems.exchange.cutting import Cutter, always, never
from tests.unit.systems.exchange.organisation import ADMIN, ADMIN_PASSWORD, Running, running


@pytest.fixture
async def run(tmp_path: Path) -> AsyncIterator[Running]:
    async with running("2019", tmp_path) as made:
        yield made


def access(run: Running, **more: object) -> ShellAccess:
    made = ShellAccess(
        system="exchange",
        version="2019",
        url=f"https://{run.address}:{run.ports['']}/PowerShell",
        configuration=EXCHANGE,
        user=f"CORP\\{ADMIN}",
        password=Secret(ADMIN_PASSWORD),
        authentication="basic",
        ca_file=run.ca,
        timeouts=Timeouts(connect=2, answer=5, operation=1),
    )
    return structs.replace(made, **more)


@pytest.mark.parametrize("authentication", ["basic", "ntlm", "negotiate"])
async def test_it_comes_in_over_tls(run: Running, authentication: str) -> None:
    shell = Shell(access(run, authentication=authentication))
    seen = await shell.run("Get-Mailbox", Identity="ann")
    assert [o["DisplayName"] for o in seen.objects] == ["Ann Leaver"]
    await shell.close()


async def test_over_plain_http_every_message_is_sealed(run: Running) -> None:
    url = f"http://{run.address}:{run.ports['/http']}/PowerShell"
    shell = Shell(access(run, url=url, authentication="ntlm"))
    seen = await shell.run("Get-Mailbox", ResultSize="Unlimited")
    assert len(seen.objects) == 4
    await shell.close()


async def test_a_servers_own_shell_is_another_one(run: Running) -> None:
    url = f"https://{run.address}:{run.ports['ex01']}/wsman"
    shell = Shell(access(run, url=url, configuration=SERVER))
    seen = await shell.pipe([Command(name="iisreset", arguments=("/status",))])
    assert "Running" in str(seen.objects[0])
    await shell.close()
    wrong = Shell(access(run, configuration=SERVER))
    with pytest.raises((RemoteProtocolError, AccessRefused)):
        await wrong.run("Get-Service")


@pytest.mark.parametrize("url", ["http://ex01/PowerShell", "ldap://ex01", "https://"])
def test_an_address_that_would_show_the_password_is_refused(run: Running, url: str) -> None:
    with pytest.raises(ConfigError):
        Shell(access(run, url=url))


async def test_a_wrong_password_is_said_and_not_shown(run: Running) -> None:
    shell = Shell(access(run, password=Secret("Wr0ng-and-secret")))
    with pytest.raises(AccessRefused, match="does not take the service account") as caught:
        await shell.run("Get-Mailbox", Identity="ann")
    assert "Wr0ng" not in repr(caught.value)
    assert caught.value.__cause__ is caught.value.__context__ is None


async def test_a_certificate_of_another_name_is_not_trusted(run: Running) -> None:
    url = f"https://localhost:{run.ports['']}/PowerShell"
    shell = Shell(access(run, url=url))
    with pytest.raises(Unreachable):
        await shell.run("Get-Mailbox", Identity="ann")
    untrusted = Shell(access(run, ca_file=None))
    with pytest.raises(Unreachable, match="certificate was not verified"):
        await untrusted.run("Get-Mailbox", Identity="ann")


async def test_nobody_there(run: Running) -> None:
    shell = Shell(access(run, url=f"https://{run.address}:1/PowerShell"))
    with pytest.raises(Unreachable, match="Connection refused"):
        await shell.run("Set-Mailbox", Identity="ann")


async def test_shells_that_vanished_are_opened_again(run: Running) -> None:
    shell = Shell(access(run))
    await shell.run("Get-Mailbox", Identity="ann")
    await run.sites[0].close()
    await shell.run("Set-Mailbox", Identity="ann", CustomAttribute1="again")
    seen = await shell.run("Get-Mailbox", Identity="ann")
    assert seen.objects[0]["CustomAttribute1"] == "again"
    await shell.close()


async def test_an_error_of_a_cmdlet_is_a_value_and_a_refusal_is_raised(run: Running) -> None:
    shell = Shell(access(run))
    seen = await shell.run("Get-Mailbox", Identity="nobody")
    assert seen.errors[0].not_found
    with pytest.raises(Unsupported, match="Exchange 2019 has no Get-ActiveSyncDevice"):
        await shell.run("Get-ActiveSyncDevice")
    with pytest.raises(AccessRefused, match="-Nonsense of Get-Mailbox"):
        await shell.run("Get-Mailbox", Nonsense=True)
    await shell.close()


@pytest.mark.parametrize(
    ("cmdlet", "fault"), [("Get-Mailbox", Unreachable), ("Set-Mailbox", Uncertain)]
)
async def test_a_write_that_was_not_answered_is_uncertain(
    run: Running, cmdlet: str, fault: type[Exception]
) -> None:
    async with Cutter(run.address, run.ports[""]) as cutter:
        shell = Shell(access(run, url=f"https://{run.address}:{cutter.port}/PowerShell"))
        await shell.run("Get-Mailbox", Identity="ann")
        cutter.cut_when = always
        with pytest.raises(fault):
            await shell.run(cmdlet, Identity="ann")
        cutter.cut_when = never
        assert (await shell.run("Get-Mailbox", Identity="ann")).objects
        await shell.close()


async def test_what_takes_too_long_is_given_up(run: Running) -> None:
    async with Cutter(run.address, run.ports[""]) as cutter:
        short = Timeouts(connect=1, answer=1, operation=1)
        url = f"https://{run.address}:{cutter.port}/PowerShell"
        shell = Shell(access(run, url=url, timeouts=short))
        await shell.run("Get-Mailbox", Identity="ann")
        cutter.silent = True
        with pytest.raises(Uncertain):
            await shell.run("Set-Mailbox", Identity="ann")


async def test_a_caller_that_goes_away_leaves_a_shell_that_works(run: Running) -> None:
    shell = Shell(access(run))
    await shell.run("Get-Mailbox", Identity="ann")
    work = asyncio.create_task(shell.run("Get-Mailbox", ResultSize="Unlimited"))
    await asyncio.sleep(0)
    work.cancel()
    with pytest.raises(asyncio.CancelledError):
        await work
    assert (await shell.run("Get-Mailbox", Identity="ann")).objects
    await shell.close()


@pytest.mark.parametrize(
    ("answer", "fault"),
    [
        (b"HTTP/1.1 200 OK\r\nContent-Length: 13\r\n\r\n<html></html>", RemoteProtocolError),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n\xff<?>x", RemoteProtocolError),
        (b"HTTP/1.1 503 Unavailable\r\nContent-Length: 0\r\n\r\n", Unreachable),
        (b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n", RemoteProtocolError),
        (b"220 not even HTTP\r\n", Unreachable),
    ],
)
async def test_somebody_else_answers(
    run: Running, answer: bytes, fault: type[Exception], tmp_path: Path
) -> None:
    authority = Authority()
    authority.write_ca(tmp_path / "other.pem")

    talks: list[asyncio.Task[None] | None] = []

    async def say(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        talks.append(asyncio.current_task())
        head = (await reader.readuntil(b"\r\n\r\n")).lower()
        await reader.readexactly(int(head.partition(b"content-length:")[2].split()[0]))
        writer.write(answer)
        writer.close()
        with suppress(OSError):
            await writer.wait_closed()

    server = await asyncio.start_server(
        say, run.address, 0, ssl=authority.server_context(run.address)
    )
    port = server.sockets[0].getsockname()[1]
    url = f"https://{run.address}:{port}/PowerShell"
    shell = Shell(access(run, url=url, ca_file=tmp_path / "other.pem"))
    with pytest.raises(fault):
        await shell.run("Get-Mailbox")
    server.close()
    await asyncio.gather(*filter(None, talks))
    await server.wait_closed()


async def test_kerberos_without_its_libraries_says_so(
    run: Running, monkeypatch: pytest.MonkeyPatch
) -> None:
    for library in ("krb5", "gssapi"):  # as where they are not installed
        monkeypatch.setitem(sys.modules, library, None)
    shell = Shell(access(run, authentication="kerberos"))
    with pytest.raises(Unsupported, match="kerberos needs the Python packages"):
        await shell.run("Get-Mailbox", Identity="ann")
