# SPDX-License-Identifier: Apache-2.0
"""Secrets that cannot be printed by accident, and the passwords that Evict derives."""

from __future__ import annotations

import base64
from typing import Final

from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

_LENGTH: Final = 24


class Secret:
    """A value whose repr, str and format are `***`; only `reveal()` gives it."""

    __slots__ = ("_value",)

    def __init__(self, value: str) -> None:
        self._value = value

    def reveal(self) -> str:
        return self._value

    def __repr__(self) -> str:
        return "***"

    __str__ = __repr__

    def __format__(self, spec: str, /) -> str:
        return "***"

    def __reduce__(self) -> str | tuple[object, ...]:
        raise TypeError("a secret is not serialised")


def derive_password(probe_key: bytes, account: str, generation: int, step: int) -> Secret:
    """Derive the password that Evict sets in `step` 1 or 2 of a rotation.

    The same input gives the same password, so probes can be repeated after a crash or for 90 days
    and nothing is stored. It has upper and lower case, a digit and a sign whatever the bytes are,
    so it meets the complexity rule of Active Directory (MS-SAMR 3.1.1.7.2).

    Args:
        probe_key: 32 bytes, the estate's own.
        account: immutable id.
        generation: of the revocation.
        step: 1 or 2.

    Spec: RFC 5869 section 2 (HKDF with SHA-256; info binds purpose, account, generation, step).
    """
    if len(probe_key) != 32 or step not in (1, 2):
        raise ValueError("a probe key has 32 bytes, a step is 1 or 2")
    info = f"evict probe password v1|{account}|{generation}|{step}".encode()
    raw = HKDF(algorithm=SHA256(), length=_LENGTH, salt=None, info=info).derive(probe_key)
    return Secret("Ev1-" + base64.urlsafe_b64encode(raw).decode("ascii"))
