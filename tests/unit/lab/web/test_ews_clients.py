# SPDX-License-Identifier: Apache-2.0
"""exchangelib, unmodified, takes the site for Exchange."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import exchangelib
import pytest
import requests.adapters
from exchangelib.errors import ErrorAccessDenied, UnauthorizedError
from exchangelib.protocol import BaseProtocol

from evict.lab.model.mailbox import FULL_ACCESS, READ_PERMISSION, SELF
from tests.unit.lab.model.made import NAME, OLD
from tests.unit.lab.web.made import SERVER_NAME, Site, site

pytestmark = pytest.mark.usefixtures("trusts")


@pytest.fixture
def trusts(tmp_path: Path) -> Iterator[None]:
    """Makes exchangelib trust the lab's own authority, by the name in its certificate."""
    before = BaseProtocol.HTTP_ADAPTER_CLS

    class Adapter(requests.adapters.HTTPAdapter):
        def init_poolmanager(self, *args: Any, **kwargs: Any) -> None:
            kwargs["ssl_context"] = ssl.create_default_context(cafile=str(tmp_path / "ca.pem"))
            kwargs["server_hostname"] = kwargs["assert_hostname"] = SERVER_NAME
            super().init_poolmanager(*args, **kwargs)

        def cert_verify(self, conn: Any, url: Any, verify: Any, cert: Any) -> None:
            super().cert_verify(conn, url, verify and str(tmp_path / "ca.pem"), cert)

    BaseProtocol.HTTP_ADAPTER_CLS = Adapter
    yield
    BaseProtocol.HTTP_ADAPTER_CLS = before


def account(at: Site, password: str = OLD) -> Any:
    credentials = exchangelib.Credentials(NAME, password)
    config = exchangelib.Configuration(
        service_endpoint=f"https://{at.host}:{at.port}/EWS/Exchange.asmx",
        credentials=credentials,
        auth_type=exchangelib.BASIC,
        retry_policy=exchangelib.FailFast(),
    )
    return exchangelib.Account(
        NAME, config=config, autodiscover=False, access_type=exchangelib.DELEGATE
    )


async def run(at: Site, act: Any, password: str = OLD) -> Any:
    """In a thread; its pools are closed after."""

    def work() -> Any:
        opened = account(at, password)
        try:
            return act(opened)
        finally:
            opened.protocol.close()
            exchangelib.protocol.CachingProtocol.clear_cache()

    return await asyncio.to_thread(work)


async def test_it_lists_an_inbox(tmp_path: Path) -> None:
    async with site(tmp_path) as at:
        at.org.deliver("x@outside.example", NAME, "Offer <1> & more", "the body")
        subjects = await run(at, lambda a: [m.subject for m in a.inbox.all()])
        assert subjects == ["Offer <1> & more"]
        assert await run(at, lambda a: a.inbox.total_count) == 1


async def test_it_sends(tmp_path: Path) -> None:
    def send(opened: Any) -> None:
        exchangelib.Message(
            account=opened, subject="Hello", body="there", to_recipients=["bob@corp.example"]
        ).send()

    async with site(tmp_path) as at:
        await run(at, send)
        received = at.org.mailboxes["bob"].messages["Inbox"]
    assert [(m.subject, m.sender) for m in received] == [("Hello", NAME)]


async def test_it_is_told_a_wrong_password_and_a_missing_permission(
    tmp_path: Path,
) -> None:
    async with site(tmp_path) as at:
        with pytest.raises(UnauthorizedError):
            await run(at, lambda a: a.inbox.total_count, "wrong")
        at.org.remove_permission("alice", SELF, (FULL_ACCESS, READ_PERMISSION))
        with pytest.raises(ErrorAccessDenied):
            await run(at, lambda a: list(a.inbox.all()))
