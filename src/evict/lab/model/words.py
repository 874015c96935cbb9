# SPDX-License-Identifier: Apache-2.0
"""The words that the model and the wires share."""

from __future__ import annotations

from enum import StrEnum

from msgspec import Struct


class Pool(StrEnum):
    """Application pools of IIS, as Exchange 2013 and later name them; earlier ones share fewer."""

    OWA = "MSExchangeOWAAppPool"
    ECP = "MSExchangeECPAppPool"
    SYNC = "MSExchangeSyncAppPool"
    SERVICES = "MSExchangeServicesAppPool"
    MAPI = "MSExchangeMapiFrontEndAppPool"
    AUTODISCOVER = "MSExchangeAutodiscoverAppPool"
    POWERSHELL = "MSExchangePowerShellFrontEndAppPool"
    RPC = "MSExchangeRpcProxyFrontEndAppPool"
    OAB = "MSExchangeOABAppPool"
    CALENDAR = "MSExchangeOWACalendarAppPool"
    DEFAULT = "DefaultAppPool"


class Protocol(StrEnum):
    OWA = "owa"
    ACTIVESYNC = "activesync"
    EWS = "ews"
    MAPI = "mapi"
    IMAP = "imap"
    POP3 = "pop3"
    SMTP = "submission"


POOLS = {
    Protocol.OWA: Pool.OWA,
    Protocol.ACTIVESYNC: Pool.SYNC,
    Protocol.EWS: Pool.SERVICES,
    Protocol.MAPI: Pool.MAPI,
}
"""The pool whose worker serves a protocol over HTTP."""


class Denial(StrEnum):
    """Why somebody does not come in; each wire has its own way to say it."""

    BAD_CREDENTIALS = "bad-credentials"
    ACCOUNT_DISABLED = "account-disabled"
    PASSWORD_MUST_CHANGE = "password-must-change"  # noqa: S105 - a reason
    COOKIE_EXPIRED = "cookie-expired"
    SESSION_ENDED = "session-ended"
    FEATURE_OFF = "feature-off"
    DEVICE_BLOCKED = "device-blocked"
    DEVICE_WIPE = "device-wipe"
    NO_PERMISSION = "no-permission"
    QUARANTINED = "quarantined"
    IN_TRANSIT = "in-transit"
    WRONG_SERVER = "wrong-server"
    NO_MAILBOX = "no-mailbox"
    THROTTLED = "throttled"
    SERVER_DOWN = "server-down"


class Denied(Struct, frozen=True):
    denial: Denial
    text: str = ""


class How(StrEnum):
    """How somebody signed in."""

    BASIC = "basic"
    FORMS = "forms"
    INTEGRATED = "integrated"
    DIRECT = "direct"
    """A protocol's own login: IMAP, POP3, SMTP."""


class Principal(Struct, frozen=True, kw_only=True):
    """Somebody who signed in, `at` an instant of the organisation's clock."""

    sam: str
    upn: str
    how: How
    at: float


class ModelError(Exception):
    """What Exchange, or IIS, refuses to an administrator.

    Attributes:
        kind: "not-found", "unsupported", "busy", "exists", "invalid", "inherited".
    """

    def __init__(self, kind: str, text: str) -> None:
        super().__init__(text)
        self.kind = kind
        self.text = text
