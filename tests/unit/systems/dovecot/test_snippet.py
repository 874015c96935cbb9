# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import pytest

from evict.core.errors import ConfigError
from evict.core.exposure import Severity
from evict.systems.dovecot.hook_settings import hook_findings
from evict.systems.dovecot.settings import parse
from evict.systems.dovecot.snippet import snippet
from tests.unit.systems.dovecot.samples import section


def test_a_server_that_has_the_snippet_pleases_the_doctor() -> None:
    text = snippet(section())
    settings = [line for line in text.splitlines() if not line.startswith("#")]
    found = hook_findings(section(), parse("\n".join(settings)))
    assert [f.severity for f in found] == [Severity.OK], found


def test_the_snippet_holds_no_key_and_sends_no_hash() -> None:
    text = snippet(section())
    assert "PASTE-THE-KEY-HERE" in text
    assert "/etc/evict/policy.key" in text
    assert not any("pwhash" in line for line in text.splitlines() if not line.startswith("#"))


def test_without_a_hook_there_is_nothing_to_paste() -> None:
    with pytest.raises(ConfigError, match="hook"):
        snippet(section(hook=None))
