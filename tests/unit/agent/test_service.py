# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from evict.agent.service import run_agent
from evict.config.forward_auth import ForwardAuthHook
from evict.config.model import (
    Agent,
    Config,
    Control,
    DirectorySection,
    DovecotHook,
    DovecotSection,
    PostfixHook,
    PostfixSection,
)
from evict.config.roundcube import RoundcubeSection
from evict.core.errors import ConfigError
from evict.ledger.feed import Hello
from evict.systems.dovecot import policy as dovecot
from evict.systems.forward_auth import answers as forward_auth
from evict.systems.postfix import policy as postfix
from tests.unit.agent.fakes import Chain, FakeControl, push
from tests.unit.agent.test_hooks import QUESTION, free_port
from tests.unit.systems.dovecot.fake_doveadm import KEY as DOVEADM_KEY
from tests.unit.systems.dovecot.fake_doveadm import FakeDoveadm
from tests.unit.systems.dovecot.test_policy import KEY, question
from tests.unit.systems.forward_auth.fakes import basic

HOST = "127.91.13.1"


class Estate:
    """Where the agent under test listens."""

    def __init__(self, folder: Path, doveadm_url: str) -> None:
        self.port = free_port()
        self.postfix = folder / "postfix"
        self.front = folder / "front"
        for name, key in (("doveadm.key", DOVEADM_KEY), ("policy.key", KEY)):
            (folder / name).write_text(key + "\n")
            (folder / name).chmod(0o600)
        self.config = Config(
            control=Control(feed=folder / "feed"),
            agent=Agent(name="agent-1", control_socket=folder / "agent", may_stop_hooks=True),
            directory=DirectorySection(
                servers=("dc1",), base_dn="DC=x", bind_user="x", password_file=folder / "none"
            ),
            dovecot=(
                DovecotSection(
                    doveadm_url=doveadm_url,
                    api_key_file=folder / "doveadm.key",
                    host="mail",
                    master_separator="*",
                    hook=DovecotHook(
                        listen=f"{HOST}:{self.port}", api_key_file=folder / "policy.key"
                    ),
                ),
            ),
            postfix=(PostfixSection(host="mail", hook=PostfixHook(unix_socket=self.postfix)),),
            roundcube=(
                RoundcubeSection(url="http://mail/", hook=ForwardAuthHook(listen=str(self.front))),
            ),
        )

    async def ask_dovecot(self, login: str) -> bytes:
        reader, writer = await asyncio.open_connection(HOST, self.port)
        writer.write(question(login=login).replace(b"Keep-Alive", b"close"))
        answer = await reader.read()
        writer.close()
        return answer

    async def ask_postfix(self, login: bytes) -> bytes:
        reader, writer = await asyncio.open_unix_connection(str(self.postfix))
        writer.write(QUESTION % login)
        answer = await reader.readuntil(b"\n\n")
        writer.close()
        return answer

    async def ask_front(self, login: str) -> bytes:
        reader, writer = await asyncio.open_unix_connection(str(self.front))
        writer.write(f"GET /auth HTTP/1.1\r\nAuthorization: {basic(login)[1]}\r\n\r\n".encode())
        answer = await reader.readuntil(b"\r\n\r\n")
        writer.close()
        return answer


@asynccontextmanager
async def agent(folder: Path, doveadm: FakeDoveadm) -> AsyncIterator[Estate]:
    estate = Estate(folder, doveadm.url)
    stop = asyncio.Event()
    running = asyncio.create_task(run_agent(estate.config, stop))
    while not (folder / "agent").exists():
        await asyncio.sleep(0.005)
        assert not running.done()
    yield estate
    stop.set()
    await running


async def test_from_refusing_everybody_to_a_leaver_who_is_cut(tmp_path: Path) -> None:
    chain = Chain()
    async with FakeDoveadm("127.91.13.2") as server, agent(tmp_path, server) as estate:
        assert await estate.ask_dovecot("bob") == dovecot.NOT_NOW
        assert await estate.ask_postfix(b"bob") == postfix.NOT_NOW
        assert await estate.ask_front("bob") == forward_auth.NOT_NOW
        async with FakeControl(estate.config.control.feed, chain.snapshot()) as control:
            await control.acknowledged(0)
            hello = control.said[0]
            assert isinstance(hello, Hello)
            assert hello.hooks == ("dovecot", "postfix", "roundcube")
            assert await estate.ask_dovecot("alice") == dovecot.LET_IN
            server.sessions = [("alice", "imap"), ("alice+x", "managesieve"), ("bob", "imap")]
            control.push(push(chain.revoke("id-1", "alice")))
            quiet = await control.step(1, "quiet")
            assert (quiet.system, server.names()) == ("dovecot", {"bob"})
            assert (await control.step(1, "look")).left == {"managesieve": 1}
        assert await estate.ask_dovecot("alice*boss") == dovecot.REFUSE
        assert await estate.ask_dovecot("bob*boss") == dovecot.LET_IN
        assert await estate.ask_postfix(b"ALICE") == postfix.REFUSE
        assert await estate.ask_front("Alice") == forward_auth.REFUSE
        assert await estate.ask_front("bob") == forward_auth.let_in("bob")
        assert await estate.ask_postfix(b"bob") == postfix.LET_IN


async def test_a_dovecot_that_hangs_keeps_no_hook_from_answering(tmp_path: Path) -> None:
    chain = Chain()
    chain.revoke("id-1", "alice")
    async with FakeDoveadm("127.91.13.2") as server, agent(tmp_path, server) as estate:
        server.mode = "hang"
        async with FakeControl(estate.config.control.feed, chain.snapshot()) as control:
            await control.acknowledged(1)
            await server.asked.wait()
            assert await estate.ask_dovecot("alice") == dovecot.REFUSE
            assert await estate.ask_dovecot("bob") == dovecot.LET_IN
            assert await estate.ask_postfix(b"bob") == postfix.LET_IN


async def test_everybody_who_stands_revoked_is_cut_at_the_start(tmp_path: Path) -> None:
    chain = Chain()
    for number in range(300):
        chain.revoke(f"id-{number}", f"user{number}")
    async with FakeDoveadm("127.91.13.2") as server, agent(tmp_path, server) as estate:
        server.sessions = [("user7", "imap"), ("user299", "pop3"), ("bob", "imap")]
        async with FakeControl(estate.config.control.feed, chain.snapshot()) as control:
            await control.step(300, "quiet")
            assert server.names() == {"bob"}


async def test_a_key_or_an_address_that_cannot_be_had_is_said_at_once(tmp_path: Path) -> None:
    estate = Estate(tmp_path, "http://127.91.13.2:1/")
    taken = await asyncio.start_server(lambda _r, w: w.close(), HOST, estate.port)
    with pytest.raises(ConfigError, match="cannot listen on"):
        await run_agent(estate.config, asyncio.Event())
    taken.close()
    await taken.wait_closed()
    (tmp_path / "policy.key").unlink()
    with pytest.raises(ConfigError, match=r"policy\.key"):
        await run_agent(estate.config, asyncio.Event())
