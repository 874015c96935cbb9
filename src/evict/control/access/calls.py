# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from typing import Any

from evict.control import api
from evict.control.access.tokens import Tokens
from evict.control.audit.record import Note, Record, Result
from evict.core.access import Asker


class TokenCalls:
    """`evict token`; what hands out or ends a right is in the audit log before it is told."""

    def __init__(self, tokens: Tokens, note: Note) -> None:
        self._tokens = tokens
        self._note = note

    async def answer(
        self, request: api.TokenCreate | api.TokenList | api.TokenRevoke, asker: Asker
    ) -> dict[str, Any]:
        match request:
            case api.TokenCreate():
                return await self._create(request, asker)
            case api.TokenRevoke():
                return await self._revoke(request, asker)
            case api.TokenList():
                return {"tokens": await self._tokens.listed()}

    async def _create(self, request: api.TokenCreate, asker: Asker) -> dict[str, Any]:
        """Raises as `Tokens.create`, and `AuditNotWritten`: then there is no such token."""
        token, text = await self._tokens.create(request, asker)
        scopes = ", ".join(token.scopes)
        try:
            await self._noted(
                "token.create",
                token.name,
                asker,
                f"scopes {scopes}; owner {token.owner}; expires {token.expires:%F %T} UTC",
            )
        except BaseException:
            await self._tokens.revoke(token.name)
            raise
        return {
            "name": token.name,
            "token": text.reveal(),
            "scopes": list(token.scopes),
            "owner": token.owner,
            "expires": token.expires,
        }

    async def _revoke(self, request: api.TokenRevoke, asker: Asker) -> dict[str, Any]:
        """It is ended even where the audit log cannot be written; then that is raised."""
        token = await self._tokens.revoke(request.name)
        await self._noted("token.revoke", token.name, asker, f"owner {token.owner}")
        return {"revoked": token.name}

    async def _noted(self, what: str, name: str, asker: Asker, detail: str) -> None:
        await self._note(
            Record(
                who=asker.name,
                what=what,
                result=Result.DONE,
                on=(name,),
                where=asker.where,
                detail=detail,
            )
        )
