# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.contract.directory_contract import DirectoryContract
from tests.contract.fake_entries import Store
from tests.contract.fakes import Authority, FakeTown, directory_of, running


@pytest.fixture
async def town(tmp_path: Path) -> AsyncIterator[FakeTown]:
    authority, store = Authority(tmp_path), Store()
    async with running(authority, store) as servers:
        directory = directory_of(authority.ca_file, servers)
        yield FakeTown(directory, store)
        await directory.close()


class TestDirectoryOnAFake(DirectoryContract):
    """The whole contract."""
