# SPDX-License-Identifier: Apache-2.0
"""The synchronous side of a shell: one runspace pool of pypsrp, worked by one thread at a time."""

from __future__ import annotations

import logging
import math
import time
from collections.abc import Sequence
from contextlib import suppress
from importlib import import_module
from importlib.util import find_spec
from typing import Any, Final

import requests
from msgspec import Struct
from pypsrp.complex_objects import PSInvocationState
from pypsrp.exceptions import AuthenticationError, WinRMError, WinRMTransportError, WSManFaultError
from pypsrp.powershell import PowerShell, RunspacePool
from pypsrp.wsman import WSMan
from spnego.exceptions import SpnegoError

from evict.core.errors import (
    AccessRefused,
    RemoteProtocolError,
    SystemFault,
    Uncertain,
    Unreachable,
    Unsupported,
)
from evict.core.secret import Secret
from evict.systems.exchange.reading_text import lenient
from evict.systems.exchange.results import Command, Result, fault, one_line, top

# It logs whole messages and tracebacks; what went wrong is raised and told in our own words.
logging.getLogger("pypsrp").setLevel(logging.CRITICAL + 1)

_SHELL_GONE: Final = frozenset({0x8033805B, 0x803381DE})
"""WSMan fault codes of a shell or a command that the server no longer knows."""
_KERBEROS: Final = ("gssapi", "krb5")
"""What pyspnego does Kerberos with."""
_GRACE_S: Final = 5
"""Beyond the time within which the server itself says that it has nothing yet."""
_BUSY: Final = (429, 500, 502, 503, 504)
_NETWORK: Final = (requests.exceptions.RequestException, OSError)


