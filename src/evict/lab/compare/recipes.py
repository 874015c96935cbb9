# SPDX-License-Identifier: Apache-2.0
"""The recipes: what people, tools and guides do, step by step, and what Evict does."""

from __future__ import annotations

from functools import partial
from typing import Final

from msgspec import Struct

from evict.lab.compare import steps
from evict.lab.compare.steps import Step, nothing_like

_ARTICLE: Final = "Netmail blog, 24 March 2014"
_CIPP: Final = (
    "KelvinTegelaar/CIPP-API, Modules/CIPPCore/Public/Invoke-CIPPOffboardingJob.ps1 (0c426e1)"
)
_ADMINDROID: Final = (
    "admindroid-community/powershell-scripts, Automate M365 User Offboarding (41610c5)"
)
_GUIDE: Final = "https://learn.microsoft.com/entra/identity/users/users-revoke-access"
_KB_TOKENS: Final = "KB 3035228 https://support.microsoft.com/en-us/help/3035228"
_WIKI: Final = (
    "https://learn.microsoft.com/archive/technet-wiki/"
    "3406.exchange-best-practices-for-untrusted-mailbox-users"
)
_QUARANTINE: Final = (
    "https://learn.microsoft.com/powershell/module/exchangepowershell/enable-mailboxquarantine"
)
SHORT_TOKEN_S: Final = 300.0


class Recipe(Struct, frozen=True, kw_only=True):
    """Attributes: `before` is done long before the order, and costs no time after it."""

    name: str
    title: str
    source: str
    steps: tuple[Step, ...]
    before: tuple[Step, ...] = ()


def _disable(tool: str = "console") -> Step:
    return Step(what="disable the account", act=steps.disable, tool=tool)


def _reset(tool: str = "console") -> Step:
    return Step(what="set another password", act=steps.reset, tool=tool)


def _features(tool: str = "console") -> Step:
    return Step(what="switch every protocol off", act=steps.features_off, tool=tool)


def _self(tool: str = "console") -> Step:
    return Step(what="take SELF's full access", act=steps.self_off, tool=tool)


def _system(tool: str = "console", *, optional: bool = False) -> Step:
    return Step(
        what="take full access of Exchange Servers and Exchange Trusted Subsystem",
        act=steps.system_entries_off,
        tool=tool,
        needs="system-entries",
        cmdlet="such entries on its mailboxes",
        optional=optional,
    )


def _move() -> Step:
    return Step(
        what="move the mailbox to another database",
        act=steps.move,
        needs="moves",
        cmdlet="New-MoveRequest",
    )


def _quarantine(tool: str = "cmdlet") -> Step:
    return Step(
        what="quarantine the mailbox",
        act=steps.quarantine,
        tool=tool,
        needs="quarantine",
        cmdlet="Enable-MailboxQuarantine",
    )


def _partnerships(tool: str) -> Step:
    return Step(what="remove the phones' partnerships", act=steps.remove_partnerships, tool=tool)


def _rules(tool: str) -> Step:
    return Step(what="take the inbox rules away", act=steps.rules_off, tool=tool)


