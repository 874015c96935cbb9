# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import pytest


@pytest.fixture(autouse=True)
def no_trust_from_outside(monkeypatch: pytest.MonkeyPatch) -> None:
    """requests prefers these to the system's anchors where none are configured."""
    for name in ("REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE"):
        monkeypatch.delenv(name, raising=False)
