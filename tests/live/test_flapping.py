# SPDX-License-Identifier: Apache-2.0
"""An account that is enabled and disabled all the time: one piece of news, few cases, one offer."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from uuid import uuid4

import pytest

from estate import mailbox, people
from estate.layout import SMTP, Layout
from estate.product import Product, running
from tests.live.conftest import running_estate
from tests.live.told import account_control, revoke
from tests.live.watched import entries, held, until, wait_compared

pytestmark = [pytest.mark.live, pytest.mark.timeout(400)]

GRACE = people.person("grace")
TIMES = 20
_DISABLED = 0x2
_SETTINGS = """# SPDX-License-Identifier: Apache-2.0
[watch]
enabled = true

[notify.mail]
server = "{ip}:{port}"
security = "none"
sender = "evict@corp.test"
recipients = ["{address}"]
"""


@pytest.fixture(scope="module")
def watched() -> Iterator[Product]:
    with ExitStack() as stack:
        layout = stack.enter_context(running_estate())
        folder = layout.config.parent / "conf.d"
        folder.mkdir(exist_ok=True)
        text = _SETTINGS.format(ip=layout.ip, port=SMTP, address=GRACE.mail)
        (folder / "flapping.toml").write_text(text)
        product = stack.enter_context(running(layout))
        wait_compared(product)
        yield product


def _told(layout: Layout, what: str) -> int:
    return sum(subject.startswith(what) for subject in mailbox.subjects(layout, GRACE))


def test_enabled_and_disabled_twenty_times_a_minute(watched: Product) -> None:
    layout = watched.layout
    leaver = people.create(layout, f"leaver-{uuid4().hex[:10]}")
    told = revoke(watched, leaver)
    assert told.code == 0
    began = time.monotonic()
    for _ in range(TIMES):
        people.enable(layout, leaver)
        time.sleep(1.0)
        people.disable(layout, leaver)
        time.sleep(1.0)
    people.enable(layout, leaver)
    assert time.monotonic() - began < 60
    until("it is disabled for good", lambda: bool(account_control(layout, leaver) & _DISABLED), 90)
    until("it was told", lambda: _told(layout, f"[evict] opened again: {leaver.upn}") > 0)

    folder = Path(told.report["evidence"]).parent
    cases = len(list(folder.glob(f"{told.report['account']}-*")))
    assert 2 <= cases <= 6
    assert len(entries(watched, leaver)) == 1
    assert [h["label"] for h in held(watched)] == [leaver.upn]
    assert _told(layout, f"[evict] opened again: {leaver.upn}") == 1
    assert _told(layout, "[evict] held") == 1
