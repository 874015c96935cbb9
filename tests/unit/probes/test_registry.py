# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import pytest

from evict.core.errors import Unsupported
from evict.probes.base import Prober
from evict.probes.registry import prober

PROTOCOLS = ("imap", "pop3", "managesieve", "submission", "ldap", "kerberos")


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_each_protocol_of_an_endpoint_has_a_prober(protocol: str) -> None:
    found: Prober = prober(protocol)
    assert callable(found.negative_login)
    assert callable(found.open_witness)


def test_a_protocol_that_nobody_speaks_is_unsupported() -> None:
    with pytest.raises(Unsupported, match="gopher"):
        prober("gopher")
