# SPDX-License-Identifier: Apache-2.0
"""Who may come through, and as whom. The path decides nothing but that the login page is shown.

In two steps: what a question means, which depends on its bytes alone, and the decision, which is
made anew each time.
"""

from __future__ import annotations

from typing import Final, TypeVar

from msgspec import Struct

from evict.systems.forward_auth.answers import NOT_NOW, REFUSE, WHO, Answers
from evict.systems.forward_auth.bindings import Bindings, Bound, digest
from evict.systems.forward_auth.credentials import CookieReader, Scheme, authorization, is_open
from evict.systems.forward_auth.fronts import NGINX, Front
from evict.systems.forward_auth.names import MECHANISM, Decide, may_enter, shown, spelled
from evict.systems.forward_auth.products import Product

REMEMBERED: Final = 16_384
"""Login names whose answer is remembered, Cookie headers of which it is remembered which cookie
signs in, questions of which it is remembered what they mean (of some 400 bytes each they take
7 MB): never the decision."""
_Value = TypeVar("_Value")
_ANYBODY: Final = b"anybody"
"""Asked about to learn whether anybody may come in at all yet."""
_READS: Final = (b"GET", b"HEAD")


class Asked(Struct, gc=False):
    """One question: what the client said, and what the front says of it."""

    authorization: bytes | None = None
    cookie: bytes | None = None
    uri: bytes = b""
    method: bytes = b""
    accept: bytes = b""
    renewed: bytes = b""


class Meaning(Struct, frozen=True, kw_only=True, gc=False):
    """What a question means.

    Attributes:
        scheme: `REFUSED` where it cannot be read in one way alone.
        name: of Basic, as sent.
        alone: Basic, nothing else, and a name that can be spelled in one way.
        by_cookie: a cookie that can be read, and nothing else.
        cookie: SHA-256 of the one that signs in; None where there is none, or it is unreadable.
        has_cookie: whether there is one, readable or not.
        at_login: the login page is asked for.
        page: a person looks at what comes back.
    """

    scheme: Scheme
    name: bytes = b""
    alone: bool = False
    by_cookie: bool = False
    cookie: bytes | None = None
    has_cookie: bool = False
    at_login: bool = False
    page: bool = False


UNREADABLE: Final = Meaning(scheme=Scheme.REFUSED)


class Rules(Struct, frozen=True, kw_only=True):
    """What is configured.

    Attributes:
        product: settled.
        unidentified: whether requests of nobody, and NTLM's and Kerberos', pass.
    """

    product: Product
    front: Front = NGINX
    unidentified: bool = True


def remember(known: dict[bytes, _Value], key: bytes, value: _Value) -> None:
    """One more; where there would be too many, all others are forgotten."""
    if len(known) >= REMEMBERED:
        known.clear()
    known[key] = value