_EVERYDAY: Final = (
    Recipe(
        name="disable",
        title="disable in the directory",
        source="what everybody does",
        steps=(_disable(),),
    ),
    Recipe(
        name="password",
        title="disable, new password",
        source="what most people do",
        steps=(_disable(), _reset()),
    ),
    Recipe(
        name="features",
        title="disable, features off",
        source=f"{_ARTICLE}, remedy 2",
        steps=(_disable(), _features("cmdlet")),
    ),
    Recipe(
        name="self",
        title="disable, SELF off",
        source=f"{_ARTICLE}, remedy 1",
        steps=(_disable(), _self()),
    ),
    Recipe(
        name="2013",
        title="system entries off, disable, move",
        source=f"{_ARTICLE}, remedy 1 for Exchange 2013",
        steps=(_system(), _disable(), _move()),
    ),
    Recipe(
        name="short-token",
        title=f"tokens of {SHORT_TOKEN_S / 60:.0f} min, disable",
        source=f"{_ARTICLE}, remedy 3; the value as https://kb.cloudblue.com/en/1454 has it",
        before=(
            Step(
                what="set UserTokenTTL everywhere",
                act=partial(steps.shorter_tokens, seconds=SHORT_TOKEN_S),
            ),
        ),
        steps=(_disable(),),
    ),
    Recipe(
        name="move",
        title="disable, move the mailbox",
        source=_WIKI,
        steps=(_disable(), _move()),
    ),
    Recipe(
        name="iisreset",
        title="disable, iisreset everywhere",
        source=f"{_ARTICLE}, remedy 4; {_KB_TOKENS}",
        steps=(
            _disable(),
            Step(what="iisreset on every server", act=steps.iisreset_everywhere, tool="restart"),
        ),
    ),
    Recipe(
        name="quarantine",
        title="disable, quarantine",
        source=_QUARANTINE,
        steps=(_disable(), _quarantine()),
    ),
)
_TOOLS: Final = (
    Recipe(
        name="cipp",
        title="CIPP's order",
        source=_CIPP,
        steps=(
            nothing_like("revoke the cloud's sessions"),
            _reset("script"),
            _disable("script"),
            _rules("script"),
            _partnerships("script"),
            nothing_like("licences, multi-factor methods, Teams, OneDrive"),
        ),
    ),
    Recipe(
        name="admindroid",
        title="AdminDroid's order",
        source=_ADMINDROID,
        steps=(
            _disable("script"),
            _reset("script"),
            nothing_like("groups, admin roles, app roles"),
            Step(
                what="wipe the phones (here: of the account alone)",
                act=steps.wipe_phones,
                tool="script",
                needs="account-only-wipe",
                cmdlet="Clear-MobileDevice -AccountOnly",
                optional=True,
            ),
            _rules("script"),
            nothing_like("licences"),
            nothing_like("sign out of the cloud's sessions"),
        ),
    ),
    Recipe(
        name="microsoft",
        title="Microsoft's emergency guide",
        source=_GUIDE,
        steps=(
            _disable("cmdlet"),
            Step(what="set another password", act=steps.reset, tool="cmdlet"),
            Step(what="and once more", act=steps.reset, tool="cmdlet"),
            nothing_like("disable in the cloud, revoke its sessions, disable its devices"),
        ),
    ),
)
_NARROW: Final = (
    _disable("evict"),
    _reset("evict"),
    Step(what="and once more", act=steps.reset, tool="evict"),
    _features("evict"),
    Step(what="block the phones' ids", act=steps.block_devices, tool="evict"),
    Step(what="take rights in other mailboxes", act=steps.rights_elsewhere_off, tool="evict"),
    _partnerships("evict"),
    _rules("evict"),
    _self("evict"),
    _system("evict", optional=True),
)
_SERVED: Final = Step(
    what="recycle a pool where the leaver is still served",
    act=steps.recycle_where_served,
    tool="evict",
)
_HOOK: Final = Step(
    what="refuse at the front, and cut what it holds",
    act=steps.refuse_at_the_front,
    tool="evict",
)
_EVICT: Final = "docs/operate/exchange.md; the order that `evict plan` prints"
_OURS: Final = (
    Recipe(
        name="evict",
        title="Evict, no hook",
        source=_EVICT,
        steps=(*_NARROW, _SERVED),
    ),
    Recipe(
        name="evict-bounce",
        title="Evict, no hook, mail may bounce",
        source=_EVICT,
        steps=(*_NARROW, _quarantine("evict"), _SERVED),
    ),
    Recipe(
        name="evict-hook",
        title="Evict, hook at the front",
        source=_EVICT,
        steps=(_HOOK, *_NARROW, _SERVED),
    ),
    Recipe(
        name="evict-hook-bounce",
        title="Evict, hook, mail may bounce",
        source=_EVICT,
        steps=(_HOOK, *_NARROW, _quarantine("evict"), _SERVED),
    ),
)
RECIPES: Final = (*_EVERYDAY, *_TOOLS, *_OURS)
NOTHING: Final = Recipe(name="nothing", title="nothing", source="", steps=())
"""What every recipe is compared with: the same people on the same day, and nobody leaves."""


def names() -> tuple[str, ...]:
    return tuple(recipe.name for recipe in RECIPES)
