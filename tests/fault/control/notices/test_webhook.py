# SPDX-License-Identifier: Apache-2.0
"""Webhooks: signed as the specification has it, over TLS alone."""

from __future__ import annotations

import asyncio
import base64
import re
import time
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from evict.control.notices.notice import NotDelivered
from evict.control.notices.webhook import Webhook, sign
from tests.contract.fakes import Authority
from tests.fault.control.notices.receivers import WebReceiver, scripted, signature_is_right, web
from tests.fault.control.notices.telling import SECRET, keep_secret, notice, section

HOST = "127.167.3.1"


@pytest.fixture
def authority(tmp_path: Path) -> Authority:
    keep_secret(tmp_path)
    return Authority(tmp_path)


@pytest.fixture
async def receiver(authority: Authority) -> AsyncIterator[WebReceiver]:
    async with web(HOST, authority.context(HOST)) as made:
        yield made


async def test_a_receiver_verifies_it_by_the_specification(
    authority: Authority, receiver: WebReceiver
) -> None:
    await Webhook(section(authority, receiver.url)).send(notice())
    (hook,) = receiver.hooks
    assert signature_is_right(hook, SECRET)
    assert not signature_is_right(hook, "whsec_" + base64.b64encode(bytes(32)).decode())
    assert abs(int(hook.headers["webhook-timestamp"]) - time.time()) < 10
    assert hook.headers["content-type"] == "application/json"
    assert hook.type == "evict.alarm"
    assert re.fullmatch(r"[a-z_.]+", hook.type)
    assert hook.data["lines"] == ["a line", "ü"]
    hook.body += b" "
    assert not signature_is_right(hook, SECRET)


def test_the_example_of_the_specification_is_signed_as_there() -> None:
    """Of the reference implementations' own tests."""
    key = base64.b64decode("MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw")
    raw = b'{"test": 2432232314}'
    made = sign(key, "msg_p5jXN8AQM9LWM0D4loKWxJek", 1614265330, raw)
    assert made == "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="


@pytest.mark.parametrize(
    ("answer", "says", "alone", "wait_s"),
    [
        ("302 Found\nLocation: https://evil.example/", "a redirect is not followed", False, None),
        ("400 Bad Request", "answered 400", True, None),
        ("401 Unauthorized", "answered 401", False, None),
        ("429 Too Many Requests\nRetry-After: 7", "answered 429", False, 7.0),
        ("503 Unavailable\nRetry-After: soon", "answered 503", False, None),
        ("503 Unavailable\nRetry-After: -1", "answered 503", False, None),
        (None, "no answer within", False, None),
        ("not a status", "no answer: ", False, None),
    ],
)
async def test_whatever_is_no_success_is_a_failure(
    authority: Authority,
    receiver: WebReceiver,
    answer: str | None,
    says: str,
    wait_s: float | None,
    *,
    alone: bool,
) -> None:
    receiver.answers = [answer]
    way = Webhook(section(authority, receiver.url), patience_s=0.5)
    async with asyncio.timeout(3):
        with pytest.raises(NotDelivered, match=says) as failed:
            await way.send(notice())
    assert (failed.value.alone, failed.value.wait_s) == (alone, wait_s)
    assert receiver.hooks == []


async def test_a_retry_after_that_is_a_date_is_understood(
    authority: Authority, receiver: WebReceiver
) -> None:
    at = datetime.now(UTC) + timedelta(seconds=90)
    receiver.answers = [f"503 Unavailable\nRetry-After: {at:%a, %d %b %Y %H:%M:%S GMT}"]
    with pytest.raises(NotDelivered) as failed:
        await Webhook(section(authority, receiver.url)).send(notice())
    assert failed.value.wait_s == pytest.approx(90, abs=5)


async def test_a_server_with_another_name_or_without_tls_gets_nothing(authority: Authority) -> None:
    async with web(HOST, authority.context("other.example")) as other:
        with pytest.raises(NotDelivered, match="certificate"):
            await Webhook(section(authority, other.url)).send(notice())
        assert other.tries == 0

    heard: list[bytes] = []

    async def listen(reader: asyncio.StreamReader, _: asyncio.StreamWriter) -> None:
        heard.append(await reader.read(4096))

    async with scripted(HOST, listen) as port:
        way = Webhook(section(authority, f"https://{HOST}:{port}/"), patience_s=2)
        with pytest.raises(NotDelivered, match="no answer"):
            await way.send(notice())
    assert all(SECRET.encode() not in raw and b"something" not in raw for raw in heard)


@pytest.mark.parametrize("secret", ["whsec_AAAA", "plain", "whsec_!!!", "wh_" + SECRET[6:]])
async def test_a_secret_that_is_none_is_said_and_not_shown(
    authority: Authority, receiver: WebReceiver, secret: str
) -> None:
    (authority.ca_file.parent / "webhook.secret").write_text(secret)
    with pytest.raises(NotDelivered, match="24 to 64 bytes") as failed:
        await Webhook(section(authority, receiver.url)).send(notice())
    assert secret not in failed.value.text
