# SPDX-License-Identifier: Apache-2.0
"""What a cmdlet takes and gives: no wire of it, and no model.

Values of properties and of parameters: None, text, bool, int, float, `UUID`, `datetime` (UTC),
`timedelta`, `PsObject`, and lists and dicts of these. Type names go out as the server has them,
without "Deserialized."; the receiving side adds that.
"""

from __future__ import annotations

from typing import Final

from msgspec import Struct

_RUNTIME: Final = "System.Management.Automation.RuntimeException"
_TASKS: Final = "Microsoft.Exchange.Configuration.Tasks."
_LOCALIZED: Final = "Microsoft.Exchange.Data.Common.LocalizedException"

EXCEPTIONS: Final[dict[str, tuple[str, ...]]] = {
    "CommandNotFoundException": (
        "System.Management.Automation.CommandNotFoundException",
        _RUNTIME,
    ),
    "ParameterBindingException": (
        "System.Management.Automation.ParameterBindingException",
        _RUNTIME,
    ),
    "PSInvalidOperationException": (
        "System.Management.Automation.PSInvalidOperationException",
        "System.InvalidOperationException",
    ),
    "HostException": ("System.Management.Automation.Host.HostException", _RUNTIME),
    "ManagementObjectNotFoundException": (
        f"{_TASKS}ManagementObjectNotFoundException",
        "Microsoft.Exchange.Data.DataSourceOperationException",
        _LOCALIZED,
    ),
    "ManagementObjectAmbiguousException": (
        f"{_TASKS}ManagementObjectAmbiguousException",
        "Microsoft.Exchange.Data.DataSourceOperationException",
        _LOCALIZED,
    ),
    "RecipientTaskException": (f"{_TASKS}RecipientTaskException", _LOCALIZED),
    "TaskInvalidOperationException": (f"{_TASKS}TaskInvalidOperationException", _LOCALIZED),
    "UserNotFoundInPermissionEntryException": (
        "Microsoft.Exchange.Management.StoreTasks.UserNotFoundInPermissionEntryException",
        _LOCALIZED,
    ),
    "RecipientPermanentException": (
        "Microsoft.Exchange.MailboxReplicationService.RecipientPermanentException",
        _LOCALIZED,
    ),
    "ServiceCommandException": (
        "Microsoft.PowerShell.Commands.ServiceCommandException",
        "System.SystemException",
    ),
    "ItemNotFoundException": ("System.Management.Automation.ItemNotFoundException", _RUNTIME),
    "UnauthorizedAccessException": (
        "System.UnauthorizedAccessException",
        "System.SystemException",
    ),
}
"""Short name -> full type names, most derived first."""


class PsObject(Struct, frozen=True):
    """One object of the output."""

    type_names: tuple[str, ...]
    to_string: str
    properties: dict[str, object]


class Text(Struct, frozen=True):
    """Plain text as output: a line that a program wrote."""

    value: str


class Warning_(Struct, frozen=True):  # noqa: N801 - `Warning` is Python's own
    text: str


class Verbose(Struct, frozen=True):
    text: str


class HostText(Struct, frozen=True):
    """Shown by the host and nowhere in the output: what -WhatIf says."""

    text: str


class Progress(Struct, frozen=True):
    activity: str
    status: str
    percent: int = -1


class CmdletError(Exception):
    """What goes to the error stream; where `terminating`, nothing of the pipeline follows.

    Attributes:
        reason: the exception's short type name.
        category: PowerShell's ErrorCategory by name.
        error_id: the fully qualified id.
        target: what it is about, as text.
    """

    def __init__(  # noqa: PLR0913 - an error record has these parts
        self,
        message: str,
        reason: str,
        *,
        category: str = "InvalidData",
        error_id: str = "",
        terminating: bool = False,
        target: str | None = None,
    ) -> None:
        super().__init__(message)
        self.message = message
        self.reason = reason
        self.category = category
        self.error_id = error_id or reason
        self.terminating = terminating
        self.target = target

    @property
    def type_names(self) -> tuple[str, ...]:
        own = EXCEPTIONS.get(self.reason, (f"System.{self.reason}",))
        return (*own, "System.Exception", "System.Object")


class ErrorOut(Struct, frozen=True):
    """An error that ends nothing, among the output."""

    error: CmdletError


Output = PsObject | Text | Warning_ | Verbose | HostText | ErrorOut | Progress
