# SPDX-License-Identifier: Apache-2.0
"""Every server of one organisation, listening on its own address and stopped in reverse order."""

from __future__ import annotations

from contextlib import AsyncExitStack

from evict.lab.balancer.balancer import Balancer
from evict.lab.certificates import Authority
from evict.lab.cmdlets.registry import exchange_registry, server_registry
from evict.lab.estate.front import balancer
from evict.lab.estate.layout import (
    DIRECTORY_NAME,
    DOMAIN,
    FRONT_NAME,
    HTTPS_PORT,
    IMAP_PORT,
    LDAPS_PORT,
    POP3_PORT,
    SHELL_PORT,
    SUBMISSION_PORT,
    Layout,
)
from evict.lab.http.auth import Negotiator
from evict.lab.http.server import HttpServer
from evict.lab.ldap.server import LdapServer
from evict.lab.mail.imap import ImapServer
from evict.lab.mail.pop3 import PopServer
from evict.lab.mail.submission import SmtpServer
from evict.lab.model.organisation import Organisation
from evict.lab.model.words import Denied
from evict.lab.psrp.site import EXCHANGE, SERVER, PowerShellSite
from evict.lab.web.activesync.site import ActiveSyncSite
from evict.lab.web.ews.site import EwsSite
from evict.lab.web.mapi.site import MapiSite
from evict.lab.web.owa.cookie import CookieKey
from evict.lab.web.owa.site import OwaSite


async def start(
    stack: AsyncExitStack,
    model: Organisation,
    layout: Layout,
    authority: Authority,
    *,
    hook: bool,
) -> None:
    """Start everything; the stack stops it. Raises `OSError` where a port cannot be had."""
    directory = LdapServer(model, DIRECTORY_NAME)
    context = authority.server_context(DIRECTORY_NAME, layout.directory)
    await directory.start(layout.directory, LDAPS_PORT, context)
    stack.push_async_callback(directory.stop)
    key = CookieKey()
    for name in layout.servers:
        await _server(stack, model, layout, authority, name, key)
    front: Balancer = balancer(layout, authority, model.profile.version, hook=hook)
    context = authority.server_context(FRONT_NAME, layout.address)
    await front.start(layout.address, HTTPS_PORT, context)
    stack.push_async_callback(front.stop)


async def _server(  # noqa: PLR0913, PLR0917 - what one server is made of
    stack: AsyncExitStack,
    model: Organisation,
    layout: Layout,
    authority: Authority,
    name: str,
    key: CookieKey,
) -> None:
    host = layout.server(name)
    context = authority.server_context(FRONT_NAME, f"{name}.{DOMAIN}", host)
    exchange = _shell(model, name, EXCHANGE)
    web = HttpServer()
    web.route("/owa", OwaSite(model, name, key))
    web.route("/ews", EwsSite(model, name))
    web.route("/mapi", MapiSite(model, name))
    web.route("/Microsoft-Server-ActiveSync", ActiveSyncSite(model, name))
    web.route(exchange.path, exchange)
    await web.start(host, HTTPS_PORT, context)
    stack.push_async_callback(web.stop, grace_s=0.2)
    stack.push_async_callback(exchange.close)
    own = _shell(model, name, SERVER)
    shell = HttpServer()
    shell.route(own.path, own)
    await shell.start(host, SHELL_PORT, context)
    stack.push_async_callback(shell.stop, grace_s=0.2)
    stack.push_async_callback(own.close)
    imap, pop, smtp = ImapServer(model, name), PopServer(model, name), SmtpServer(model, name)
    await imap.start(host, IMAP_PORT, context)
    stack.push_async_callback(imap.stop)
    await pop.start(host, POP3_PORT, context)
    stack.push_async_callback(pop.stop)
    await smtp.start(host, SUBMISSION_PORT, context, starttls=True)
    stack.push_async_callback(smtp.stop)


def _shell(model: Organisation, server: str, configuration: str) -> PowerShellSite:
    """Everybody may sign in; what the caller's role groups allow is the registry's business."""

    def authorise(name: str, password: str) -> str | None:
        account = model.directory.check(name, password)
        return None if isinstance(account, Denied) else account.sam

    def admit(name: str, password: str | None) -> str | None:
        account = model.directory.find(name)
        if password is None:
            return account.sam if account is not None and account.enabled else None
        who = model.sign_in_integrated(server, name, password)
        return None if isinstance(who, Denied) else who.sam

    registry = (
        exchange_registry(model, server)
        if configuration == EXCHANGE
        else server_registry(model, server)
    )
    return PowerShellSite(
        lambda _: registry,
        authorise,
        Negotiator(model.directory.ntlm_passwords, admit, place="shell"),
        configuration=configuration,
        server_name=f"{server}.{DOMAIN}",
    )
