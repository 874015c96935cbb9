# SPDX-License-Identifier: Apache-2.0
"""psrpcore's server end, made safe against what a client may send."""

from __future__ import annotations

from typing import Any, Final

from psrpcore import PSRPEvent, PSRPPayload, ServerPipeline, ServerRunspacePool, StreamType
from psrpcore.types import ErrorRecord, PSInvocationState

MAX_UNFINISHED: Final = 64 * 1024 * 1024
"""Bytes of messages whose last fragment has not come."""
Event = PSRPEvent[Any, Any]
_HEADER: Final = 21
"""Of a fragment (MS-PSRP section 2.2.4)."""


class BadFragment(ValueError):
    """The stream cannot be understood from here on: the shell is lost."""


class Pool(ServerRunspacePool):
    """A runspace pool that takes whole fragments only, and XML without a document type."""

    def feed(self, data: bytes) -> list[Event]:
        """Take what came; give the events.

        Raises:
            BadFragment: see there.
        """
        _check(data)
        if (
            sum(len(p) for parts in self._incoming_fragments.values() for p in parts)
            > MAX_UNFINISHED
        ):
            raise BadFragment("too much without an end")
        events = []
        try:
            self.receive_data(PSRPPayload(data, StreamType.default, None))
            while (event := self.next_event()) is not None:
                events.append(event)
        except Exception as wrong:  # noqa: BLE001 - psrpcore does not say how it fails
            raise BadFragment(type(wrong).__name__) from None
        return events

    def _process_message(self, message):  # type: ignore[no-untyped-def] # noqa: ANN001, ANN202
        # CLIXML is UTF-8 and has neither "<!" nor zero bytes; a document type would have.
        if b"<!" in message.data or b"\0" in message.data:
            raise BadFragment("a document type")
        return super()._process_message(message)


def _check(data: bytes) -> None:
    """Every fragment in it is whole; clients send no parts of one."""
    at = 0
    while at < len(data):
        if len(data) - at < _HEADER:
            raise BadFragment("a short fragment")
        at += _HEADER + int.from_bytes(data[at + 17 : at + _HEADER])
    if at != len(data):
        raise BadFragment("a fragment without its end")


class Pipeline(ServerPipeline):
    def fail(self, record: ErrorRecord) -> None:
        """End it with an error that ends everything."""
        self._change_state(PSInvocationState.Failed, record)

    @property
    def ended(self) -> bool:
        return self.state in (
            PSInvocationState.Completed,
            PSInvocationState.Failed,
            PSInvocationState.Stopped,
        )