class Line(Struct, kw_only=True, dict=True):
    """See `port.ShellAccess` for the meaning of most; everything here runs in a thread."""

    system: str
    host: str
    port: int
    path: str
    tls: bool
    user: str
    password: Secret
    authentication: str
    ca_file: str | None
    configuration: str
    connect_s: float
    answer_s: float
    operation_s: int
    abandoned: bool = False

    def __post_init__(self) -> None:
        self._wsman: WSMan | None = None
        self._pool: RunspacePool | None = None
        self._sent = False

    def abandon(self) -> None:
        """Nobody waits any more: end once the call in progress has ended."""
        self.abandoned = True

    def call(self, commands: Sequence[Command], feed: Sequence[str]) -> Result:
        """Run one pipeline to its end; a pool that was lost before it was sent is opened again."""
        writes = any(command.writes for command in commands)
        self._sent = False
        try:
            return self._call(commands, feed, writes=writes)
        except SystemFault as fault:
            told = fault
        # The library reads foreign bytes: whatever it stumbles over, they were not the protocol.
        except Exception as error:  # noqa: BLE001
            self._drop()
            kind = Uncertain if writes and self._sent else RemoteProtocolError
            text = f"{self.host}:{self.port} does not speak the protocol ({type(error).__name__})"
            told = kind(text, system=self.system)
        finally:
            if self.abandoned:
                self.close()
        # The library's frames hold the password and an open connection: they end here.
        told.__cause__ = told.__context__ = None
        raise told.with_traceback(None)

    def _call(self, commands: Sequence[Command], feed: Sequence[str], *, writes: bool) -> Result:
        for again in (True, False):
            fresh = self._pool is None
            self._open()
            try:
                shell = self._begin(commands, feed)
            except (WinRMError, *_NETWORK) as error:
                self._drop()
                if again and not fresh and (_not_taken(error) or not writes):
                    continue
                raise self._mapped(error, lost=writes and not _not_taken(error)) from error
            return self._finish(shell, writes=writes)
        raise AssertionError  # the second round returns or raises

    def _open(self) -> None:
        if self._pool is not None:
            return
        if self.authentication == "kerberos" and not all(map(find_spec, _KERBEROS)):
            text = f"kerberos needs the Python packages {' and '.join(_KERBEROS)}"
            raise Unsupported(text, system=self.system)
        try:
            self._wsman = WSMan(
                self.host,
                port=self.port,
                path=self.path,
                ssl=self.tls,
                username=self.user,
                password=self.password.reveal(),
                auth=self.authentication,
                encryption="auto",
                cert_validation=self.ca_file or True,  # type: ignore[arg-type] # a path is taken too
                no_proxy=True,
                connection_timeout=math.ceil(self.connect_s),
                operation_timeout=self.operation_s,
                read_timeout=self.operation_s + min(_GRACE_S, math.ceil(self.answer_s)),
                # Exchange's endpoint is registered as HTTP/<host> (assumed of every version).
                negotiate_service="HTTP",
            )
            pool = lenient(RunspacePool(self._wsman, configuration_name=self.configuration))
            pool.open()
        except (WinRMError, *_NETWORK) as error:
            self._drop()
            raise self._mapped(error, lost=False) from error
        except _no_credentials() as error:
            self._drop()
            text = f"cannot sign in by {self.authentication}: {one_line(error)}"
            raise AccessRefused(text, system=self.system) from error
        self._pool = pool

    def _begin(self, commands: Sequence[Command], feed: Sequence[str]) -> PowerShell:
        if self._pool is None:
            raise AssertionError  # opened just before
        shell = PowerShell(self._pool)
        for command in commands:
            shell.add_cmdlet(command.name)
            for name, value in command.parameters.items():
                shell.add_parameter(name, _sent(value))
            for argument in command.arguments:
                shell.add_argument(argument)
        self._sent = True
        shell.begin_invoke(input=iter_once(feed) if feed else None)
        return shell

    def _finish(self, shell: PowerShell, *, writes: bool) -> Result:
        limit = time.monotonic() + self.answer_s
        try:
            while shell.state == PSInvocationState.RUNNING:
                if time.monotonic() > limit:
                    with suppress(WinRMError, *_NETWORK):
                        shell.stop()
                    self._drop()
                    raise self._late(writes=writes)
                shell.poll_invoke()
        except (WinRMError, *_NETWORK) as error:
            self._drop()
            raise self._mapped(error, lost=writes) from error
        result = Result(
            objects=tuple(top(value) for value in shell.output),
            warnings=tuple(one_line(w.message) for w in shell.streams.warning),
            errors=tuple(fault(record) for record in shell.streams.error),
        )
        try:
            shell.close()  # releases the pipeline at the server
        except (WinRMError, *_NETWORK):
            self._drop()  # it was answered all the same
        return result

    def _late(self, *, writes: bool) -> SystemFault:
        text = f"no answer from {self.host}:{self.port} within {self.answer_s:g} s"
        return (Uncertain if writes else Unreachable)(text, system=self.system)

    def _mapped(self, error: Exception, *, lost: bool) -> SystemFault:
        """Say what went wrong. `lost`: a write was sent, and no answer can come any more."""
        at = f"{self.host}:{self.port}"
        if isinstance(error, AuthenticationError):
            return AccessRefused(
                f"{at} does not take the service account's password", system=self.system
            )
        if lost:
            text = f"sent to {at} and not answered ({type(error).__name__})"
            return Uncertain(text, system=self.system)
        if isinstance(error, requests.exceptions.SSLError):
            return Unreachable(f"{at}: its certificate was not verified", system=self.system)
        if isinstance(error, WinRMError):
            return self._fault_of(error, at)
        return Unreachable(f"{at} does not answer ({_cause(error)})", system=self.system)

    def _fault_of(self, error: WinRMError, at: str) -> SystemFault:
        """What a server said that speaks the protocol."""
        if isinstance(error, WinRMTransportError):
            text = f"{at} answers with HTTP status {error.code}"
            busy = error.code in _BUSY
            return (Unreachable if busy else RemoteProtocolError)(text, system=self.system)
        said = error.reason or error.message if isinstance(error, WSManFaultError) else str(error)
        text = f"{at}: {one_line(said)}"
        refused = "access is denied" in text.lower()
        return (AccessRefused if refused else RemoteProtocolError)(text, system=self.system)

    def _drop(self) -> None:
        """Forget the pool and its connection; the server ends it by itself."""
        if self._wsman is not None:
            session = self._wsman.transport.session
            for adapter in session.adapters.values() if session else ():
                _end(adapter)
            with suppress(*_NETWORK):
                self._wsman.close()
        self._pool = self._wsman = None

    def close(self) -> None:
        """End the shell at the server too. Never raises."""
        if self._pool is not None:
            with suppress(WinRMError, *_NETWORK):
                self._pool.close()
        self._drop()


def _end(adapter: Any) -> None:
    """Close an adapter's connections now; the library does it once nothing refers to them."""
    pools = adapter.poolmanager.pools
    for key in pools.keys():  # noqa: SIM118 - iterating over it is refused
        pools[key].close()


def _no_credentials() -> tuple[type[Exception], ...]:
    """What signing in raises before anything is sent; a KDC's refusal comes as krb5's own."""
    known: tuple[type[Exception], ...] = (SpnegoError, ImportError)
    return (*known, import_module("krb5").Krb5Error) if find_spec("krb5") else known


def iter_once(feed: Sequence[str]) -> Any:
    """What pypsrp takes for the input of a pipeline: a generator of its pieces."""
    yield from feed


def _sent(value: object) -> object:
    return list(value) if isinstance(value, tuple) else value


def _not_taken(error: Exception) -> bool:
    """Whether the server surely did not begin it: safe to send again, also a write."""
    if isinstance(error, WSManFaultError):
        return error.code in _SHELL_GONE
    if isinstance(error, WinRMTransportError):
        return error.code in (429, 502, 503)
    if isinstance(error, AuthenticationError | requests.exceptions.ConnectTimeout):
        return True
    return isinstance(error, requests.exceptions.ConnectionError) and "NewConnection" in str(error)


def _cause(error: BaseException) -> str:
    """The kind of failure; the library's own text holds whole requests."""
    inner: BaseException | None = error
    while inner is not None:
        if isinstance(inner, OSError) and inner.strerror:
            return inner.strerror
        inner = inner.__cause__ or inner.__context__
    return type(error).__name__
