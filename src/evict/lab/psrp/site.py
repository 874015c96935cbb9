# SPDX-License-Identifier: Apache-2.0
"""The virtual directory that PowerShell's remoting comes in by."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from evict.lab.http.auth import Challenge, Negotiator, Signed, basic_credentials
from evict.lab.http.messages import Request, Response
from evict.lab.psrp import multipart, soap
from evict.lab.psrp.commands import Commands
from evict.lab.psrp.multipart import Sealed
from evict.lab.psrp.operations import Operations
from evict.lab.psrp.xml import Malformed

EXCHANGE: Final = "Microsoft.Exchange"
SERVER: Final = "Microsoft.PowerShell"
PATHS: Final = {EXCHANGE: "/PowerShell", SERVER: "/wsman"}
MAX_SHELLS: Final = {EXCHANGE: 18, SERVER: 30}
"""Of one caller: PowerShellMaxConcurrency of the default throttling policy
(https://learn.microsoft.com/powershell/module/exchangepowershell/set-throttlingpolicy) and WinRM's
MaxShellsPerUser (https://learn.microsoft.com/windows/win32/winrm/installation-and-configuration-for-windows-remote-management)."""
IDLE_TIMEOUT_S: Final = 900.0
"""Of a shell (assumed)."""


class PowerShellSite:
    """Handler of one configuration's requests.

    Basic is offered over TLS, Negotiate wherever there is a negotiator; over plain HTTP a message
    must be sealed by it, as WinRM's AllowUnencrypted is off.

    Args:
        registry_for: caller -> the cmdlets.
        authorise: name and password -> caller, None to refuse; without it no Basic.
        basic_in_clear: Basic over plain HTTP too, for a site that has its TLS ended before it.
    """

    def __init__(  # noqa: PLR0913 - each a setting of the virtual directory
        self,
        registry_for: Callable[[str], Commands],
        authorise: Callable[[str, str], str | None] | None,
        negotiator: Negotiator[str] | None = None,
        *,
        configuration: str = EXCHANGE,
        server_name: str = "ex01.corp.example",
        basic_in_clear: bool = False,
        max_shells: int | None = None,
        idle_timeout_s: float = IDLE_TIMEOUT_S,
    ) -> None:
        self._authorise = authorise
        self._negotiator = negotiator
        self._server_name = server_name
        self._basic_in_clear = basic_in_clear
        self._spaced = configuration == EXCHANGE
        self.path = PATHS.get(configuration, "/wsman")
        self.operations = Operations(
            f"http://schemas.microsoft.com/powershell/{configuration}",
            registry_for,
            server_name=server_name,
            address=f"https://{server_name}{self.path}",
            max_shells=max_shells or MAX_SHELLS.get(configuration, 30),
            idle_timeout_s=idle_timeout_s,
        )

    async def __call__(self, request: Request) -> Response:
        response = await self._answer(request)
        response.headers.append(("Server", "Microsoft-HTTPAPI/2.0"))
        response.headers.append(("X-DiagInfo", self._server_name.partition(".")[0].upper()))
        return response

    async def close(self) -> None:
        """End all shells, as a restart does: their clients find them gone."""
        await self.operations.close()

    async def _answer(self, request: Request) -> Response:
        if request.method != "POST":
            return Response(405, [("Allow", "POST")])
        if request.headers.get("authorization").lower().startswith("basic"):
            caller = self._by_password(request)
            return self._refusal() if caller is None else await self._plain(request, caller)
        if self._negotiator is None:
            return self._refusal()
        match self._negotiator.authenticate(request):
            case Challenge(headers=headers) if headers != self._negotiator.offers():
                return Response(401, headers)
            case Signed() as signed:
                response = await self._signed(request, signed)
                response.headers += signed.headers
                return response
            case _:
                return self._refusal(secure=request.connection.secure)

    def _by_password(self, request: Request) -> str | None:
        if not (request.connection.secure or self._basic_in_clear) or self._authorise is None:
            return None
        credentials = basic_credentials(request)
        return None if credentials is None else self._authorise(*credentials)

    def _refusal(self, *, secure: bool = True) -> Response:
        offers = [] if self._negotiator is None else self._negotiator.offers()
        if self._authorise is not None and (secure or self._basic_in_clear):
            offers.append(("WWW-Authenticate", f'Basic realm="{self._server_name}"'))
        return Response(401, offers)

    async def _signed(self, request: Request, signed: Signed[str]) -> Response:
        protocol = multipart.protocol_of(request.headers.get("content-type"))
        if protocol is not None:
            return await self._sealed(request, signed, protocol)
        if not request.body:  # a client that makes itself known before it seals anything
            return Response(200)
        if not request.connection.secure:
            return Response(500)
        return await self._plain(request, signed.caller)

    async def _sealed(self, request: Request, signed: Signed[str], protocol: str) -> Response:
        try:
            sealed = multipart.decode(request.body)
            text = signed.context.unwrap_winrm(sealed.signature, sealed.data)
        # Whatever the security mechanism stumbles over: its state is lost with the message.
        except Exception:  # noqa: BLE001
            return Response(400, close=True)
        if len(text) > sealed.length:
            return Response(400, close=True)
        status, answer = await self._soap(text, request, signed.caller)
        if not answer:
            return Response(status)
        result = signed.context.wrap_winrm(answer)
        length = len(answer) + result.padding_length
        body = multipart.encode(
            Sealed(result.header, result.data, length), protocol, spaced=self._spaced
        )
        return Response(status, [("Content-Type", multipart.content_type(protocol))], body)

    async def _plain(self, request: Request, caller: str) -> Response:
        status, body = await self._soap(request.body, request, caller)
        return Response(status, [("Content-Type", soap.CONTENT_TYPE)] if body else [], body)

    async def _soap(self, body: bytes, request: Request, caller: str) -> tuple[int, bytes]:
        """Status and envelope; WinRM sends its faults with 500, and clients look for them there."""
        message_id = ""
        try:
            envelope = soap.read(body)
            message_id = envelope.message_id
            gone = request.connection.closed
            action, answer = await self.operations.answer(envelope, caller, gone)
            return 200, soap.write(action, message_id, answer)
        except Malformed:
            return 400, b""
        except soap.Fault as fault:
            return 500, soap.write_fault(fault, message_id, self._server_name)
