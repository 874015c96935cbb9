# SPDX-License-Identifier: Apache-2.0
"""Get-, Disable-, Enable-, Remove-InboxRule. Source: their reference.

-IncludeHidden begins with 2013. A change deletes the rules that Outlook keeps for itself, and asks
before, unless -AlwaysDeleteOutlookRulesBlob or -Force is given.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from evict.lab.cmdlets import identity
from evict.lab.cmdlets.acting import must_ask, permit
from evict.lab.cmdlets.objects import CONFIGURABLE, mailbox_id, name_of
from evict.lab.cmdlets.parameters import IDENTITY, exchange, of_kind
from evict.lab.cmdlets.roles import READ, WRITE
from evict.lab.cmdlets.shape import Call, Cmdlet, Parameter
from evict.lab.cmdlets.words import CmdletError, Output, PsObject
from evict.lab.model.mailbox import InboxRule, Mailbox
from evict.lab.model.profile import Version

_TYPES: Final = ("Microsoft.Exchange.Management.Common.InboxRule", *CONFIGURABLE)


def _shown(call: Call, addresses: tuple[str, ...]) -> list[object]:
    shown: list[object] = []
    for address in addresses:
        boxes = identity.named(call.organisation, address)
        name = boxes[0].display_name if boxes else address
        shown.append(f'"{name}" [SMTP:{address}]')
    return shown


def _path(call: Call, box: Mailbox, rule: InboxRule) -> str:
    return f"{name_of(call.organisation, box)}\\{rule.identity}"


def _show(call: Call, box: Mailbox, rule: InboxRule) -> PsObject:
    properties: dict[str, object] = {
        "Name": rule.name,
        "Description": f"the rule {rule.name}",
        "Enabled": rule.enabled,
        "Priority": 1 + [r.identity for r in box.rules].index(rule.identity),
        "RuleIdentity": rule.identity,
        "Identity": _path(call, box, rule),
        "MailboxOwnerId": mailbox_id(call.organisation, box),
        "ForwardTo": _shown(call, rule.forward_to),
        "ForwardAsAttachmentTo": [],
        "RedirectTo": _shown(call, rule.redirect_to),
        "DeleteMessage": rule.delete,
        "InError": False,
        "SupportedByTask": not rule.hidden,
        "IsValid": True,
    }
    return PsObject(_TYPES, rule.name, properties)


def _mailbox(call: Call) -> Mailbox:
    """-Mailbox; without it the caller's own."""
    return identity.mailbox(call, call.bound.get("Mailbox", call.caller))


def get_rule(call: Call) -> Iterator[Output]:
    if "Identity" in call.bound:
        yield _show(call, *_find(call))
        return
    box = _mailbox(call)
    for rule in box.rules:
        if not rule.hidden or call.flag("IncludeHidden"):
            yield _show(call, box, rule)


def _find(call: Call) -> tuple[Mailbox, InboxRule]:
    r"""By name, by number, or by `mailbox\number`. Raises `CmdletError`."""
    text = identity.text_of(call.bound["Identity"])
    owner, _, last = text.rpartition("\\")
    box = identity.mailbox(call, owner) if owner and "Mailbox" not in call.bound else _mailbox(call)
    low = last.lower()
    exact = [r for r in box.rules if r.identity.lower() == low]
    hits = exact or [r for r in box.rules if r.name.lower() == low]
    if len(hits) > 1:
        raise identity.ambiguous(text)
    if not hits:
        raise CmdletError(
            f'The Inbox rule "{text}" couldn\'t be found.',
            "ManagementObjectNotFoundException",
            target=text,
        )
    return box, hits[0]


def _change(call: Call, doing: str) -> Iterator[Output | tuple[Mailbox, InboxRule]]:
    """What a change begins with; the rule comes last where it may go on."""
    box, rule = _find(call)
    if not (yield from permit(call, box, f"{doing} the Inbox rule {rule.name} of")):
        return
    if box.outlook_rules_blob:
        if not (call.flag("AlwaysDeleteOutlookRulesBlob") or call.flag("Force")):
            raise must_ask(
                "The rules that were made in Outlook will be deleted. Do you want to continue?"
            )
        box.outlook_rules_blob = False
    yield box, rule


def _set(call: Call, doing: str, *, enabled: bool) -> Iterator[Output]:
    for step in _change(call, doing):
        if isinstance(step, tuple):
            step[1].enabled = enabled
        else:
            yield step


def disable(call: Call) -> Iterator[Output]:
    yield from _set(call, "Disabling", enabled=False)


def enable(call: Call) -> Iterator[Output]:
    yield from _set(call, "Enabling", enabled=True)


def remove(call: Call) -> Iterator[Output]:
    for step in _change(call, "Removing"):
        if isinstance(step, tuple):
            step[0].rules.remove(step[1])
        else:
            yield step


_MAILBOX: Final = Parameter(name="Mailbox", pipeline=True)
_CHANGES: Final = exchange(
    IDENTITY,
    Parameter(name="Mailbox"),
    *of_kind("switch", "AlwaysDeleteOutlookRulesBlob", "Force"),
)

CMDLETS: Final = (
    Cmdlet(
        name="Get-InboxRule",
        run=get_rule,
        roles=READ,
        parameters=exchange(
            Parameter(name="Identity", position=0),
            _MAILBOX,
            Parameter(name="IncludeHidden", kind="switch", since=Version.V2013),
            *of_kind("string", "DescriptionTimeFormat"),
        ),
    ),
    Cmdlet(name="Enable-InboxRule", run=enable, roles=WRITE, parameters=_CHANGES),
    Cmdlet(name="Disable-InboxRule", run=disable, roles=WRITE, confirms=True, parameters=_CHANGES),
    Cmdlet(name="Remove-InboxRule", run=remove, roles=WRITE, confirms=True, parameters=_CHANGES),
)
