# SPDX-License-Identifier: Apache-2.0
"""The agent is away, comes back, or is stopped by the doctor: nobody gets in who should not."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from estate import services
from estate.clients.lines import Ended, Refused
from estate.clients.sessions import Imap
from estate.people import Person
from estate.product import AGENT_USER, end
from estate.run_as import EVICT, environment, start_as
from tests.live.faults import Lab, eventually, lab_of

pytestmark = pytest.mark.live


@pytest.fixture(scope="module")
def lab(request: pytest.FixtureRequest) -> Lab:
    return lab_of(request.config)


@pytest.fixture
def without_agent(lab: Lab) -> Iterator[None]:
    assert lab.product.agent is not None
    lab.product.agent.kill()
    lab.product.agent.wait()
    yield
    end(lab.product.agent)
    lab.product.start_agent()


def gets_in(lab: Lab, someone: Person) -> bool:
    try:
        Imap(lab.layout, someone, lab.source()).close()
    except (Refused, Ended):
        return False
    return True


def lives(session: Imap) -> bool:
    try:
        session.beat()
    except (Refused, Ended):
        return False
    return True


@pytest.mark.usefixtures("without_agent")
def test_without_the_agent_nothing_at_its_hooks_is_proven_and_it_is_said(lab: Lab) -> None:
    leaver = lab.person()
    first = lab.revoke(leaver)
    assert first.code == 1
    assert "hook of dovecot: not acknowledged" in first.stderr
    assert "hook of postfix: not acknowledged" in first.stderr
    assert "none connected" in first.stderr
    assert first.shut("directory")
    assert first.doors["dovecot/imap/password"] != "shut"
    assert first.doors["postfix/submission/session"] != "shut"
    assert not gets_in(lab, leaver)
    lab.product.start_agent()
    second = lab.revoke(leaver)
    assert (second.code, second.failures) == (0, ())
    assert second.shut("directory", "dovecot", "postfix")


def test_an_agent_that_starts_refuses_until_it_has_the_chain_and_then_cuts_again(
    lab: Lab,
) -> None:
    leaver, bystander = lab.person(), lab.person()
    session, other = (Imap(lab.layout, who, lab.source()) for who in (leaver, bystander))
    assert lab.product.agent is not None
    lab.product.agent.kill()
    lab.product.agent.wait()
    # The order is stored, and the process that would have looked again dies with it.
    order = lab.command("revoke", leaver.upn, "--no-wait")
    assert order.stderr is not None
    assert "committed" in order.stderr.readline()
    lab.product.kill_serve()
    order.communicate(timeout=30)
    assert lives(session)
    log = lab.layout.logs / "evict-agent.log"
    lab.product.agent = start_as(
        AGENT_USER, [*EVICT, "agent"], log=log, env=environment(lab.layout.config)
    )
    eventually(lab.layout.policy_socket.exists, "the agent listens")
    assert not gets_in(lab, bystander)
    lab.product.start_serve()
    eventually(lambda: not lives(session), "the agent cut the session")
    eventually(lambda: gets_in(lab, bystander), "everybody else gets in")
    assert not gets_in(lab, leaver)
    assert lives(other)
    other.close()
    session.close()
    assert lab.revoke(leaver).code == 0


def findings(lab: Lab) -> tuple[int, list[dict[str, Any]]]:
    """Of `evict doctor`: its exit code, and what it says of hooks that fail closed."""
    done = lab.product.run("doctor", "--json")
    told = json.loads(done.stdout)["findings"]
    return done.returncode, [f for f in told if f["code"] == "hook-fails-closed"]


def test_the_doctor_proves_that_the_hooks_fail_closed(lab: Lab) -> None:
    code, told = findings(lab)
    assert code == 0
    assert {(f["system"], f["severity"]) for f in told} == {("dovecot", "ok"), ("postfix", "ok")}
    for protocol in ("imap", "pop3", "managesieve", "submission"):
        text = f"{protocol}: refused while the agent did not answer, served before"
        assert text in [f["text"] for f in told]


@contextmanager
def sabotaged(lab: Lab) -> Iterator[None]:
    """Both servers let everybody in when nobody answers."""
    layout = lab.layout
    settings = {
        layout.dovecot_conf: ("reject_on_fail = yes", "reject_on_fail = no"),
        layout.postfix_etc / "main.cf": ("default_action = 451", "default_action = DUNNO"),
    }
    before = {path: path.read_text() for path in settings}
    try:
        for path, (closed, opened) in settings.items():
            assert closed in before[path]
            path.write_text(before[path].replace(closed, opened))
        restart(lab)
        yield
    finally:
        for path, text in before.items():
            path.write_text(text)
        restart(lab)


def restart(lab: Lab) -> None:
    """Only the mail servers: the directory need not be asked."""
    for name in ("postfix", "dovecot"):
        services.stop(lab.layout, name)
    services.up(lab.layout)


def test_the_doctor_finds_servers_that_were_sabotaged_to_let_everybody_in(lab: Lab) -> None:
    with sabotaged(lab):
        code, told = findings(lab)
    assert code == 1
    open_ones = {f["text"] for f in told if f["severity"] == "error"}
    for protocol in ("imap", "pop3", "managesieve", "submission"):
        assert f"{protocol}: OPEN while the agent does not answer" in open_ones


@pytest.mark.usefixtures("without_agent")
def test_the_doctor_says_that_an_agent_is_missing(lab: Lab) -> None:
    done = lab.product.run("doctor", "--json")
    assert done.returncode == 1
    told = json.loads(done.stdout)["findings"]
    missing = [f["system"] for f in told if f["code"] == "agent-missing"]
    assert sorted(missing) == ["dovecot", "postfix"]
