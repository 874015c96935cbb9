# SPDX-License-Identifier: Apache-2.0
"""How a site of Basic and Negotiate knows who asks."""

from __future__ import annotations

from collections.abc import Callable

from msgspec import Struct

from evict.lab.http.auth import Challenge, Negotiator, basic_credentials
from evict.lab.http.messages import Request, Response
from evict.lab.model.organisation import Organisation
from evict.lab.model.words import Denial, Denied, Pool, Principal, Protocol


class SignedIn(Struct, frozen=True):
    """Who it is, and what the answer must carry (the last leg of a handshake)."""

    who: Principal
    headers: list[tuple[str, str]]


class Signing:
    """Basic goes through the pool's token cache; Negotiate asks the directory once a connection.

    A worker that starts again knows no connection any more, so it asks anew (assumed).
    """

    def __init__(
        self,
        organisation: Organisation,
        server: str,
        pool: Pool,
        negotiator: Negotiator[Principal] | None = None,
    ) -> None:
        self._organisation = organisation
        self._server = server
        self._pool = organisation.profile.worker(pool)
        self._negotiator = negotiator

    def serve(
        self,
        request: Request,
        protocol: Protocol,
        answer: Callable[[Request, Principal], Response],
    ) -> Response:
        """The answer for whoever asks, or the one that says that nobody does; both are logged."""
        signed = self.sign_in(request)
        if isinstance(signed, Response):
            response, sam = signed, ""
        else:
            response, sam = answer(request, signed.who), signed.who.sam
            response.headers += signed.headers
        url = request.path[:300]
        self._organisation.log(self._server, protocol, sam, response.status, url=url)
        return response

    def sign_in(self, request: Request) -> SignedIn | Response:
        """Who asks, or the answer that says that nobody does."""
        if self._organisation.servers[self._server].down:
            return Response(503)
        credentials = basic_credentials(request)
        if credentials is not None:
            who = self._organisation.sign_in_basic(self._server, self._pool, *credentials)
            if isinstance(who, Principal):
                return SignedIn(who, [])
            return Response(503) if who.denial is Denial.SERVER_DOWN else self._nobody()
        if self._negotiator is None:
            return self._nobody()
        return self._negotiated(self._negotiator, request)

    def _negotiated(
        self, negotiator: Negotiator[Principal], request: Request
    ) -> SignedIn | Response:
        state, key = request.connection.state, f"worker of {self._pool}"
        worker = self._organisation.servers[self._server].recycled.get(self._pool, 0)
        if state.setdefault(key, worker) != worker:
            negotiator.forget(request)
            state[key] = worker
        signed = negotiator.authenticate(request)
        if isinstance(signed, Challenge):
            first = signed.headers == negotiator.offers()
            return self._nobody() if first else Response(401, list(signed.headers))
        who: object = signed.caller
        if not isinstance(who, Principal):  # another site of this port knows it, by another name
            negotiator.forget(request)
            return self._nobody()
        return SignedIn(who, list(signed.headers))

    def _nobody(self) -> Response:
        offers = [] if self._negotiator is None else self._negotiator.offers()
        realm = f'Basic realm="{self._server}.{self._organisation.directory.domain}"'
        return Response(401, [*offers, ("WWW-Authenticate", realm)])


def negotiator(organisation: Organisation, server: str) -> Negotiator[Principal]:
    """NTLM against the organisation's directory, which takes the former password for a while."""

    def admit(name: str, password: str | None) -> Principal | None:
        if password is None:
            return None
        who = organisation.sign_in_integrated(server, name, password)
        return None if isinstance(who, Denied) else who

    return Negotiator(organisation.directory.ntlm_passwords, admit)
