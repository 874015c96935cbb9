# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from pathlib import Path

import pytest

from tests.unit.systems.postfix.fake_tools import FakePostfix


@pytest.fixture
def postfix(tmp_path: Path) -> FakePostfix:
    return FakePostfix(tmp_path)
