# SPDX-License-Identifier: Apache-2.0
"""Notices to a web server. Spec: Standard Webhooks, signature scheme and webhook headers."""

from __future__ import annotations

import asyncio
import base64
import binascii
import hashlib
import hmac
import ssl
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Final

import httpx2

import evict
from evict.config.notify import WebhookNotice
from evict.config.secrets import read_secret
from evict.control.notices.message import body
from evict.control.notices.notice import NotDelivered, Notice
from evict.core.errors import ConfigError
from evict.core.secret import Secret

PREFIX: Final = "whsec_"
_PATIENCE_S: Final = 20.0
"""Standard Webhooks, request timeouts: 15 to 30 s."""
_REFUSES_THIS_ONE: Final = (400, 413, 422)


class Webhook:
    """Sends each notice as one signed POST over TLS; follows nobody anywhere else."""

    def __init__(self, section: WebhookNotice, *, patience_s: float = _PATIENCE_S) -> None:
        self._section = section
        self._patience_s = patience_s

    async def send(self, notice: Notice) -> None:
        raw, section = body(notice), self._section
        try:
            key = key_of(await asyncio.to_thread(read_secret, section.secret_file))
            context = await asyncio.to_thread(_context, section)
        except (ConfigError, OSError, ssl.SSLError) as error:
            raise NotDelivered(str(error)) from None
        at = int(datetime.now(UTC).timestamp())
        headers = {
            "content-type": "application/json",
            "user-agent": f"evict/{evict.__version__}",
            "webhook-id": notice.id,
            "webhook-timestamp": str(at),
            "webhook-signature": sign(key, notice.id, at, raw),
        }
        try:
            async with (
                asyncio.timeout(self._patience_s),
                httpx2.AsyncClient(
                    verify=context, trust_env=False, timeout=self._patience_s
                ) as client,
                client.stream("POST", section.url, content=raw, headers=headers) as answer,
            ):
                status, wish = answer.status_code, answer.headers.get("retry-after", "")
        except TimeoutError:
            raise NotDelivered(f"no answer within {self._patience_s:g} s") from None
        except httpx2.HTTPError as error:
            said = str(error) or type(error).__name__
            raise NotDelivered(f"no answer: {said}") from None
        _judge(status, wish)


def _context(section: WebhookNotice) -> ssl.SSLContext:
    return ssl.create_default_context(cafile=section.ca_file)


def key_of(secret: Secret) -> bytes:
    """The bytes that sign. Raises `ConfigError` where it is no secret of Standard Webhooks."""
    text = secret.reveal()
    try:
        key = base64.b64decode(text.removeprefix(PREFIX), validate=True)
    except (binascii.Error, ValueError):
        key = b""
    if not text.startswith(PREFIX) or not 24 <= len(key) <= 64:
        raise ConfigError("the webhook's secret is not whsec_ and 24 to 64 bytes in base64")
    return key


def sign(key: bytes, notice_id: str, at: int, raw: bytes) -> str:
    """`v1,` and the HMAC-SHA256 of `id.timestamp.body` in base64."""
    signed = b".".join((notice_id.encode(), str(at).encode(), raw))
    return "v1," + base64.b64encode(hmac.digest(key, signed, hashlib.sha256)).decode()


def _judge(status: int, wish: str) -> None:
    if 200 <= status < 300:
        return
    if 300 <= status < 400:
        raise NotDelivered(f"answered {status}: a redirect is not followed")
    raise NotDelivered(
        f"answered {status}", alone=status in _REFUSES_THIS_ONE, wait_s=_seconds(wish)
    )


def _seconds(wish: str) -> float | None:
    """Retry-After: seconds, or an instant (RFC 9110 section 10.2.3); None: nothing sensible."""
    if wish.isascii() and wish.isdigit() and len(wish) < 10:
        return float(wish)
    try:
        at = parsedate_to_datetime(wish)
    except (ValueError, TypeError):
        return None
    at = at if at.tzinfo else at.replace(tzinfo=UTC)
    return max((at - datetime.now(UTC)).total_seconds(), 0.0)
