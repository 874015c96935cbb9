# SPDX-License-Identifier: Apache-2.0
"""`/Microsoft-Server-ActiveSync` of one client access server."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Final

from evict.core.errors import RemoteProtocolError
from evict.lab.http.auth import basic_credentials
from evict.lab.http.messages import Request, Response
from evict.lab.model.mobile import Device
from evict.lab.model.organisation import Organisation
from evict.lab.model.words import Denial, Denied, Pool, Principal, Protocol
from evict.lab.web.activesync.call import Call
from evict.lab.web.activesync.folders import folder_sync, settings
from evict.lab.web.activesync.items import item_estimate, item_operations
from evict.lab.web.activesync.mail import send_mail
from evict.lab.web.activesync.phone import Phones
from evict.lab.web.activesync.ping import ping
from evict.lab.web.activesync.provision import WIPE_SINCE, provision, wipe
from evict.lab.web.activesync.refusals import refusal, status, unauthorized
from evict.lab.web.activesync.sync import sync
from evict.wire.activesync import CONTENT_TYPE, PATH, Status, order, read_body
from evict.wire.activesync_query import Query, read_query
from evict.wire.wbxml import Element

_COMMANDS: Final[dict[str, Callable[[Call], Awaitable[Response]]]] = {
    "Sync": sync,
    "SendMail": send_mail,
    "SmartForward": send_mail,
    "SmartReply": send_mail,
    "FolderSync": folder_sync,
    "GetItemEstimate": item_estimate,
    "Settings": settings,
    "Ping": ping,
    "ItemOperations": item_operations,
    "Provision": provision,
}
_LONGEST_ID: Final = 32


class ActiveSyncSite:
    """A request signs in by Basic authentication, through the token cache of the Sync pool."""

    def __init__(self, organisation: Organisation, server: str) -> None:
        self._organisation = organisation
        self._server = server
        self._phones = Phones.of(organisation)
        self._realm = f"{server}.{organisation.directory.domain}"

    async def __call__(self, request: Request) -> Response:
        who = self._sign_in(request)
        if isinstance(who, Denied):
            response, sam = self._refuse(who, "", ""), ""
        else:
            response, sam = await self._answer(request, who), who.sam
        major, minor, _, _ = self._organisation.profile.build
        response.headers += [
            ("MS-Server-ActiveSync", f"{major}.{minor}"),
            ("Cache-Control", "private"),
        ]
        url = request.target[:300]
        self._organisation.log(self._server, Protocol.ACTIVESYNC, sam, response.status, url=url)
        return response

    def _sign_in(self, request: Request) -> Principal | Denied:
        credentials = basic_credentials(request)
        if credentials is None:
            return Denied(Denial.BAD_CREDENTIALS)
        return self._organisation.sign_in_basic(self._server, Pool.SYNC, *credentials)

    def _refuse(self, denied: Denied, command: str, version: str) -> Response:
        if not command and denied.denial is Denial.BAD_CREDENTIALS:
            return unauthorized(self._realm)
        location = f"https://mail.{self._organisation.directory.domain}{PATH}"
        return refusal(denied, command, version, realm=self._realm, location=location)

    async def _answer(self, request: Request, who: Principal) -> Response:
        if request.method == "OPTIONS":
            return self._options()
        if request.method != "POST":
            return Response(501)
        try:
            query = read_query(request.query_string)
            version = query.version or request.headers.get("MS-ASProtocolVersion")
            order(version)
        except RemoteProtocolError:
            return Response(400)
        return await self._command(request, who, query, version)

    def _options(self) -> Response:
        """Spec: MS-ASHTTP 2.2.4. Only what is there is offered."""
        return Response(
            200,
            [
                ("MS-ASProtocolVersions", ",".join(self._organisation.profile.activesync_versions)),
                ("MS-ASProtocolCommands", ",".join(_COMMANDS)),
                ("Public", "OPTIONS,POST"),
                ("Allow", "OPTIONS,POST"),
            ],
        )

    async def _command(
        self, request: Request, who: Principal, query: Query, version: str
    ) -> Response:
        command = query.command
        if version not in self._organisation.profile.activesync_versions:
            return status(Status.VERSION_NOT_SUPPORTED, 505, command, version)
        if command not in _COMMANDS:
            return status(Status.COMMAND_NOT_SUPPORTED, 501, command, version)
        known = query.device_id
        if not (known.isascii() and known.isprintable() and 0 < len(known) <= _LONGEST_ID):
            return status(Status.DEVICE_ID_INVALID, 400, command, version)
        try:
            root = _document(request)
        except RemoteProtocolError:
            return status(Status.INVALID_WBXML, 400, command, version)
        return await self._enter(request, who, query, version, root)

    async def _enter(
        self,
        request: Request,
        who: Principal,
        query: Query,
        version: str,
        root: Element | None,
    ) -> Response:
        device = Device(
            device_id=query.device_id,
            device_type=query.device_type[:_LONGEST_ID],
            user_agent=request.headers.get("User-Agent")[:256],
        )
        access = self._organisation.enter(self._server, Protocol.ACTIVESYNC, who, device=device)
        if isinstance(access, Denied):
            return self._denied(access, who, query, version, root)
        known = access.mailbox.devices[query.device_id]
        call = Call(
            organisation=self._organisation,
            server=self._server,
            access=access,
            phone=self._phones.phone(access.mailbox, known),
            query=query,
            version=version,
            request=request,
            root=root,
        )
        if query.command != "Provision":
            key = _policy_key(request, query)
            if not known.policy_key or not key:
                return status(Status.DEVICE_NOT_PROVISIONED, 449, query.command, version)
            if key != known.policy_key:
                return status(Status.INVALID_POLICY_KEY, 449, query.command, version)
        return await _COMMANDS[query.command](call)

    def _denied(
        self,
        denied: Denied,
        who: Principal,
        query: Query,
        version: str,
        root: Element | None,
    ) -> Response:
        """A wipe of the account alone is known to phones of 16.1 (MS-ASPROV 2.2.2.1)."""
        wiping = denied.denial is Denial.DEVICE_WIPE and query.command == "Provision"
        if wiping and order(version) >= order(WIPE_SINCE):
            return wipe(self._organisation, who.sam, query.device_id, root)
        return self._refuse(denied, query.command, version)


def _document(request: Request) -> Element | None:
    """None where there is none: an empty body, or a mail. Raises `RemoteProtocolError`."""
    kind = request.headers.get("Content-Type").partition(";")[0].strip().lower()
    return read_body(request.body) if request.body and kind == CONTENT_TYPE else None


def _policy_key(request: Request, query: Query) -> int:
    """0: none that can be one."""
    if query.policy_key is not None:
        return query.policy_key
    text = request.headers.get("X-MS-PolicyKey").strip()
    return int(text) if text.isascii() and text.isdigit() and len(text) < 11 else 0
