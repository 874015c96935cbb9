# SPDX-License-Identifier: Apache-2.0
"""How people sign in to a product by a cookie, and which cookie that is.

Read in the products' own code and tried on them: Roundcube 1.6.5 (index.php, rcmail::login,
rcube_session), SOGo 5.8.0 (SOGoRootPage connectAction) on SOPE (WOCookie), OWA from 2013 on.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Final

from msgspec import Struct
from msgspec.structs import replace

from evict.config.forward_auth import ForwardAuthHook


class Kind(StrEnum):
    FORM = "form"
    JSON = "json"


class Product(Struct, frozen=True, kw_only=True):
    """One web mail, as a front has to treat it.

    Attributes:
        label: for people.
        prefixes: beginnings of its paths.
        moved: of these, what the server behind has in another place.
        field: of the login, the name; compared as the server does where `any_case`.
        domain_field: of a JSON login, what the server may put behind the name; "" where there is
            none.
        says: of a login form, fields that must be there and say this, for they tell the server
            what is asked of it. Of the cookies only the product's own goes with it then.
        login_path: target of the login, query included.
        login_page: target where whoever is not known is sent, and which is shown to nobody:
            without the client's cookies.
        cookie: the one that signs in, and stays what it is for as long as the session lives.
        beside: cookies that are cleared together with it.
        cookie_paths: where cookies are cleared.
        open_paths: need no identity; ending with a slash: a beginning, else exactly that target.
        refused_page: target after a login that is refused, `{url}` for where it wanted to go; "":
            the login page.
        signed_in: status of the answer to a login that succeeded.
        keeps: connections from a front may be kept open.
        unseen: has sign-ins that a front cannot see into (NTLM, Kerberos).
    """

    label: str
    prefixes: tuple[str, ...]
    moved: tuple[tuple[str, str], ...] = ()
    kind: Kind
    field: str
    any_case: bool = False
    domain_field: str = ""
    says: tuple[tuple[str, str], ...] = ()
    login_path: str
    login_page: str
    cookie: str
    beside: tuple[str, ...] = ()
    cookie_paths: tuple[str, ...] = ("/",)
    open_paths: tuple[str, ...] = ()
    refused_page: str = ""
    signed_in: int = 302
    keeps: bool = True
    unseen: bool = False


OWA: Final = Product(
    label="Exchange",
    prefixes=("/",),
    kind=Kind.FORM,
    field="username",
    any_case=True,
    login_path="/owa/auth.owa",
    login_page="/owa/auth/logon.aspx?reason=0",
    cookie="cadata",
    beside=("cadataTTL", "cadataKey", "cadataIV", "cadataSig"),
    open_paths=("/owa/auth/",),
    refused_page="/owa/auth/logon.aspx?url={url}&reason=2",
    unseen=True,
)

SOGO: Final = Product(
    label="SOGo",
    prefixes=("/SOGo", "/Microsoft-Server-ActiveSync"),
    moved=(("/Microsoft-Server-ActiveSync", "/SOGo/Microsoft-Server-ActiveSync"),),
    kind=Kind.JSON,
    field="userName",
    domain_field="domain",
    login_path="/SOGo/connect",
    login_page="/SOGo/",
    cookie="0xHIGHFLYxSOGo",
    beside=("XSRF-TOKEN",),
    cookie_paths=("/", "/SOGo", "/SOGo/"),
    open_paths=("/SOGo/WebServerResources/", "/SOGo.woa/WebServerResources/"),
    signed_in=200,
    keeps=False,
)


def roundcube(path: str = "/roundcube/") -> Product:
    """Roundcube under a path.

    Its login page issues `roundcube_sessid` to everybody; the id is made anew at the login and
    then stays. `roundcube_sessauth` comes with the login and changes every half life of the
    session, so it is not the one to bind (rcube_session::check_auth). Which page is meant stands
    in the query, the form and the cookies alike (`_task`, rcube_utils::get_input_value), so
    nothing is open but what is shown to nobody: the one target, and folders of files. A form that
    asks for another page would else be answered to the session of the cookie that comes with it.
    """
    base = "/" + path.strip("/") + "/" if path.strip("/") else "/"
    page = f"{base}?_task=login"
    return Product(
        label="Roundcube",
        prefixes=(base,),
        kind=Kind.FORM,
        field="_user",
        says=(("_task", "login"), ("_action", "login")),
        login_path=page,
        login_page=page,
        cookie="roundcube_sessid",
        beside=("roundcube_sessauth",),
        cookie_paths=tuple(dict.fromkeys(("/", base, base.rstrip("/") or "/"))),
        open_paths=tuple(f"{base}{folder}/" for folder in ("skins", "plugins", "program")),
    )


def product_of(kind: str, path: str) -> Product:
    """Of the word that the configuration has for it ("exchange", "sogo", "roundcube").

    Raises `KeyError` for another one.
    """
    return {"exchange": OWA, "sogo": SOGO, "roundcube": roundcube(path)}[kind]


def settle(product: Product, settings: ForwardAuthHook) -> Product:
    """The product with what the settings say otherwise; the login page is always open."""
    page = settings.login_page or product.login_page
    opened = product.open_paths if settings.open_paths is None else settings.open_paths
    return replace(
        product,
        kind=Kind(settings.login_kind) if settings.login_kind else product.kind,
        field=settings.login_field or product.field,
        login_path=settings.login_path or product.login_path,
        login_page=page,
        cookie=settings.cookie or product.cookie,
        open_paths=tuple(dict.fromkeys((page, *opened))),
    )


def clearing(product: Product) -> tuple[str, ...]:
    """Values of Set-Cookie headers that take every cookie of a sign-in away."""
    names = (product.cookie, *product.beside)
    return tuple(
        f"{name}=; Path={path}; Max-Age=0; HttpOnly"
        for name in names
        for path in product.cookie_paths
    )
