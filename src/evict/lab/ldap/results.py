# SPDX-License-Identifier: Apache-2.0
"""Result codes, and the diagnostic texts that Active Directory sends along.

The texts are those that clients read: a hexadecimal Win32 error first (MS-ERREF 2.2), and for a
refused bind the word `data` with another (MS-ADTS 5.1.1.1.1 leaves the rest to the server).
"""

from __future__ import annotations

from typing import Final

from evict.lab.model.words import Denial

SUCCESS: Final = 0
OPERATIONS_ERROR: Final = 1
PROTOCOL_ERROR: Final = 2
SIZE_LIMIT_EXCEEDED: Final = 4
COMPARE_FALSE: Final = 5
COMPARE_TRUE: Final = 6
AUTH_METHOD_NOT_SUPPORTED: Final = 7
UNAVAILABLE_CRITICAL_EXTENSION: Final = 12
NO_SUCH_ATTRIBUTE: Final = 16
CONSTRAINT_VIOLATION: Final = 19
VALUE_EXISTS: Final = 20
INVALID_SYNTAX: Final = 21
NO_SUCH_OBJECT: Final = 32
INVALID_CREDENTIALS: Final = 49
INSUFFICIENT_RIGHTS: Final = 50
UNWILLING: Final = 53

NO_OBJECT: Final = "0000208D: NameErr: problem 2001 (NO_OBJECT), data 0"
NOT_BOUND: Final = "000004DC: LdapErr: a bind must be completed on this connection first, data 0"
NO_RIGHT: Final = "00000005: SecErr: problem 4003 (INSUFF_ACCESS_RIGHTS), data 0"
NO_VALUE: Final = "00002085: AtrErr: problem 1001 (NO_ATTRIBUTE_OR_VAL), data 0"
HAS_VALUE: Final = "00002083: AtrErr: problem 1006 (ATT_OR_VALUE_EXISTS), data 0"
NO_CONSTRAINT: Final = "00002082: AtrErr: problem 1005 (CONSTRAINT_ATT_TYPE), data 0"
NO_POLICY: Final = "0000052D: AtrErr: problem 1005 (CONSTRAINT_ATT_TYPE), data 0"
WRONG_OLD: Final = "00000056: AtrErr: problem 1005 (CONSTRAINT_ATT_TYPE), data 0"
NOT_A_PASSWORD: Final = "0000001F: SvcErr: problem 5003 (WILL_NOT_PERFORM), data 0"  # noqa: S105
READ_ONLY: Final = "0000209A: SvcErr: problem 5003 (WILL_NOT_PERFORM), data 0"
NOT_HERE: Final = "00002077: SvcErr: problem 5003 (WILL_NOT_PERFORM), data 0"
BAD_COOKIE: Final = "00000057: LdapErr: no such paged search, data 0"
UNSUPPORTED: Final = "00000057: LdapErr: not supported here, data 0"

WRONG_PASSWORD: Final = "52e"  # noqa: S105 - a code
DISABLED: Final = "533"
EXPIRED: Final = "701"
MUST_CHANGE: Final = "773"
BIND_DATA: Final = {
    Denial.BAD_CREDENTIALS: WRONG_PASSWORD,
    Denial.ACCOUNT_DISABLED: DISABLED,
    Denial.PASSWORD_MUST_CHANGE: MUST_CHANGE,
}
"""Win32 codes of a refused sign-in (MS-ERREF 2.2): wrong password or no such account, disabled,
password must be changed. The same word for a wrong password and for nobody: assumed."""


class Refused(Exception):
    """An operation that is answered with a result other than success."""

    def __init__(self, code: int, text: str = "") -> None:
        super().__init__(text)
        self.code = code
        self.text = text


def bind_text(data: str) -> str:
    """As a refused bind says it; clients find the code after `data`. It ends in a NUL."""
    return f"80090308: LdapErr: comment: AcceptSecurityContext error, data {data}, v4563\0"
