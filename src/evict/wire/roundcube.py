# SPDX-License-Identifier: Apache-2.0
"""Roundcube as a probe must speak it: the form with its token, and a question to the session.

Source: Roundcube 1.6.5, index.php and rcmail_output_json.php; seen on a server of this version.
"""

from __future__ import annotations

import re
from typing import Any, Final
from urllib.parse import parse_qs, urlencode

import msgspec

from evict.core.endpoint import Endpoint
from evict.wire.reading import Reading, Says, json_object, of_status, own_address

PROTOCOL: Final = "roundcube-web"
LOGIN: Final = "?_task=login"
ALIVE: Final = "?_task=mail&_action=keep-alive&_remote=1"
"""A question of the page's scripts that reads no mail and asks no IMAP server."""
LOGOUT: Final = "?_task=logout"
TOKEN_HEADER: Final = "X-Roundcube-Request"  # noqa: S105 - the name of a header
MAX_PAGE: Final = 256 * 1024
"""Bytes of a page that are looked at."""
_FORM_TOKEN: Final = re.compile(rb'name="_token" value="([A-Za-z0-9_-]{1,128})"')
_LOGIN_FORM: Final = re.compile(rb'<input\b[^>]*\bname="_pass"')
_MESSAGE: Final = re.compile(rb'display_message\(("(?:[^"\\]|\\.){0,400}")')
_LIFETIME: Final = re.compile(rb'"session_lifetime":(\d{1,9})\b')
_VERSION: Final = re.compile(rb'"rcversion":(\d)(\d\d)(\d\d)\b')
_FAILED: Final = frozenset(
    {
        "Login failed.",
        "Die Anmeldung ist fehlgeschlagen.",
        "Login fehlgeschlagen",
        "La connexion a échoué.",
        "Contraseña o nombre de usuario incorrecto.",
        "Accesso non riuscito.",
        "Aanmelden mislukt.",
        "Błąd logowania!",
        "Falha no login",
        "Falha na autenticação.",
        "Přihlášení selhalo.",
        "Inloggningen misslyckades",
        "Det lykkedes ikke at logge på.",
        "Pålogging mislyktes",
        "Sisäänkirjautuminen epäonnistui",
        "Sikertelen bejelentkezés.",
    }
)
"""`loginfailed`, where a server's language is fixed; else it speaks English to us."""


class RoundcubeEndpoint(Endpoint, frozen=True, kw_only=True):
    """Attributes: `path`: where the application stands, with a slash at both ends."""

    path: str = "/"


class Page(Reading, frozen=True, kw_only=True):
    """The login page.

    Attributes:
        token: what its form must send along.
    """

    token: str = ""


def read_form(status: int, body: bytes) -> Page:
    """The login page: GO_ON with a token, or why there is none."""
    found = _FORM_TOKEN.search(body[:MAX_PAGE])
    if status == 200 and found and _LOGIN_FORM.search(body[:MAX_PAGE]):
        return Page(says=Says.GO_ON, words="the login page", token=found[1].decode("ascii"))
    by_status = of_status(status)
    words = by_status.words if by_status else "no login form"
    return Page(says=Says.UNCLEAR, words=f"{words} where the login page should be")


def login_form(name: str, password: str, token: str) -> bytes:
    fields = {
        "_task": "login",
        "_action": "login",
        "_user": name,
        "_pass": password,
        "_token": token,
        "_timezone": "UTC",
        "_url": "",
    }
    return urlencode(fields).encode("ascii")


def read_login(status: int, location: str, host: str, body: bytes) -> Page:
    """What the answer to the form means; the token is the session's own.

    Quirk: Roundcube 1.6.5 answers 401 to a wrong password, to a token that is not its own and
    to an IMAP server that does not answer; only its message tells them apart.
    """
    if 300 <= status < 400:
        return _sent(_query(location, host))
    if status in (200, 401) and _LOGIN_FORM.search(body[:MAX_PAGE]):
        said = message(body)
        if said in _FAILED:
            return Page(says=Says.REFUSED, words=f"the login was refused: {said}")
        return Page(says=Says.UNCLEAR, words=f"neither let in nor refused: {said or 'no word'}")
    by_status = of_status(status)
    if by_status:
        return Page(says=by_status.says, words=by_status.words)
    return Page(says=Says.UNCLEAR, words=f"the login form was answered with HTTP {status}")


def _sent(query: dict[str, str]) -> Page:
    """After a login. Roundcube itself never sends anybody back: a front that refuses does."""
    match query.get("_task"):
        case "mail":
            token = query.get("_token", "")
            return Page(says=Says.GO_ON, words="signed in", token=token)
        case "login":
            return Page(says=Says.REFUSED, words="the login was sent back to the login page")
    return Page(says=Says.UNCLEAR, words="the login was sent to somewhere else")


def read_alive(status: int, location: str, host: str, body: bytes) -> Reading:
    """What the answer to `ALIVE` means.

    Quirk: Roundcube 1.6.5 answers a dead session 200; the script in its JSON says so.
    """
    if 300 <= status < 400:
        if _query(location, host).get("_task") == "login":
            return Reading(says=Says.REFUSED, words="sent to the login page")
        return Reading(says=Says.UNCLEAR, words="sent to somewhere else")
    said = json_object(body, MAX_PAGE)
    script = said.get("exec")
    if status == 200 and isinstance(script, str):
        if "this.session_error(" in script:
            return Reading(says=Says.REFUSED, words="the session is over")
        if said.get("action") == "keep-alive":
            return Reading(says=Says.IN, words="the session is alive")
    if _LOGIN_FORM.search(body[:MAX_PAGE]):
        return Reading(says=Says.REFUSED, words=f"the login page (HTTP {status})")
    by_status = of_status(status)
    return by_status or Reading(says=Says.UNCLEAR, words=f"an unknown answer (HTTP {status})")


def message(body: bytes) -> str:
    """What the page tells its reader; "" where it tells nothing."""
    found = _MESSAGE.search(body[:MAX_PAGE])
    if not found:
        return ""
    try:
        said: Any = msgspec.json.decode(found[1])
    except msgspec.DecodeError:
        return ""
    return said if isinstance(said, str) else ""


def lifetime_s(body: bytes) -> int | None:
    """session_lifetime as any page tells its scripts, seconds; None where none does."""
    found = _LIFETIME.search(body[:MAX_PAGE])
    return int(found[1]) if found else None


def version(body: bytes) -> str:
    """`1.6.5`, "" where the page does not tell."""
    found = _VERSION.search(body[:MAX_PAGE])
    return ".".join(str(int(part)) for part in found.groups()) if found else ""


def _query(location: str, host: str) -> dict[str, str]:
    """The fields of an address on this server; none of another one's."""
    url = own_address(location, host)
    return {key: values[0] for key, values in parse_qs(url.query).items()} if url else {}
