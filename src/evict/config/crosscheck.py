# SPDX-License-Identifier: Apache-2.0
"""What no single setting can say: settings that need, or exclude, each other, and their forms."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

from msgspec import Struct

from evict.config.audit import SYSLOG_PORT, SyslogSection
from evict.config.exchange import ExchangeSection
from evict.config.fields import settings
from evict.config.forward_auth import ForwardAuthHook
from evict.config.haproxy import HaproxyHook
from evict.config.model import Config, DirectorySection, DovecotSection, PostfixSection
from evict.config.notify_forms import find_in_notify
from evict.config.problems import Key, Problem
from evict.config.service import HttpSection
from evict.config.sogo import SogoSection
from evict.config.unattended import find_in_guard, find_in_watch

_USERNAME_FORMAT: Final = re.compile(r"(?:[^%]|%L?[und])+")
_SYSTEM_NAME: Final = re.compile(r"[a-z0-9][a-z0-9_.-]*")
_SOCKET_FILE: Final = re.compile(r"(?:/[0-9A-Za-z._-]+)+")
_ASK_FILES: Final = ("nginx", "caddy")
LDAPS_PORT: Final = 636


def host_port(text: str, default_port: int | None = None) -> tuple[str, int]:
    """Cut `host:port` or `[2001:db8::1]:port` apart.

    Raises:
        ValueError: with what was expected.
    """
    try:
        parts = urlsplit(f"//{text}")
        port = parts.port
    except ValueError as error:
        raise ValueError(f"expected host:port, got {text!r}") from error
    alone = parts.netloc == text and not (parts.path or parts.query or parts.fragment)
    port = default_port if port is None else port
    if not alone or not parts.hostname or "@" in text or text.endswith(":") or not port:
        raise ValueError(f"expected host:port, got {text!r}")
    return parts.hostname, port


def find(config: Config) -> Iterator[Problem]:
    """Everything wrong between settings, each with its key."""
    yield from _names(config)
    yield from _files(config, ())
    yield from _directory(config)
    yield from find_in_watch(config.watch, config.directory)
    yield from find_in_guard(config.guard)
    yield from find_in_notify(config.notify)
    if config.notify.mail is not None:
        yield from _address(config.notify.mail.server, ("notify", "mail", "server"), 587)
    for number, dovecot in enumerate(config.dovecot):
        yield from _dovecot(dovecot, ("dovecot", number))
    for number, postfix in enumerate(config.postfix):
        yield from _postfix(postfix, ("postfix", number))
    for number, exchange in enumerate(config.exchange):
        yield from _exchange(exchange, ("exchange", number))
    for number, sogo in enumerate(config.sogo):
        yield from _sogo(sogo, ("sogo", number))
    for number, cube in enumerate(config.roundcube):
        yield from _front(cube.hook, cube.haproxy, ("roundcube", number))
    yield from _http(config.http)
    if config.audit.syslog is not None:
        yield from _syslog(config.audit.syslog)
    if config.probes.source_addresses is not None:
        yield from _network(config.probes.source_addresses, ("probes", "source_addresses"))


def _names(config: Config) -> Iterator[Problem]:
    """A door is known by its system's name, so two systems must not share one."""
    seen: set[str] = set()
    for key, name in system_names(config):
        if not _SYSTEM_NAME.fullmatch(name):
            yield Problem(key=key, text=f"expected lower-case letters, digits, . _ -, got {name!r}")
        elif name in seen:
            yield Problem(key=key, text=f"another system has the name {name!r}")
        seen.add(name)


def system_names(config: Config) -> list[tuple[Key, str]]:
    """Of every system of the configuration, the directory first."""
    places: list[tuple[Key, str]] = [(("directory", "name"), config.directory.name)]
    places += [(("dovecot", n, "name"), s.name) for n, s in enumerate(config.dovecot)]
    places += [(("postfix", n, "name"), s.name) for n, s in enumerate(config.postfix)]
    places += [(("exchange", n, "name"), s.name) for n, s in enumerate(config.exchange)]
    places += [(("sogo", n, "name"), s.name) for n, s in enumerate(config.sogo)]
    places += [(("roundcube", n, "name"), s.name) for n, s in enumerate(config.roundcube)]
    return places


def _files(section: Struct, key: Key) -> Iterator[Problem]:
    for setting in settings(type(section)):
        value = getattr(section, setting.name)
        here = (*key, setting.name)
        if isinstance(value, Struct):
            yield from _files(value, here)
        elif setting.many:
            for number, element in enumerate(value):
                yield from _files(element, (*here, number))
        elif isinstance(value, Path) and not value.is_absolute():
            if not setting.credential:
                yield Problem(key=here, text=f"expected an absolute path, got {str(value)!r}")
            elif len(value.parts) != 1 or ".." in value.parts:
                yield Problem(
                    key=here,
                    text=f"expected an absolute path or the bare name of a systemd credential,"
                    f" got {str(value)!r}",
                )


def _directory(config: Config) -> Iterator[Problem]:
    for server in config.directory.servers:
        yield from _address(server, ("directory", "servers"), LDAPS_PORT)
    if "=" not in config.directory.base_dn:
        yield Problem(key=("directory", "base_dn"), text="expected a DN such as DC=corp,DC=example")
    if config.directory.product == "openldap":
        yield from _openldap(config.directory)


