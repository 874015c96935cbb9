# SPDX-License-Identifier: Apache-2.0
"""A directory that fails in the middle of a write, or that cannot be trusted or entered."""

from __future__ import annotations

import shutil
import ssl
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import trustme

from estate import people
from tests.live.faults import Lab, Versions, lab_of
from tests.live.ldap_proxy import Act, LdapProxy

pytestmark = pytest.mark.live

PORT = 6636


@pytest.fixture(scope="module")
def lab(request: pytest.FixtureRequest) -> Lab:
    return lab_of(request.config)


@contextmanager
def _other_password(lab: Lab) -> Iterator[None]:
    file = lab.layout.config.parent / "keys" / "directory.password"
    before = file.read_text()
    file.write_text("Not-The-Password-1\n")
    try:
        yield
    finally:
        file.write_text(before)


def test_a_wrong_bind_password_is_said_with_what_to_check(lab: Lab) -> None:
    leaver = lab.person()
    with _other_password(lab):
        lab.restart()
        try:
            done = lab.revoke(leaver)
        finally:
            lab.restart()
    assert done.code == 77
    assert "refuses the service account svc-evict@corp.test" in done.stderr
    assert "check bind_user and password_file" in done.stderr
    assert "Not-The-Password" not in done.stderr


@pytest.fixture
def trust(lab: Lab) -> Iterator[tuple[trustme.CA, Path]]:
    """Somebody else's CA, and its file where the product may read it."""
    authority = trustme.CA()
    folder = lab.layout.state / "other-ca"
    folder.mkdir(mode=0o755)
    authority.cert_pem.write_to_path(folder / "ca.pem")
    yield authority, folder / "ca.pem"
    shutil.rmtree(folder)


def test_a_directory_of_another_ca_is_not_believed(
    lab: Lab, trust: tuple[trustme.CA, Path]
) -> None:
    _, file = trust
    own = f'ca_file = "{lab.layout.ca}"\nserver_name = "dc1.corp.test"'
    with lab.configured((own, own.replace(str(lab.layout.ca), str(file)))):
        done = lab.revoke(lab.person())
    assert done.code == 75
    assert f"the certificate of {lab.layout.ip}:636 is not accepted" in done.stderr
    assert "unable to get local issuer certificate" in done.stderr


@pytest.mark.parametrize(("days", "code"), [(-1, 75), (1, 0)])
def test_an_expired_certificate_is_not_accepted_and_a_fresh_one_is(
    lab: Lab, trust: tuple[trustme.CA, Path], days: int, code: int
) -> None:
    authority, file = trust
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    ends = datetime.now(UTC) + timedelta(days=days)
    authority.issue_cert("dc1.corp.test", not_after=ends).configure_cert(context)
    with LdapProxy(lab.layout, PORT + 1, server=context) as proxy:
        own = f'ca_file = "{lab.layout.ca}"\nserver_name = "dc1.corp.test"'
        with lab.configured(
            (own, own.replace(str(lab.layout.ca), str(file))),
            (f'servers = ["{lab.layout.ip}"]', f'servers = ["{proxy.name}"]'),
        ):
            done = lab.revoke(lab.person())
    assert done.code == code
    said = f"the certificate of {proxy.name} is not accepted: certificate has expired"
    assert (said in done.stderr) is (days < 0)


@pytest.fixture(scope="module")
def proxy(lab: Lab) -> Iterator[LdapProxy]:
    """The product writes through it."""
    with (
        LdapProxy(lab.layout, PORT) as proxy,
        lab.configured((f'servers = ["{lab.layout.ip}"]', f'servers = ["{proxy.name}"]')),
    ):
        yield proxy


@pytest.fixture(scope="module")
def undisturbed(lab: Lab) -> Versions:
    """How often the attributes are written when nothing goes wrong."""
    leaver = lab.person()
    made = lab.versions(leaver)
    assert lab.revoke(leaver).code == 0
    return lab.versions(leaver).since(made)


@pytest.mark.parametrize(
    ("act", "number"), [(Act.STALL, 1), (Act.STALL, 3), (Act.DIE, 1), (Act.DIE, 2)]
)
def test_a_directory_lost_in_the_middle_holds_up_no_other_door_and_a_second_run_finishes(
    lab: Lab, proxy: LdapProxy, undisturbed: Versions, act: Act, number: int
) -> None:
    """The three writes are the disable and the two resets."""
    leaver = lab.person()
    made = lab.versions(leaver)
    proxy.revive()
    proxy.act = lambda n: act if n == number else Act.STALL if n > number else Act.PASS
    first = lab.revoke(leaver)
    assert first.code == 1
    assert "directory:" in first.stderr
    assert first.shut("dovecot")
    assert first.doors["postfix/submission/session"] == "shut"
    lost = "directory:disable" if number == 1 else "directory:rotate"
    assert first.effects[lost] in ("failed", "uncertain")
    proxy.revive()
    second = lab.revoke(leaver)
    assert (second.code, second.failures) == (0, ())
    assert second.shut("directory", "dovecot", "postfix")
    assert lab.versions(leaver).since(made) == undisturbed
    assert lab.bind_error(leaver, leaver.password) == "52e"


def test_half_an_answer_is_made_good_in_the_same_run_and_written_once(
    lab: Lab, proxy: LdapProxy, undisturbed: Versions
) -> None:
    leaver = lab.person()
    made = lab.versions(leaver)
    proxy.revive()
    proxy.act = lambda n: Act.HALF if n <= 2 else Act.PASS
    done = lab.revoke(leaver)
    assert (done.code, done.failures) == (0, ())
    assert lab.versions(leaver).since(made) == undisturbed


def test_a_sabotaged_second_reset_leaves_the_old_password_alive_and_the_check_sees_it(
    lab: Lab,
) -> None:
    """The twin: with one reset alone the old password is still taken, and `52e` is not said."""
    leaver = lab.person()
    made = lab.versions(leaver)
    people.disable(lab.layout, leaver)
    people.set_password(lab.layout, leaver, "Only-Once-1")
    assert lab.versions(leaver).password == made.password + 1
    assert lab.bind_error(leaver, leaver.password) == "533"
