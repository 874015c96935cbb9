# SPDX-License-Identifier: Apache-2.0
"""exchangelib, unmodified: how its users point it at a server with a CA of its own."""

from __future__ import annotations

import asyncio
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeVar

import requests
from exchangelib import (
    BASIC,
    DELEGATE,
    Account,
    Configuration,
    Credentials,
    FailFast,
)
from exchangelib.protocol import (
    BaseProtocol,
    close_connections,
)
from requests.adapters import HTTPAdapter

from tests.unit.lab.web.loopback import PASSWORD
from tests.unit.lab.web.owa.place import Place

T = TypeVar("T")


def trusting(ca_file: Path) -> type[HTTPAdapter]:
    class Trusting(HTTPAdapter):
        def send(
            self, request: requests.PreparedRequest, *args: Any, **more: Any
        ) -> requests.Response:
            return super().send(request, *args, **more | {"verify": str(ca_file), "proxies": {}})

    return Trusting


@contextmanager
def _set_up(ca_file: Path) -> Iterator[None]:
    before = BaseProtocol.HTTP_ADAPTER_CLS
    BaseProtocol.HTTP_ADAPTER_CLS = trusting(ca_file)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ResourceWarning)
            yield
    finally:
        close_connections()
        BaseProtocol.HTTP_ADAPTER_CLS = before


async def run(
    place: Place,
    what: Callable[[Account], T],
    *,
    password: str = PASSWORD,
    address: str = "alice@corp.example",
    auth_type: str | None = BASIC,
    server: str = "ex01",
) -> T:
    """`what`, in a thread, with an account of its own."""

    def work() -> T:
        with _set_up(place.ca_file):
            credentials = Credentials("CORP\\alice", password)
            config = Configuration(
                service_endpoint=place.url("/EWS/Exchange.asmx", server),
                credentials=credentials,
                retry_policy=FailFast(),
                auth_type=auth_type,
            )
            return what(Account(address, config=config, autodiscover=False, access_type=DELEGATE))

    return await asyncio.to_thread(work)
