# SPDX-License-Identifier: Apache-2.0
"""Names of accounts: one canonical form, the forms an account can log in with, what is refused.

Follows the UsernameCaseMapped profile (RFC 8265 section 3.3: width mapping, lower case, NFC) and
refuses, rather than folds, whatever has a compatibility form (RFC 8264 section 9.17, HasCompat):
folding would make two living people one.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable
from typing import Final

from evict.core.account import Account
from evict.core.errors import NameRefused

MAX_LENGTH: Final = 256
"""Characters; an SMTP address has at most 254 octets (RFC 5321 section 4.5.3.1.3)."""

_REFUSED_CATEGORIES: Final = frozenset({"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"})
_REFUSED_SIGNS: Final = frozenset('*?%"<>|')
_REFUSED_ASCII: Final = re.compile(r'[\x00-\x1f\x7f*?%"<>|]')
_INVISIBLE: Final = frozenset(
    {"\u034f", "\u115f", "\u1160", "\u17b4", "\u17b5", "\u180f", "\u3164", "\uffa0"}
    | {
        chr(c)
        for first, last in ((0x180B, 0x180D), (0xFE00, 0xFE0F), (0xE0100, 0xE01EF))
        for c in range(first, last + 1)
    }
)
"""Marks and letters that are drawn as nothing (Unicode's Default_Ignorable_Code_Point without Cf);
a directory may pass over them when it compares."""

_JOINT_SCRIPTS: Final = (frozenset({"CJK", "HIRAGANA", "KATAKANA"}), frozenset({"CJK", "HANGUL"}))


def canonical(name: str) -> str:
    """Fold a name to the one form in which names are compared; idempotent.

    Raises:
        NameRefused: empty or longer than `MAX_LENGTH`; spaces at an end; control, format (bidi),
            private, invisible or unassigned characters; compatibility characters; letters of
            several scripts;
            one of `* ? % " < > |`, which are wildcards, separators or escapes to some server.
    """
    if not 0 < len(name) <= MAX_LENGTH:
        raise NameRefused(f"a name has 1 to {MAX_LENGTH} characters, this one {len(name)}")
    folded = name.lower() if name.isascii() else _fold_checked(name)
    if folded != folded.strip():
        raise NameRefused("the name begins or ends with a space")
    if folded.isascii():
        _refuse_ascii(folded)
    else:
        _refuse_characters(folded)
        _refuse_mixed_scripts(folded)
    return folded


def try_canonical(name: str) -> str | None:
    """`canonical`, or None where the name is refused."""
    try:
        return canonical(name)
    except NameRefused:
        return None


def _fold_checked(name: str) -> str:
    folded = _fold(name)
    if folded != _fold(folded):
        raise NameRefused("the name has no stable canonical form")
    if unicodedata.normalize("NFKC", folded) != folded:
        raise NameRefused("the name has compatibility characters")
    if len(folded) > MAX_LENGTH:
        raise NameRefused(f"the name grows beyond {MAX_LENGTH} characters when folded")
    return folded


def _fold(name: str) -> str:
    narrow = "".join(
        unicodedata.normalize("NFKC", c) if unicodedata.east_asian_width(c) in "FH" else c
        for c in name
    )
    return unicodedata.normalize("NFC", narrow.lower())


def _refuse_ascii(name: str) -> None:
    """All that ASCII needs, in one pass: the answer of `_refuse_characters`, ten times faster."""
    refused = _REFUSED_ASCII.search(name)
    if refused:
        _refuse_characters(refused[0])


def _refuse_characters(name: str) -> None:
    for char in name:
        unseen = char in _INVISIBLE or (char != " " and char.isspace())
        if unseen or unicodedata.category(char) in _REFUSED_CATEGORIES:
            raise NameRefused(f"the name has the character U+{ord(char):04X}")
        if char in _REFUSED_SIGNS:
            raise NameRefused(f"the name has the sign {char}")


def _refuse_mixed_scripts(name: str) -> None:
    """The script is the first word of the character's Unicode name (no script table in Python)."""
    scripts = {unicodedata.name(c, "?").split(" ", 1)[0] for c in name if c.isalpha()}
    if len(scripts) > 1 and not any(scripts <= joint for joint in _JOINT_SCRIPTS):
        raise NameRefused(f"the name mixes scripts: {', '.join(sorted(scripts))}")


def without_sub_address(form: str) -> str:
    """`alice+news@corp.test` -> `alice@corp.test`; a form without `+` stays (RFC 5233)."""
    local, at, domain = form.partition("@")
    return local.split("+", 1)[0] + at + domain if "+" in local[1:] else form


def login_forms(account: Account, username_formats: Iterable[str] = ()) -> tuple[str, ...]:
    """Every canonical form this account can log in with, sorted, each once.

    Args:
        username_formats: Dovecot `auth_username_format` values of the estate's servers; their
            yield of each form is added, unless it is refused as a name (`%n` of `"x @corp.test"`
            ends with a space): the hooks refuse such a name to everybody.
    """
    raw = [account.sam, account.upn, *account.addresses]
    if account.sam:  # of a tombstone it may be lost: a bare domain is nobody's name
        for domain in filter(None, (account.dns_domain, account.domain)):
            raw += [f"{account.sam}@{domain}", f"{domain}\\{account.sam}"]
    forms = {form for name in raw if name and (form := try_canonical(name)) is not None}
    yielded = {apply_username_format(f, form) for f in username_formats for form in forms}
    return tuple(sorted(forms | {name for each in yielded if (name := try_canonical(each))}))


def apply_username_format(username_format: str, form: str) -> str:
    """What Dovecot makes of a login name: `%u`, `%n`, `%d`, each with the modifier `L` or none.

    Spec: Dovecot 2.3 documentation, Config Variables ("%n user part in user@domain, same as %u if
    there is no domain"; modifier L: lower case). Other variables are left as they stand, so that
    such a form matches nobody rather than somebody else.
    """
    user, _, domain = form.partition("@")
    out = username_format
    for letter, value in (("u", form), ("n", user), ("d", domain)):
        out = out.replace(f"%L{letter}", value.lower()).replace(f"%{letter}", value)
    return out
