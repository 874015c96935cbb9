# SPDX-License-Identifier: Apache-2.0
"""How Active Directory writes and compares values: instants, SIDs, names, texts."""

from __future__ import annotations

import hashlib
import re
import unicodedata
import uuid
from datetime import UTC, datetime
from functools import lru_cache
from typing import Final

_FILETIME_OF_1970: Final = 116_444_736_000_000_000
NEVER: Final = 0x7FFFFFFFFFFFFFFF
"""accountExpires of an account that does not (MS-ADTS 3.1.1.2.3 lists it as a LargeInteger)."""

INTEGERS: Final = frozenset(
    {
        "accountexpires", "admincount", "badpwdcount", "grouptype", "instancetype", "maxpwdage",
        "minpwdlength", "primarygroupid", "pwdhistorylength", "pwdlastset", "samaccounttype",
        "useraccountcontrol", "usnchanged", "usncreated",
    }
)  # fmt: skip
NAMES: Final = frozenset({"distinguishedname", "member", "memberof", "ncname", "objectcategory"})
OCTETS: Final = frozenset({"objectguid", "objectsid", "tokengroups", "ntsecuritydescriptor"})
_COMMA: Final = re.compile(r"(?<!\\),")
_SID: Final = re.compile(r"S-1-(\d{1,10})((?:-\d{1,10}){1,15})", re.IGNORECASE)


def filetime(at: float) -> int:
    """100 ns since 1601 (MS-DTYP 2.3.3), in whole microseconds; 0 stays 0."""
    return _FILETIME_OF_1970 + round(at * 1_000_000) * 10 if at else 0


def instant(value: int) -> float:
    """Seconds since 1970 of a FILETIME."""
    return (value - _FILETIME_OF_1970) / 10_000_000


def generalized(at: float) -> bytes:
    """As whenChanged and currentTime are written."""
    return f"{datetime.fromtimestamp(at, UTC):%Y%m%d%H%M%S}.0Z".encode()


def sid(authority: int, *parts: int) -> bytes:
    """Spec: MS-DTYP 2.4.2.2 (count, big-endian authority, little-endian parts)."""
    head = bytes([1, len(parts)]) + authority.to_bytes(6, "big")
    return head + b"".join(part.to_bytes(4, "little") for part in parts)


def domain_sid(domain: str) -> bytes:
    """Always the same for one name: S-1-5-21 and three numbers."""
    digest = hashlib.sha256(domain.lower().encode()).digest()
    return sid(5, 21, *(int.from_bytes(digest[n : n + 4], "little") for n in (0, 4, 8)))


def below(domain: bytes, rid: int) -> bytes:
    """The SID of something in a domain."""
    return domain[:1] + bytes([domain[1] + 1]) + domain[2:] + rid.to_bytes(4, "little")


def sid_of_text(text: str) -> bytes | None:
    """From `S-1-5-...`, which filters may hold as well as octets; None where it is none."""
    match = _SID.fullmatch(text)
    if match is None:
        return None
    numbers = [int(number) for number in match[2].split("-")[1:]]
    authority = int(match[1])
    return sid(authority, *numbers) if max(*numbers, authority) < 2**32 else None


def guid_octets(guid: str) -> bytes:
    """As objectGUID is stored: the first three fields little-endian (MS-DTYP 2.3.4.2)."""
    return uuid.UUID(guid).bytes_le


def parts_of(dn: str) -> list[str]:
    """The relative names of a distinguished name, first one first."""
    return [part.strip() for part in _COMMA.split(dn)]


@lru_cache(maxsize=8192)
def dn_key(dn: str) -> str:
    """What two spellings of one distinguished name have in common."""
    pairs = (part.partition("=") for part in parts_of(dn))
    return ",".join(f"{name.strip()}={value.strip()}" for name, _, value in pairs).casefold()


def loose(text: str) -> str:
    """As Active Directory compares texts: neither case nor accents count."""
    folded = unicodedata.normalize("NFKD", text).casefold()
    return "".join(c for c in folded if not unicodedata.combining(c))
