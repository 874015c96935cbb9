# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from evict.core.names import try_canonical, without_sub_address


def spellings(name: str, separators: str = "") -> tuple[str, ...] | None:
    """Every canonical form that a login name may stand for; None where the name is refused.

    Looking at too many forms can only refuse, never let in, so what some server strips is looked at
    both ways: the sub-address (`alice+news`), and the dot that ends a fully qualified domain name
    (RFC 1034 section 3.1). Of a master user's login (`mailbox*master`) both parts count, and the
    whole where a name may have the separator in it.

    Args:
        separators: each character is the `auth_master_user_separator` of some server.
    """
    parts = [name]
    for separator in separators:
        parts = [piece for part in parts for piece in part.split(separator)]
    canonical = [try_canonical(part) for part in parts]
    if len(parts) > 1 and (whole := try_canonical(name)) is not None:
        canonical.append(whole)
    forms: dict[str, None] = {}
    for form in canonical:
        if form is None:
            return None
        for shape in (form, without_sub_address(form)):
            forms[shape] = None
            forms[shape.rstrip(".")] = None
    return tuple(forms)
