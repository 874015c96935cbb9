# SPDX-License-Identifier: Apache-2.0
"""Before something is changed: the write scope, -WhatIf, -Confirm."""

from __future__ import annotations

from collections.abc import Generator, Iterator

from evict.lab.cmdlets.objects import canonical, dn_of, name_of
from evict.lab.cmdlets.shape import Call
from evict.lab.cmdlets.words import CmdletError, HostText, Output, Warning_
from evict.lab.model.mailbox import Mailbox

Permit = Generator[Output, None, bool]


def permit(call: Call, box: Mailbox, doing: str) -> Permit:
    """Whether to go on. Raises `CmdletError` out of the caller's scope, or where it must ask."""
    dn = dn_of(call.organisation, box)
    if not call.registry.writable(call.caller, dn):
        raise CmdletError(
            f"'{canonical(dn)}' isn't within your current write scopes. Can't perform save"
            " operation. Access is denied.",
            "TaskInvalidOperationException",
            category="PermissionDenied",
            target=canonical(dn),
        )
    return (yield from proceed(call, f'{doing} "{name_of(call.organisation, box)}"'))


def proceed(call: Call, doing: str) -> Permit:
    """Of what no write scope covers."""
    if call.what_if:
        yield HostText(f"What if: {doing}.")
        return False
    asks = call.common.get("confirm", call.cmdlet.confirms) is True
    if asks:
        raise must_ask(f"{doing}.")
    return True


def must_ask(question: str) -> CmdletError:
    """A shell of this protocol without a person behind it (assumed: the client offers no host)."""
    return CmdletError(
        "A command that prompts the user failed because the host program or the command type does"
        " not support user interaction. The host was attempting to request confirmation with the"
        f" following message: {question}",
        "HostException",
        category="NotImplemented",
        error_id="HostFunctionNotImplemented",
        terminating=True,
    )


def unchanged(call: Call, box: Mailbox) -> Iterator[Output]:
    yield Warning_(
        "The command completed successfully but no settings of"
        f" '{name_of(call.organisation, box)}' have been modified."
    )
