# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import re
from pathlib import Path

import pytest

from evict.config.haproxy import HaproxyHook
from evict.systems.haproxy.places import places
from evict.systems.haproxy.products import PRODUCTS
from evict.systems.haproxy.rules import backend_rules
from evict.systems.haproxy.snippet import ProductName, snippet

HOOK = HaproxyHook(
    runtime="/run/haproxy/admin.sock", map_folder=Path("/m"), state_file=Path("/var/lib/book")
)


@pytest.mark.parametrize("product", ["sogo", "roundcube", "exchange"])
def test_the_snippet_names_its_parts(product: ProductName) -> None:
    text = snippet("mail-1", HOOK, product)
    for name in ("closed", "gate", "cookies", "news"):
        assert f"/m/evict_mail_1_{name}.map" in text
    assert "backend mail-1" in text
    assert ("evict_mail_1_strangers" in text) == (product == "roundcube")
    assert all(len(line) < 2048 for line in text.splitlines())


def test_what_is_configured_is_in_the_rules() -> None:
    hook = HaproxyHook(
        runtime="127.0.0.1:1",
        map_folder=Path("/m"),
        state_file=Path("/s"),
        prefix="mine_",
        backends=("a", "b"),
        cookie="JSESSION",
        unidentified="pass",
    )
    text = snippet("exchange", hook, "exchange")
    assert "`backend a`, `backend b`" in text
    assert "req.cook(JSESSION)" in text
    assert "cadata" not in text
    assert "/m/mine_closed.map" in text
    assert "deny_status 401 if evict_authorized" not in text
    assert "  http-reuse never\n" in text, "a connection that NTLM signed in is lent to others"


def test_nobody_is_let_in_before_the_gate_was_asked() -> None:
    lines = list(backend_rules(PRODUCTS["sogo"], "c", HOOK, places("sogo", HOOK)))
    gate = next(n for n, line in enumerate(lines) if "status 503" in line)
    closed = next(
        n for n, line in enumerate(lines) if line.startswith("http-request deny") and "403" in line
    )
    bound = next(n for n, line in enumerate(lines) if "set-map" in line)
    assert closed < gate < bound
    assert not any(re.search(r"http-request (allow|accept)", line) for line in lines)


@pytest.mark.parametrize(
    ("body", "is_one"),
    [
        ("_user=bob&_pass=pw&_timezone=Europe%2FBerlin&_url=", True),
        ("my.user=x&_user=bob&.username=y", True),
        ("_user=bob&.user=alice", False),
        (".user=alice&_user=bob", False),
        ("_user=bob&.USER=alice", False),
        (".user=alice", False),
    ],
)
def test_a_form_has_no_second_field_that_php_reads_as_the_name(body: str, *, is_one: bool) -> None:
    assert bool(re.match(PRODUCTS["roundcube"].body, body)) is is_one
