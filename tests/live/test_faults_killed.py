# SPDX-License-Identifier: Apache-2.0
"""`evict serve` is killed at any instant of a revocation: started again, it ends the same way."""

from __future__ import annotations

import subprocess
import threading
import time
from collections.abc import Callable, Iterator

import pytest

from estate import people
from estate.people import Person
from estate.product import public_key
from tests.live.faults import Lab, Versions, eventually, lab_of, ran
from tests.live.ldap_proxy import LdapProxy

pytestmark = [pytest.mark.live, pytest.mark.timeout(240)]

PORT = 6638
INSTANTS_MS = (0, 2, 5, 9, 14, 20, 28, 38, 50, 65, 80, 95, 110, 130, 160, 200, 300, 600, 1200, 2100)
"""After the order was given; the whole takes about 2.4 s, most of it Dovecot's 2 s delay."""
AT_ONCE = 10


@pytest.fixture(scope="module")
def lab(request: pytest.FixtureRequest) -> Lab:
    return lab_of(request.config)


@pytest.fixture(scope="module")
def undisturbed(lab: Lab) -> Versions:
    """How often the attributes are written when nothing goes wrong."""
    leaver = lab.person()
    made = lab.versions(leaver)
    assert lab.revoke(leaver).code == 0
    return lab.versions(leaver).since(made)


@pytest.fixture(scope="module")
def proxy(lab: Lab) -> Iterator[LdapProxy]:
    with (
        LdapProxy(lab.layout, PORT) as proxy,
        lab.configured((f'servers = ["{lab.layout.ip}"]', f'servers = ["{proxy.name}"]')),
    ):
        yield proxy


def is_at_rest(lab: Lab, leaver: Person) -> bool:
    """Whether the ledger has the leaver, and a look at all doors was brought to its end."""
    told = lab.status(leaver)
    return not told or (told["verdict"] == "shut" and "looked at" not in told["state"])


def check_the_end(lab: Lab, leaver: Person, made: Versions, undisturbed: Versions) -> None:
    """Everything as after an undisturbed revocation, nothing written twice, and it is proven."""
    assert lab.versions(leaver).since(made) == undisturbed
    assert lab.bind_error(leaver, leaver.password) == "52e"
    assert not lab.has_active_script(leaver)
    told = lab.status(leaver)
    assert (told["generation"], told["verdict"]) == (1, "shut")
    verified = lab.product.run("verify", told["evidence"], "--key", str(public_key(lab.layout)))
    assert verified.returncode == 0, verified.stderr


def kill_while(lab: Lab, orders: list[subprocess.Popen[str]]) -> None:
    """Kill it, and see that no order that was under way says that it is done."""
    lab.product.kill_serve()
    for order in orders:
        out, talk = order.communicate(timeout=30)
        if order.returncode == 0:
            assert ran(0, out, talk).evidence
            continue
        assert order.returncode == 69, talk
        assert out == ""
        assert "evict serve" in talk


def test_killed_at_twenty_instants_it_ends_in_the_same_state_and_writes_nothing_twice(
    lab: Lab, undisturbed: Versions
) -> None:
    groups = [INSTANTS_MS[n::2] for n in range(2)]
    for group in groups:
        assert len(group) == AT_ONCE
        leavers = [lab.forwarding() for _ in group]
        made = [lab.versions(leaver) for leaver in leavers]
        # One kill hits all of them, each at its own instant: they are started one after another.
        begun = time.monotonic()
        orders = []
        for leaver, instant in zip(leavers, sorted(group, reverse=True), strict=True):
            time.sleep(max(0.0, begun + (max(group) - instant) / 1000 - time.monotonic()))
            orders.append(lab.command("revoke", leaver.upn, "--json"))
        time.sleep(_START_S)
        kill_while(lab, orders)
        lab.product.start_serve()
        for leaver in leavers:
            eventually(lambda leaver=leaver: is_at_rest(lab, leaver), f"{leaver.name} is at rest")  # type: ignore[misc]
        again = lab.product.run("revoke", *(leaver.upn for leaver in leavers), "--json")
        assert again.returncode == 0, again.stderr
        for leaver, before in zip(leavers, made, strict=True):
            check_the_end(lab, leaver, before, undisturbed)


_START_S = 0.55
"""From the start of the command to its order's arrival, about."""


@pytest.mark.parametrize(
    ("number", "when"), [(1, "before"), (2, "before"), (2, "after"), (3, "after")]
)
def test_killed_around_each_write_to_the_directory_it_is_written_once(
    lab: Lab, proxy: LdapProxy, undisturbed: Versions, number: int, when: str
) -> None:
    """Before the first is right after the commit; after the second is between the two resets."""
    leaver = lab.person()
    made = lab.versions(leaver)
    order = killed_at(lab, proxy, leaver, when, number)
    assert order.returncode == 69
    written = lab.versions(leaver).since(made).password
    assert written == max(0, number - 1 - (when == "before"))
    proxy.revive()
    lab.product.start_serve()
    eventually(lambda: is_at_rest(lab, leaver), "the case is at rest")
    check_the_end(lab, leaver, made, undisturbed)


def killed_at(
    lab: Lab, proxy: LdapProxy, leaver: Person, when: str, number: int
) -> subprocess.CompletedProcess[str]:
    """Order a revocation and kill `evict serve` at this write; the write itself is lost then."""
    proxy.revive()
    reached, killed = threading.Event(), threading.Event()

    def strike(n: int) -> None:
        if n == number:
            reached.set()
            killed.wait(30)
            if when == "before":
                raise ConnectionResetError("it was killed before it was sent")

    nothing: Callable[[int], None] = lambda _: None  # noqa: E731 - what the proxy has by itself
    proxy.before, proxy.after = (strike, nothing) if when == "before" else (nothing, strike)
    order = lab.command("revoke", leaver.upn, "--json")
    assert reached.wait(30)
    lab.product.kill_serve()
    killed.set()
    out, talk = order.communicate(timeout=30)
    proxy.before = proxy.after = nothing
    return subprocess.CompletedProcess([], order.returncode, out, talk)


def test_killed_right_after_the_commit_the_leaver_is_refused_and_the_case_goes_on(
    lab: Lab, undisturbed: Versions
) -> None:
    leaver = lab.forwarding()
    made = lab.versions(leaver)
    order = lab.command("revoke", leaver.upn, "--json")
    assert order.stderr is not None
    assert "committed" in order.stderr.readline()
    kill_while(lab, [order])
    assert lab.product.run("status").returncode == 69
    lab.product.start_serve()
    assert lab.status(leaver)["generation"] == 1
    eventually(lambda: is_at_rest(lab, leaver), "the case is at rest")
    check_the_end(lab, leaver, made, undisturbed)


def test_a_reset_written_once_more_is_seen_by_the_same_check(
    lab: Lab, undisturbed: Versions
) -> None:
    """The twin: a restart that wrote again would not pass."""
    leaver = lab.person()
    made = lab.versions(leaver)
    assert lab.revoke(leaver).code == 0
    check_the_end(lab, leaver, made, undisturbed)
    people.set_password(lab.layout, leaver, "Once-More-1")
    with pytest.raises(AssertionError):
        check_the_end(lab, leaver, made, undisturbed)