def _openldap(section: DirectorySection) -> Iterator[Problem]:
    if "=" not in section.bind_user:
        text = "OpenLDAP is bound to with a DN, such as cn=evict,ou=services,dc=corp,dc=example"
        yield Problem(key=("directory", "bind_user"), text=text)
    if section.openldap.disable_by == "attribute" and not section.openldap.disabled_attribute:
        text = "needed where disable_by is attribute"
        yield Problem(key=("directory", "openldap", "disabled_attribute"), text=text)


def _dovecot(section: DovecotSection, key: Key) -> Iterator[Problem]:
    url = urlsplit(section.doveadm_url)
    if url.scheme not in ("http", "https") or not url.hostname or "@" in url.netloc:
        text = "expected http://host:port/doveadm/v1 without a user or password"
        yield Problem(key=(*key, "doveadm_url"), text=text)
    if not _USERNAME_FORMAT.fullmatch(section.username_format):
        text = "expected %u, %n and %d only, each plain or with L: Evict would know nobody"
        yield Problem(key=(*key, "username_format"), text=text)
    separator = section.master_separator
    if separator is not None and len(separator) != 1:
        yield Problem(key=(*key, "master_separator"), text="expected one character")
    if section.master_user is not None:
        for name in ("master_password_file", "master_separator"):
            if getattr(section, name) is None:
                yield Problem(key=(*key, name), text="missing; master_user needs it")
    elif section.master_password_file is not None:
        yield Problem(key=(*key, "master_user"), text="missing; master_password_file needs it")
    if section.hook is not None:
        yield from _address(section.hook.listen, (*key, "hook", "listen"))


def _postfix(section: PostfixSection, key: Key) -> Iterator[Problem]:
    hook = section.hook
    if hook is None:
        return
    if hook.listen is not None:
        yield from _address(hook.listen, (*key, "hook", "listen"))
    elif hook.unix_socket is None:
        yield Problem(key=(*key, "hook"), text="expected unix_socket or listen: nobody could ask")


def _exchange(section: ExchangeSection, key: Key) -> Iterator[Problem]:
    if section.authentication == "basic" and not section.shell_url.startswith("https://"):
        text = "basic sends the password as it is: expected https:// in shell_url"
        yield Problem(key=(*key, "authentication"), text=text)
    yield from _front(section.hook, section.haproxy, key)


def _sogo(section: SogoSection, key: Key) -> Iterator[Problem]:
    if not _USERNAME_FORMAT.fullmatch(section.username_format):
        text = "expected %u, %n and %d only, each plain or with L: Evict would know nobody"
        yield Problem(key=(*key, "username_format"), text=text)
    for number, server in enumerate(section.memcached):
        if not server.startswith("/"):
            yield from _address(server, (*key, "memcached", number))
    yield from _front(section.hook, section.haproxy, key)


def _front(hook: ForwardAuthHook | None, pushed: HaproxyHook | None, key: Key) -> Iterator[Problem]:
    if pushed is not None and not pushed.runtime.startswith("/"):
        yield from _address(pushed.runtime, (*key, "haproxy", "runtime"))
    if hook is None:
        return
    if not hook.listen.startswith("/"):
        yield from _address(hook.listen, (*key, "hook", "listen"))
    elif hook.front not in _ASK_FILES:
        text = f"expected host:port: {hook.front} is told of no socket file"
        yield Problem(key=(*key, "hook", "listen"), text=text)
    elif not _SOCKET_FILE.fullmatch(hook.listen):
        text = "expected a path of letters, digits, '.', '_' and '-': it is pasted into the front's"
        yield Problem(key=(*key, "hook", "listen"), text=f"{text} configuration")
    if hook.login_listen is not None:
        yield from _address(hook.login_listen, (*key, "hook", "login_listen"))
        if hook.login_upstream is None:
            here = (*key, "hook", "login_upstream")
            yield Problem(key=here, text="missing; login_listen needs it")


def _syslog(section: SyslogSection) -> Iterator[Problem]:
    key: Key = ("audit", "syslog")
    yield from _address(section.server, (*key, "server"), SYSLOG_PORT)
    if section.key_file is not None and section.certificate_file is None:
        yield Problem(key=(*key, "certificate_file"), text="missing; key_file needs it")


def _http(section: HttpSection) -> Iterator[Problem]:
    """Tokens go over it, so it is loopback or TLS; and an address, since it must be told which."""
    for name, other in (("certificate_file", "key_file"), ("key_file", "certificate_file")):
        if getattr(section, name) is None and getattr(section, other) is not None:
            yield Problem(key=("http", name), text=f"missing; {other} needs it")
    if section.listen is None:
        return
    key: Key = ("http", "listen")
    try:
        host, _ = host_port(section.listen)
        address = ipaddress.ip_address(host)
    except ValueError:
        text = f"expected an address and a port such as 127.0.0.1:9471, got {section.listen!r}"
        yield Problem(key=key, text=text)
        return
    if not address.is_loopback and section.certificate_file is None:
        text = "other than loopback needs certificate_file and key_file: tokens go over it"
        yield Problem(key=key, text=text)


def _address(text: str, key: Key, default_port: int | None = None) -> Iterator[Problem]:
    try:
        host_port(text, default_port)
    except ValueError as error:
        yield Problem(key=key, text=str(error))


def _network(text: str, key: Key) -> Iterator[Problem]:
    try:
        ipaddress.ip_network(text)
    except ValueError as error:
        yield Problem(key=key, text=f"expected a network such as 10.9.8.0/28: {error}")
