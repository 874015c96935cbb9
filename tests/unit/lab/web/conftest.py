# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import pytest

from evict.lab.certificates import Authority
from tests.unit.lab.web.loopback import Trust


@pytest.fixture(scope="session")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Trust:
    made = Authority()
    path = tmp_path_factory.mktemp("ca") / "ca.pem"
    made.write_ca(path)
    return made, path
