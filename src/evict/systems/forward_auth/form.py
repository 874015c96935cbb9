# SPDX-License-Identifier: Apache-2.0
"""Who a login says it is: a form or a JSON object, read in one way alone and written anew.

The server gets what was decided about, in our own spelling: whatever it would have read in another
way than we did is gone by then.
"""

from __future__ import annotations

import json
import re
from typing import Final, NoReturn
from urllib.parse import parse_qsl, quote, urlencode

from msgspec import Struct

from evict.systems.forward_auth.login import LoginRequest, Rejected, answer
from evict.systems.forward_auth.products import Kind, Product

MAX_FIELDS: Final = 32
_MEDIA: Final = {
    Kind.FORM: "application/x-www-form-urlencoded",
    Kind.JSON: "application/json",
}
_LIKE_UNDERSCORE: Final = re.compile(r"[.\[ +]")


class Login(Struct, frozen=True):
    """Who logs in, as UTF-8, and where to.

    Attributes:
        names: every name that the server may take it for; the first as it was typed.
        body: to be carried.
    """

    names: tuple[bytes, ...]
    destination: str
    media: str
    body: bytes


def read_login(request: LoginRequest, product: Product) -> Login:
    """Who the login says.

    Raises:
        Rejected: another request, or nothing that can be read in one way alone.
    """
    if request.target.lower() != product.login_path.lower() or request.method != "POST":
        raise Rejected("404 Not Found")
    if len(request.all("cookie")) > 1:
        raise Rejected("400 Bad Request")
    media = _MEDIA[product.kind]
    if request.all("content-encoding") or not _is(request.all("content-type"), media):
        raise Rejected("415 Unsupported Media Type")
    read = _read_form if product.kind is Kind.FORM else _read_json
    return read(bytes(request.body), product)


def _is(said: list[str], media: str) -> bool:
    """The one media type, in UTF-8 or without saying: another charset is another name."""
    if len(said) != 1:
        return False
    kind, *parameters = (part.strip().lower() for part in said[0].split(";"))
    utf8 = ("", "charset=utf-8", 'charset="utf-8"')
    return kind == media and len(parameters) < 2 and all(p in utf8 for p in parameters)


def _read_form(body: bytes, product: Product) -> Login:
    try:
        pairs = parse_qsl(
            body.decode("ascii"),
            keep_blank_values=True,
            strict_parsing=True,
            errors="strict",
            max_num_fields=MAX_FIELDS,
        )
    except ValueError:  # UnicodeDecodeError is one
        raise Rejected("400 Bad Request") from None
    name = _the_one([pair for pair in pairs if _near(pair[0], product.field)], product)
    for said in product.says:
        found = [pair for pair in pairs if _near(pair[0], said[0])]
        if not found or any(pair != said for pair in found):
            raise Rejected("400 Bad Request")
    fields = {key.strip().lower(): value for key, value in pairs}
    destination = fields.get("destination", "")
    return Login((name,), destination, _MEDIA[Kind.FORM], urlencode(pairs).encode("ascii"))


def _near(key: str, field: str) -> bool:
    """Whether some server takes it for this field.

    ASP.NET compares in any case. Quirk: PHP 8.2 drops spaces before a field's name, reads `.`, a
    space and `[` in it as `_`, ends it at a NUL, and makes an array of `name[`.
    """
    low = key.partition("\0")[0].strip().lower()
    array = low[:1] + low[1:].partition("[")[0]
    return _like(field.lower()) in (_like(low), _like(array))


def _like(key: str) -> str:
    return _LIKE_UNDERSCORE.sub("_", key)


def _the_one(found: list[tuple[str, str]], product: Product) -> bytes:
    """The name, where it stands there once and spelled as the server reads it for certain."""
    if len(found) != 1:
        raise Rejected("400 Bad Request")
    key, value = found[0]
    spelled = key.lower() == product.field.lower() if product.any_case else key == product.field
    if not spelled or not value:
        raise Rejected("400 Bad Request")
    return value.encode("utf-8", "surrogatepass")


def _read_json(body: bytes, product: Product) -> Login:
    try:
        said = json.loads(
            body.decode("utf-8"), object_pairs_hook=_no_twins, parse_constant=_no_constant
        )
    except (ValueError, RecursionError):  # JSONDecodeError and UnicodeDecodeError are ValueErrors
        raise Rejected("400 Bad Request") from None
    if not isinstance(said, dict) or len(said) > MAX_FIELDS:
        raise Rejected("400 Bad Request")
    found = [(k, v) for k, v in said.items() if k.strip().lower() == product.field.lower()]
    if any(not isinstance(value, str) for _, value in found):
        raise Rejected("400 Bad Request")
    name = _the_one(found, product)
    names = (name, *_with_domain(name, said.get(product.domain_field)))
    return Login(names, "", _MEDIA[Kind.JSON], json.dumps(said).encode("ascii"))


def _with_domain(name: bytes, domain: object) -> tuple[bytes, ...]:
    """SOGo puts the domain behind the name where it is set up so, and else passes it over."""
    if domain is None or domain == "":
        return ()
    if not isinstance(domain, str):
        raise Rejected("400 Bad Request")
    return (name + b"@" + domain.encode("utf-8", "surrogatepass"),)


def _no_twins(pairs: list[tuple[str, object]]) -> dict[str, object]:
    """Of two alike one reader takes the first, another the last."""
    keys = {key.strip("\0").strip().lower() for key, _ in pairs}
    if len(keys) != len(pairs):
        raise ValueError("a key stands there twice")
    return dict(pairs)


def _no_constant(text: str) -> NoReturn:
    raise ValueError(f"{text} is no JSON")


def refusal(product: Product, destination: str) -> bytes:
    """As the server answers a wrong password."""
    if product.kind is Kind.JSON:
        body = b'{"LDAPPasswordPolicyError": 65535}'  # SOGoConstants.h: PolicyNoError
        return answer("403 Forbidden", [("Content-Type", "application/json")], body)
    page = product.refused_page.replace("{url}", quote(destination, safe=""))
    where = ("Location", page or product.login_page)
    return answer("302 Found", [where, ("Cache-Control", "no-store")])