class Judge:
    """Decides about one request; shared by all connections of a front."""

    def __init__(self, decide: Decide, bindings: Bindings, rules: Rules) -> None:
        self.front = rules.front
        self._decide = decide
        self._bindings = bindings
        self._unidentified = rules.unidentified
        self._cookies = CookieReader(rules.product.cookie)
        self._answers = Answers(rules.front, rules.product)
        opened = [path.encode() for path in rules.product.open_paths]
        page = rules.product.login_page.encode()
        self._beginnings = tuple(p.lower() for p in opened if p.endswith(b"/") and p != page)
        self._targets = frozenset({page, *(p for p in opened if not p.endswith(b"/"))})
        self._written: dict[bytes, bytes] = {}
        self._seen: dict[bytes, tuple[bool, bytes | None]] = {}

    def understand(self, asked: Asked) -> Meaning:
        """What it means; the same bytes mean the same for ever."""
        scheme, name = authorization(asked.authorization)
        if scheme is Scheme.REFUSED:
            return UNREADABLE
        fit, cookie = self._signing_in(asked.cookie)
        has_cookie = not fit or cookie is not None
        return Meaning(
            scheme=scheme,
            name=name,
            alone=scheme is Scheme.BASIC and not has_cookie and len(spelled(name)) == 1,
            by_cookie=scheme is Scheme.NONE and fit and cookie is not None,
            cookie=cookie,
            has_cookie=has_cookie,
            at_login=is_open(asked.uri, self._targets, self._beginnings),
            page=asked.method in _READS and b"text/html" in asked.accept,
        )

    def _signing_in(self, header: bytes | None) -> tuple[bool, bytes | None]:
        """Whether a Cookie header is fit, and the SHA-256 of the cookie that signs in.

        A browser sends the same cookies whatever it asks for, so what was found is remembered;
        of the header only its SHA-256 is kept.
        """
        if header is None:
            return True, None
        key = digest(header)
        found = self._seen.get(key)
        if found is None:
            fit, cookie = self._cookies.find(header)
            found = (fit, None if cookie is None else digest(cookie))
            remember(self._seen, key, found)
        return found

    def answer(self, asked: Asked) -> bytes:
        """Understand and decide; with what a front that echoes needs."""
        given = self.decide(self.understand(asked))
        if not self.front.echo or given == self._answers.nobody or given[9:10] != b"2":
            return given
        said = (("Cookie", asked.cookie), ("Authorization", asked.authorization))
        return self._answers.echoed(given, said)

    def decide(self, meant: Meaning) -> bytes:
        """The answer, ready to be sent. What comes most is looked at first."""
        if meant.alone:
            verdict = self._decide(meant.name, MECHANISM)
            if verdict:
                return self._written.get(meant.name) or self._let_in(meant.name)
            return NOT_NOW if verdict is None else REFUSE
        if meant.by_cookie:
            bound = self._bindings.known(meant.cookie or b"")
            if bound is not None:
                return self._bound(meant, bound)
        return self._others(meant)

    def _others(self, meant: Meaning) -> bytes:
        scheme = meant.scheme
        if scheme is Scheme.REFUSED:
            return REFUSE
        verdict = may_enter(self._decide, meant.name) if scheme is Scheme.BASIC else self._ready()
        if not verdict:
            return NOT_NOW if verdict is None else REFUSE
        if meant.has_cookie:
            return self._by_cookie(meant)
        if scheme is Scheme.BASIC:
            return self._let_in(meant.name)
        return self._answers.through if self._unidentified or meant.at_login else WHO

    def _ready(self) -> bool | None:
        return self._decide(_ANYBODY, b"") is not None or None

    def _by_cookie(self, meant: Meaning) -> bytes:
        """A cookie that is unknown, unreadable or of a closed account hides behind nobody else."""
        bound = None if meant.cookie is None else self._bindings.known(meant.cookie)
        return self._nobody(meant) if bound is None else self._bound(meant, bound)

    def _bound(self, meant: Meaning, bound: Bound) -> bytes:
        for name in bound.spelled:
            verdict = self._decide(name, MECHANISM)
            if not verdict:
                return NOT_NOW if verdict is None else self._nobody(meant)
        logins = bound.logins
        if not meant.by_cookie and (refusal := self._beside(meant, logins)):
            return refusal
        return self._written.get(logins[0]) or self._let_in(logins[0])

    def _nobody(self, meant: Meaning) -> bytes:
        if meant.at_login:
            return self._answers.nobody
        return self._answers.redirect if meant.page else self._answers.to_login

    def _beside(self, meant: Meaning, logins: tuple[bytes, ...]) -> bytes:
        """Two names on one request: which one counts is unknown."""
        if meant.scheme is not Scheme.BASIC:
            return b"" if self._unidentified else WHO
        return b"" if shown(meant.name) in {shown(login) for login in logins} else REFUSE

    def _let_in(self, login: bytes) -> bytes:
        name = shown(login)
        answer = REFUSE if name is None else self._answers.let_in(name)
        remember(self._written, login, answer)
        return answer

    def renew(self, asked: Asked) -> bytes:
        """Bind the new cookie as the old one is bound."""
        fit, cookie = self._cookies.find(asked.cookie)
        logins = self._bindings.find(cookie) if fit and cookie else None
        if logins is None or not asked.renewed:
            return REFUSE
        if not all(may_enter(self._decide, login) for login in logins):
            return REFUSE
        self._bindings.bind(asked.renewed, *logins)
        return self._answers.through
