# SPDX-License-Identifier: Apache-2.0
"""A server that is down, hangs or dies: the other doors close, and a second run finishes."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager

import pytest

from estate.clients.lines import Ended, Refused
from estate.clients.sessions import Imap
from tests.live.broken import down, hanging, kill, mend
from tests.live.doveadm_proxy import DoveadmProxy
from tests.live.faults import Lab, lab_of

pytestmark = pytest.mark.live

Break = Callable[[Lab, str], AbstractContextManager[None]]
FAULTS = pytest.mark.parametrize("broken", [down, hanging])


@pytest.fixture(scope="module")
def lab(request: pytest.FixtureRequest) -> Lab:
    return lab_of(request.config)


@FAULTS
def test_without_dovecot_the_other_doors_close_and_a_second_run_finishes(
    lab: Lab, broken: Break
) -> None:
    leaver = lab.forwarding()
    with broken(lab, "dovecot"):
        first = lab.revoke(leaver)
        assert first.code == 1
        assert "doveadm" in first.stderr
        assert first.shut("directory")
        assert not first.shut("dovecot")
        assert first.doors["dovecot/imap/session"] == "unverifiable"
        assert first.doors["dovecot/sieve/grant"] == "unverifiable"
        assert "dovecot:refuse" in first.effects
        assert first.effects["dovecot:refuse"] == "done"
    second = lab.revoke(leaver)
    assert (second.code, second.failures) == (0, ())
    assert second.shut("directory", "dovecot", "postfix")
    assert not lab.has_active_script(leaver)


@FAULTS
def test_without_postfix_the_other_doors_close_and_a_second_run_finishes(
    lab: Lab, broken: Break
) -> None:
    leaver = lab.person()
    with broken(lab, "postfix"):
        first = lab.revoke(leaver)
        assert first.code in (1, 4)
        assert "postfix" in first.stderr
        assert first.shut("directory", "dovecot")
        assert first.doors["postfix/submission/password"] == "unverifiable"
    second = lab.revoke(leaver)
    assert second.code == 0
    assert second.shut("directory", "dovecot", "postfix")


@FAULTS
def test_without_the_directory_nobody_new_is_found_and_who_was_refused_stays_so(
    lab: Lab, broken: Break
) -> None:
    before, leaver = lab.person(), lab.person()
    assert lab.revoke(before).code == 0
    with broken(lab, "samba"):
        with pytest.raises((Refused, Ended)):
            Imap(lab.layout, before, lab.source())
        first = lab.revoke(leaver)
        assert first.code == 75
        assert "directory" in first.stderr
        assert f"{lab.layout.ip}:636" in first.stderr
    assert lab.status(leaver) == {}
    assert lab.revoke(leaver).code == 0


def test_a_dovecot_that_dies_in_the_middle_of_a_measure_is_uncertain_until_it_is_seen(
    lab: Lab,
) -> None:
    leaver = lab.forwarding()
    with (
        DoveadmProxy(lab.layout, 18080) as proxy,
        lab.configured((":8080/doveadm", ":18080/doveadm")),
    ):
        proxy.dies_at = "sieveDeactivate"
        proxy.die = lambda: kill(lab, "dovecot")
        try:
            first = lab.revoke(leaver)
        finally:
            if proxy.died:
                mend(lab, "dovecot")
        assert proxy.died
        measure = f"dovecot:deactivate-sieve:{leaver.name}"
        assert first.effects[measure] == "uncertain"
        assert first.code == 1
        assert measure in first.stderr
        assert first.shut("directory")
        assert first.doors["dovecot/sieve/grant"] != "shut"
        assert lab.has_active_script(leaver)
        second = lab.revoke(leaver)
    assert second.code == 0
    assert second.shut("directory", "dovecot", "postfix")
    assert not lab.has_active_script(leaver)
