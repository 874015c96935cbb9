# SPDX-License-Identifier: Apache-2.0
"""What each version has, so that a refusal is told from a version that cannot.

The shell answers both alike: a cmdlet or a parameter that the caller's roles do not hold is not
recognised, just as one that the version lacks. Source: Microsoft's cmdlet reference, the list of
versions of each cmdlet and parameter.
"""

from __future__ import annotations

from typing import Final

VERSIONS: Final = ("2010", "2013", "2016", "2019", "SE")
_ALL: Final = ("2010", "SE")

CMDLETS: Final[dict[str, tuple[str, str]]] = {
    "Get-MobileDevice": ("2013", "SE"),
    "Remove-MobileDevice": ("2013", "SE"),
    "Clear-MobileDevice": ("2013", "SE"),
    "Get-ActiveSyncDevice": ("2010", "2010"),
    "Remove-ActiveSyncDevice": ("2010", "2010"),
    "Enable-MailboxQuarantine": ("2013", "SE"),
    "Disable-MailboxQuarantine": ("2013", "SE"),
    "Set-UMMailboxPIN": ("2010", "2016"),
    "Get-UMMailboxPIN": ("2010", "2016"),
}
"""First and last version of what not all of them have."""

PARAMETERS: Final[dict[tuple[str, str], tuple[str, str]]] = {
    ("Set-CASMailbox", "MapiHttpEnabled"): ("2013", "SE"),
    ("Set-CASMailbox", "OWAforDevicesEnabled"): ("2013", "SE"),
    ("Get-InboxRule", "IncludeHidden"): ("2013", "SE"),
    ("Clear-MobileDevice", "AccountOnly"): ("2016", "SE"),
}

FLAGS: Final[dict[str, bool]] = {
    "OWAEnabled": False,
    "OWAforDevicesEnabled": False,
    "ECPEnabled": False,
    "ActiveSyncEnabled": False,
    "EwsEnabled": False,
    "EwsAllowOutlook": False,
    "EwsAllowMacOutlook": False,
    "EwsAllowEntourage": False,
    "MAPIEnabled": False,
    "MAPIBlockOutlookRpcHttp": True,
    "MapiHttpEnabled": False,
    "ImapEnabled": False,
    "PopEnabled": False,
}
"""The features of Set-CASMailbox, each with the value that shuts it.

EwsEnabled does not bar Outlook, Mac Outlook and Entourage: each has a switch of its own (cmdlet
reference, Set-CASMailbox, EwsEnabled)."""


def has(version: str, cmdlet: str, parameter: str = "") -> bool:
    """Whether this version has the cmdlet, or the parameter of it."""
    first, last = CMDLETS.get(cmdlet, _ALL)
    if not _within(version, first, last):
        return False
    first, last = PARAMETERS.get((cmdlet, parameter), _ALL)
    return _within(version, first, last)


def at_least(version: str, first: str) -> bool:
    """Whether `version` is `first` or newer."""
    return _within(version, first, VERSIONS[-1])


def _within(version: str, first: str, last: str) -> bool:
    return VERSIONS.index(first) <= VERSIONS.index(version) <= VERSIONS.index(last)
