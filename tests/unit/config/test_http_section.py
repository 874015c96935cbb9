# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from pathlib import Path

import pytest
from msgspec import structs

from evict.config import crosscheck
from evict.config.model import Config, DirectorySection
from evict.config.service import HttpSection

_CONFIG = Config(
    directory=DirectorySection(
        servers=("dc.corp.test",),
        base_dn="DC=corp,DC=test",
        bind_user="evict",
        password_file=Path("/etc/evict/password"),
    )
)
_PEM = Path("/etc/evict/http.pem")


def wrong(section: HttpSection) -> dict[str, str]:
    found = crosscheck.find(structs.replace(_CONFIG, http=section))
    return {".".join(str(part) for part in p.key): p.text for p in found}


@pytest.mark.parametrize("listen", ["127.0.0.1:9471", "[::1]:9471", "127.9.9.9:1"])
def test_loopback_needs_no_certificate(listen: str) -> None:
    assert wrong(HttpSection(listen=listen)) == {}


@pytest.mark.parametrize("listen", ["0.0.0.0:9471", "[::]:9471", "192.0.2.1:9471"])
def test_whatever_others_reach_needs_one(listen: str) -> None:
    assert "needs certificate_file and key_file" in wrong(HttpSection(listen=listen))["http.listen"]
    assert wrong(HttpSection(listen=listen, certificate_file=_PEM, key_file=Path("http.key"))) == {}


@pytest.mark.parametrize("listen", ["localhost:9471", "127.0.0.1", "9471", "127.0.0.1:", "x y:1"])
def test_it_is_an_address_and_a_port(listen: str) -> None:
    assert "expected an address and a port" in wrong(HttpSection(listen=listen))["http.listen"]


def test_a_certificate_and_its_key_go_together() -> None:
    assert wrong(HttpSection(certificate_file=_PEM)) == {
        "http.key_file": "missing; certificate_file needs it"
    }
    assert wrong(HttpSection(key_file=_PEM)) == {
        "http.certificate_file": "missing; key_file needs it"
    }
