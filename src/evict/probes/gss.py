# SPDX-License-Identifier: Apache-2.0
"""The `gssapi` package, kept at arm's length: loaded late, called in threads, fed from memory.

libkrb5 keeps one thing for a whole process: it reads KRB5_CONFIG from the environment. Whoever
composes the process sets that before the first probe. Credential caches go with each call.
"""

from __future__ import annotations

import asyncio
import os
import threading
import weakref
from collections.abc import Callable
from concurrent.futures import Future
from pathlib import Path
from typing import Any, TypeVar

from evict.core.errors import Uncertain, Unsupported
from evict.wire import sasl

T = TypeVar("T")


def load(system: str) -> Any:
    """The package, typed as what it hands out. Raises `Unsupported` where it is not installed."""
    try:
        import gssapi  # noqa: PLC0415 - an extra
        import gssapi.raw  # noqa: PLC0415 - an extra
    except ImportError as error:
        text = "Kerberos probes need the gssapi package: install evict[kerberos]"
        raise Unsupported(text, system=system) from error
    return gssapi


async def in_thread(call: Callable[[], T], timeout_s: float, system: str) -> T:
    """Run a call of libkrb5, which blocks and cannot be cancelled, in a thread of its own.

    A daemon, so that a KDC that never answers does not hold up the end of the process.

    Raises:
        Uncertain: no end within `timeout_s`.
    """
    result: Future[T] = Future()
    threading.Thread(target=_run, args=(call, result), daemon=True).start()
    try:
        async with asyncio.timeout(timeout_s):
            return await asyncio.wrap_future(result)
    except TimeoutError:
        raise Uncertain("no answer from Kerberos in time", system=system) from None


def _run(call: Callable[[], T], result: Future[T]) -> None:
    result.set_running_or_notify_cancel()
    try:
        result.set_result(call())
    except BaseException as error:  # noqa: BLE001 - handed to whoever waits
        result.set_exception(error)
    finally:
        del call, result  # no cycle through the traceback


def minor_code(error: Any) -> int:
    """libkrb5's own (signed) code of a GSSError."""
    code = int(error.min_code)
    return code - 2**32 if code >= 2**31 else code


def words(error: Any) -> str:
    """libkrb5's own words for it."""
    return str(error.get_all_statuses(error.min_code, is_maj=False)[-1])


class Ticket:
    """One GSSAPI exchange with the tickets of one file. Spec: RFC 4752 section 3.1.

    The file is copied into an anonymous file in memory, since libkrb5 would write the service
    tickets that it fetches into the leaver's own. It is closed once no thread uses it any more.

    Args:
        target: `service@host`.

    Raises:
        Unsupported: the file cannot be read.
    """

    def __init__(self, gssapi: Any, ccache: Path, target: str, system: str) -> None:
        self._gssapi = gssapi
        self._target = target
        self._system = system
        self._context: Any = None
        try:
            content = ccache.read_bytes()
        except OSError as error:
            text = f"the ticket in {ccache} cannot be read: {error.strerror}"
            raise Unsupported(text, system=system) from error
        self._memory = os.memfd_create("ticket", os.MFD_CLOEXEC)
        weakref.finalize(self, os.close, self._memory)
        os.write(self._memory, content)

    @property
    def taken(self) -> bool:
        """Both sides have authenticated: the service could read the ticket."""
        return self._context is not None and bool(self._context.complete)

    async def step(self, challenge: bytes, timeout_s: float) -> bytes:
        """The next message. Raises `Uncertain` where no ticket was to be had or it is past."""
        return await in_thread(lambda: self._step(challenge), timeout_s, self._system)

    def _step(self, challenge: bytes) -> bytes:
        gssapi = self._gssapi
        try:
            if self._context is None:
                self._context = self._begin()
            if self._context.complete:
                offer = self._context.unwrap(challenge).message
                return bytes(self._context.wrap(sasl.choose_no_layer(offer), encrypt=False).message)
            return bytes(self._context.step(challenge or None) or b"")
        except gssapi.exceptions.GSSError as error:
            text = f"the ticket could not be used: {words(error)}"
            raise Uncertain(text, system=self._system) from error

    def _begin(self) -> Any:
        gssapi = self._gssapi
        store = {"ccache": f"FILE:/proc/self/fd/{self._memory}"}
        return gssapi.SecurityContext(
            name=gssapi.Name(self._target, gssapi.NameType.hostbased_service),
            creds=gssapi.Credentials(usage="initiate", store=store),
            usage="initiate",
            mech=gssapi.MechType.kerberos,
            flags=[gssapi.RequirementFlag.mutual_authentication, gssapi.RequirementFlag.integrity],
        )
