# SPDX-License-Identifier: Apache-2.0
"""Messages written by hand, around psrpcore's client end."""

from __future__ import annotations

import base64
import uuid
from typing import Any

from psrpcore import ClientPowerShell, ClientRunspacePool, Command

from evict.lab.http.messages import Connection, Headers, Request, Response
from evict.lab.psrp.site import PowerShellSite
from evict.lab.psrp.soap import NS, q
from evict.lab.psrp.xml import parse
from tests.unit.lab.psrp.tiny import PASSWORD, Tiny

RESOURCE = "http://schemas.microsoft.com/powershell/Microsoft.Exchange"
SHELL, TRANSFER = NS["rsp"], NS["x"]


def site(**settings: Any) -> PowerShellSite:
    registry = Tiny()
    return PowerShellSite(
        lambda _: registry, lambda name, pw: name if pw == PASSWORD else None, **settings
    )


class Client:
    """psrpcore's client end, and envelopes written by hand."""

    def __init__(self, to: PowerShellSite, name: str = "alice") -> None:
        self.site = to
        self.connection = Connection("127.0.0.1", secure=True)
        self.login = base64.b64encode(f"{name}:{PASSWORD}".encode()).decode()
        self.pool = ClientRunspacePool()
        self.shell_id = str(self.pool.runspace_pool_id).upper()

    async def post(self, body: bytes, **headers: str) -> Response:
        given = [("Authorization", f"Basic {self.login}"), *headers.items()]
        return await self.site(
            Request("POST", "/PowerShell", Headers(given), self.connection, body)
        )

    async def ask(self, action: str, body: str, timeout: str = "PT0.05S") -> Response:
        text = (
            f'<s:Envelope xmlns:s="{NS["s"]}" xmlns:a="{NS["a"]}" xmlns:w="{NS["w"]}"'
            f' xmlns:rsp="{SHELL}"><s:Header><a:Action>{action}</a:Action>'
            f"<a:MessageID>uuid:1</a:MessageID><w:ResourceURI>{RESOURCE}</w:ResourceURI>"
            f"<w:OperationTimeout>{timeout}</w:OperationTimeout><w:SelectorSet>"
            f'<w:Selector Name="ShellId">{self.shell_id}</w:Selector></w:SelectorSet>'
            f"</s:Header><s:Body>{body}</s:Body></s:Envelope>"
        )
        return await self.post(text.encode())

    def data(self) -> str:
        payload = self.pool.data_to_send()
        assert payload is not None
        return base64.b64encode(payload.data).decode()

    async def create(self, data: str | None = None) -> Response:
        if data is None:
            self.pool.open()
            data = self.data()
        return await self.ask(
            f"{TRANSFER}/Create",
            f'<rsp:Shell ShellId="{self.shell_id}"><creationXml'
            f' xmlns="http://schemas.microsoft.com/powershell">{data}</creationXml></rsp:Shell>',
        )

    async def command(self, name: str) -> uuid.UUID:
        pipe = ClientPowerShell(self.pool)
        pipe.add_command(Command(name))
        pipe.start()
        answer = await self.ask(f"{SHELL}/Command", command_line(pipe.pipeline_id, self.data()))
        assert answer.status == 200
        return pipe.pipeline_id

    async def receive(self, pipeline: uuid.UUID | None = None, timeout: str = "PT5S") -> Response:
        about = f' CommandId="{pipeline}"' if pipeline else ""
        wanted = f"<rsp:Receive><rsp:DesiredStream{about}>stdout</rsp:DesiredStream></rsp:Receive>"
        return await self.ask(f"{SHELL}/Receive", wanted, timeout)


def command_line(pipeline: object, data: str) -> str:
    return (
        f'<rsp:CommandLine CommandId="{pipeline}"><rsp:Command/>'
        f"<rsp:Arguments>{data}</rsp:Arguments></rsp:CommandLine>"
    )


def code(answer: Response) -> int:
    assert answer.status == 500
    (fault,) = parse(answer.body).iter(q("f:WSManFault"))
    return int(fault.get("Code") or 0)
