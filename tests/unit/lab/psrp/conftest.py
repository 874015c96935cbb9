# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.unit.lab.psrp import tiny


@pytest.fixture
async def estate(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[tiny.Estate]:
    # requests prefers these to what its caller says.
    for name in ("REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE"):
        monkeypatch.delenv(name, raising=False)
    made = await tiny.start(tmp_path)
    yield made
    await made.site.close()
    await made.server.stop(grace_s=0.5)
