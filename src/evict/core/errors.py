# SPDX-License-Identifier: Apache-2.0
"""The whole error tree. Every error has a code, an exit code, a retry class and two texts.

The public text may reach the leaver's own mail client or a log shipped elsewhere, so it says
nothing about the estate. The operator's text (`str(error)`) says what to look at.
"""

from __future__ import annotations

from enum import Enum, IntEnum
from typing import ClassVar


class ExitCode(IntEnum):
    """Exit codes of every command; 64 and above as in sysexits(3)."""

    OK = 0
    FAILED = 1
    USAGE = 2
    DOOR_OPEN = 3
    NOT_PROVEN = 4
    GUARD_REFUSED = 5
    UNAVAILABLE = 69
    BUG = 70
    TEMPORARY = 75
    PROTOCOL = 76
    NO_PERMISSION = 77
    CONFIG = 78


class Retry(Enum):
    """Whether the same call may succeed later. Data for the caller, never a loop in a connector."""

    NEVER = "never"
    LATER = "later"


class EvictError(Exception):
    """Base of all expected errors; never raised itself.

    Args:
        text: one sentence for the operator: what happened, where, what to do.
        fields: values for the log. No secret, ever.
    """

    code: ClassVar[str] = "error"
    exit_code: ClassVar[ExitCode] = ExitCode.FAILED
    retry: ClassVar[Retry] = Retry.NEVER
    public_text: ClassVar[str] = "The request failed."

    def __init__(self, text: str, **fields: str | float) -> None:
        if type(self) is EvictError:
            raise TypeError("raise a subclass of EvictError")
        super().__init__(text)
        self.text = text
        self.fields = fields


class UsageError(EvictError):
    """The command or the request makes no sense."""

    code = "usage"
    exit_code = ExitCode.USAGE


class ConfigError(EvictError):
    """The configuration is wrong; the text names file and key."""

    code = "config"
    exit_code = ExitCode.CONFIG


class GuardRefused(EvictError):
    """A guard forbids it: the account is protected."""

    code = "guard-refused"
    exit_code = ExitCode.GUARD_REFUSED
    public_text = "The account is protected."


class AccountUnknown(UsageError):
    """No account of the directory has this name."""

    code = "account-unknown"


class AccountAmbiguous(UsageError):
    """More than one account has this name."""

    code = "account-ambiguous"


class NameRefused(UsageError):
    """The name cannot be an account's: control or bidi characters, mixed scripts, too long."""

    code = "name-refused"


class LedgerError(EvictError):
    """The ledger cannot be used as it stands."""

    code = "ledger"


class LedgerDamaged(LedgerError):
    """The chain does not verify; the text says at which sequence number."""

    code = "ledger-damaged"
    exit_code = ExitCode.CONFIG


class LedgerNotAdopted(LedgerError):
    """The ledger was restored from a backup and must be adopted on purpose."""

    code = "ledger-not-adopted"
    exit_code = ExitCode.CONFIG


class LedgerConflict(LedgerError):
    """Compare-and-set lost: somebody appended for this account first."""

    code = "ledger-conflict"
    exit_code = ExitCode.TEMPORARY
    retry = Retry.LATER


class LedgerFull(LedgerError):
    """The append was not stored (disk full, I/O error). Nothing happened; what stands, stands."""

    code = "ledger-not-stored"
    exit_code = ExitCode.TEMPORARY
    retry = Retry.LATER


class AuditNotWritten(EvictError):
    """The audit log could not be written: nothing is reopened, approved or handed out now."""

    code = "audit-not-written"
    exit_code = ExitCode.TEMPORARY
    retry = Retry.LATER


class AuditDamaged(EvictError):
    """The audit log does not verify; the text says in which line."""

    code = "audit-damaged"
    exit_code = ExitCode.CONFIG


class ServiceUnavailable(EvictError):
    """`evict serve` does not answer on its socket."""

    code = "service-unavailable"
    exit_code = ExitCode.UNAVAILABLE
    retry = Retry.LATER


class NotAllowed(EvictError):
    """Whoever asks may not: the socket is not theirs to use."""

    code = "not-allowed"
    exit_code = ExitCode.NO_PERMISSION


class Interrupted(EvictError):
    """A look was stopped before it had proven anything; what the ledger holds stands."""

    code = "interrupted"
    exit_code = ExitCode.TEMPORARY
    retry = Retry.LATER


class SystemFault(EvictError):
    """Base of everything that went wrong at one system; never raised itself.

    Args:
        system: the system's name in the configuration.
    """

    code = "system"

    def __init__(self, text: str, *, system: str, **fields: str | float) -> None:
        if type(self) is SystemFault:
            raise TypeError("raise a subclass of SystemFault")
        super().__init__(f"{system}: {text}", system=system, **fields)
        self.system = system


class Unreachable(SystemFault):
    """Nothing was sent: safe to repeat."""

    code = "unreachable"
    exit_code = ExitCode.TEMPORARY
    retry = Retry.LATER


class AccessRefused(SystemFault):
    """Our own credential does not suffice; the text says which right is missing."""

    code = "access-refused"
    exit_code = ExitCode.NO_PERMISSION


class Unsupported(SystemFault):
    """The product or this installation cannot do it."""

    code = "unsupported"
    exit_code = ExitCode.UNAVAILABLE


class RemoteProtocolError(SystemFault):
    """The peer broke its protocol."""

    code = "remote-protocol"
    exit_code = ExitCode.PROTOCOL


class Uncertain(SystemFault):
    """Sent, and no answer came: only a look can tell. Never treated as failed or as done."""

    code = "uncertain"
    exit_code = ExitCode.TEMPORARY
    retry = Retry.LATER


class EvidenceError(EvictError):
    """Base of what is wrong with a piece of evidence; never raised itself."""

    code = "evidence"


class EvidenceInvalid(EvidenceError):
    """The signature or the statement is wrong: exit 1."""

    code = "evidence-invalid"


class EvidenceUntold(EvidenceError):
    """It cannot be told: no key, or a key that did not sign it: exit 4."""

    code = "evidence-untold"
    exit_code = ExitCode.NOT_PROVEN


class Bug(EvictError):
    """Ours: a state that the code promises cannot be."""

    code = "bug"
    exit_code = ExitCode.BUG
