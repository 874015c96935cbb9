# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from evict.control import api
from evict.control.progress import Note
from evict.core.errors import ExitCode
from tests.fault.control.town import ASKER, UPN, Town, town


@pytest.fixture
async def place(tmp_path: Path) -> AsyncIterator[Town]:
    async with town(tmp_path, "127.63.7.3") as made:
        yield made


async def test_a_ticket_that_no_server_takes_is_not_passed_over_in_silence(
    place: Town, tmp_path: Path
) -> None:
    order = api.Revoke(names=(UPN,), request="r1", witness_ccache=str(tmp_path / "none"))
    async with place.serving() as service:
        told = [line async for line in service.answer(order, ASKER)]
    notes = [line.text for line in told if isinstance(line, Note)]
    assert [n for n in notes if n.startswith("the ticket is not tried: no Dovecot")]
    assert isinstance(told[-1], api.End)
    assert told[-1].exit_code is ExitCode.OK
