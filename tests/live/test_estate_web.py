# SPDX-License-Identifier: Apache-2.0
"""The web doors of the estate: SOGo, ActiveSync, CalDAV, CardDAV and Roundcube on real servers."""

from __future__ import annotations

import socket
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final
from uuid import uuid4

import msgspec
import pytest

from estate import layout as at
from estate import mailbox, people, services
from estate.clients.holder import Holder
from estate.clients.lines import Ended, Refused
from estate.clients.roundcube import RoundcubeWeb
from estate.clients.sogo import CalDav, SogoWeb
from estate.clients.web_doors import FRONTS, through, use_first, web_clients
from estate.commands import EstateError
from estate.layout import Layout
from estate.people import Person
from estate.standin import StandIn
from estate.web import fronts
from estate.web.plain import LATE_MAIL, show_plain_web_disable
from evict.config.forward_auth import ForwardAuthHook
from evict.config.haproxy import HaproxyHook
from evict.systems.forward_auth.products import SOGO
from evict.systems.forward_auth.site import Site
from evict.systems.forward_auth.snippet_nginx import nginx as nginx_snippet
from evict.systems.haproxy.snippet import ProductName
from evict.systems.haproxy.snippet import parts as haproxy_pieces

pytestmark = pytest.mark.live

PRODUCTS: Final[tuple[ProductName, ...]] = ("sogo", "roundcube")
DOORS = tuple(through(at.HAPROXY))


@pytest.fixture
def somebody(web_estate: Layout, web_hooks: StandIn) -> Iterator[Person]:
    """A fresh account with one mail; the hooks say yes to it."""
    made = people.create(web_estate, f"user-{uuid4().hex[:10]}")
    mailbox.deliver(web_estate, made, "Minutes")
    assert web_hooks.closed == set()
    yield made
    people.remove(web_estate, made)


@pytest.fixture(scope="session")
def web_sources(web_estate: Layout) -> Iterator[str]:
    return (str(address) for address in web_estate.network(250, 24).hosts())


@pytest.mark.parametrize("front", FRONTS)
@pytest.mark.parametrize("door", DOORS)
def test_a_person_signs_in_and_works(
    web_estate: Layout, somebody: Person, web_sources: Iterator[str], front: str, door: str
) -> None:
    opens = through(FRONTS[front])[door]
    session = opens(web_estate, somebody, next(web_sources))
    session.beat()
    session.close()
    wrong = msgspec.structs.replace(somebody, password="wrong")
    with pytest.raises(Refused):
        opens(web_estate, wrong, next(web_sources))


@pytest.mark.parametrize("web_mail", [SogoWeb, RoundcubeWeb])
def test_a_browser_reads_and_sends(
    web_estate: Layout,
    somebody: Person,
    web_sources: Iterator[str],
    web_mail: type[SogoWeb | RoundcubeWeb],
) -> None:
    browser = web_mail(web_estate, somebody, next(web_sources))
    (uid,) = browser.inbox()
    assert "Hello." in browser.read(uid)
    subject = f"from {somebody.name}"
    browser.send("grace@corp.test", subject)
    browser.close()
    mailbox.wait_for_mail(web_estate, people.person("grace"), subject)


@pytest.mark.parametrize("front", FRONTS)
def test_after_a_plain_disable_every_web_door_goes_on(
    web_estate: Layout, somebody: Person, front: str
) -> None:
    left = show_plain_web_disable(web_estate, somebody, FRONTS[front])
    is_open = {each.door: each.open for each in left}
    assert is_open[LATE_MAIL], "the Ping reports the mail, and the Sync brings it"
    assert all(is_open[f"{door} live"] for door in DOORS), is_open
    assert is_open["activesync new 2"], "SOGo remembers the password"
    assert is_open["caldav new 3"], "SOGo remembers the password"
    assert is_open["roundcube-web new 1"], "Dovecot remembers the password"


def test_the_clients_see_each_door_shut(
    web_estate: Layout, somebody: Person, web_hooks: StandIn
) -> None:
    """Twin of the above: what goes on there is refused once it is ended here."""
    with web_clients(web_estate, somebody, at.HAPROXY) as clients:
        assert not clients.wait_shut(1.0), "nothing was done yet"
        assert all(track.successes for track in clients.tracks)
        people.disable(web_estate, somebody)
        web_hooks.closed.add(somebody.name)
        for verb in (("auth", "cache", "flush"), ("kick",)):
            command = ("doveadm", "-c", web_estate.dovecot_conf, *verb, somebody.name)
            subprocess.run(command, capture_output=True, check=True)
        forget(web_estate, somebody)
        mailbox.deliver(web_estate, somebody, "Too late")
        assert clients.wait_shut(20.0), [
            track.door for track in clients.tracks if track.first_failure_ns is None
        ]
        assert clients.survivors() == ()


def test_bystanders_are_counted_at_web_doors_too(
    web_estate: Layout, somebody: Person, web_hooks: StandIn
) -> None:
    everybody = [somebody, people.person("carol")]
    use_first(web_estate, everybody)
    with Holder(web_estate, everybody, 2 * len(DOORS), through(at.NGINX)) as holder:
        assert (holder.check().held, holder.check().dropped) == (2 * len(DOORS), 0)
        people.disable(web_estate, somebody)
        forget(web_estate, somebody)
        drops = holder.check().drops
    assert {drop.name for drop in drops} == {somebody.name}
    assert {drop.protocol for drop in drops} >= {"sogo-web", "activesync", "caldav", "carddav"}
    assert web_hooks.closed == set()


@pytest.mark.parametrize("front", FRONTS)
def test_what_is_put_into_a_front_is_in_force_and_goes_again(
    web_estate: Layout, somebody: Person, web_sources: Iterator[str], front: str
) -> None:
    parts = fronts.Parts(
        haproxy_frontend="  http-request deny deny_status 403 if { path_beg /SOGo/dav }",
        nginx_sogo="location /SOGo/dav { return 403; } location /SOGo { proxy_pass http://sogo; }",
    )
    with put(web_estate, front, parts):
        with pytest.raises(Refused, match="403"):
            CalDav(web_estate, somebody, next(web_sources), FRONTS[front])
        SogoWeb(web_estate, somebody, next(web_sources), FRONTS[front]).close()
    CalDav(web_estate, somebody, next(web_sources), FRONTS[front]).close()


def test_a_front_that_would_not_start_is_said_so(web_estate: Layout) -> None:
    fronts.write_parts(web_estate, fronts.Parts(haproxy_frontend="  surely wrong"))
    try:
        with pytest.raises(EstateError, match="unknown keyword 'surely'"):
            fronts.check(web_estate)
    finally:
        fronts.write_parts(web_estate, fronts.PLAIN)
    fronts.check(web_estate)


def test_the_agents_pieces_fit_into_both_fronts(web_estate: Layout) -> None:
    hook = HaproxyHook(
        runtime=str(web_estate.haproxy_socket),
        map_folder=web_estate.haproxy_maps,
        state_file=web_estate.state / "evict" / "haproxy.cookies",
    )
    pieces = {name: haproxy_pieces(name, hook, name) for name in PRODUCTS}
    for file in (file for each in pieces.values() for file in each.files):
        file.touch()
    asked = ForwardAuthHook(
        listen=f"{web_estate.ip}:10050",
        login_listen=f"{web_estate.ip}:10051",
        login_upstream=f"http://{web_estate.ip}:{at.SOGO}",
    )
    site = Site(
        name="sogo",
        host=at.MAIL_HOST,
        upstream=f"http://{web_estate.ip}:{at.SOGO}",
        settings=asked,
        product=SOGO,
    )
    into_http, into_server = fronts.nginx_halves(nginx_snippet(site))
    lines = [line for each in pieces.values() for line in each.global_lines]
    parts = fronts.haproxy_parts(
        dict.fromkeys(lines),
        [section for each in pieces.values() for section in each.sections],
        sogo=pieces["sogo"].backend_lines,
        roundcube=pieces["roundcube"].backend_lines,
    )
    whole = msgspec.structs.replace(parts, nginx_http=into_http, nginx_sogo=into_server)
    fronts.write_parts(web_estate, whole)
    try:
        fronts.check(web_estate)
        assert pieces["sogo"].backend_lines[0] in web_estate.haproxy_config.read_text()
    finally:
        fronts.write_parts(web_estate, fronts.PLAIN)


def test_stopped_servers_leave_nothing_and_come_again(
    web_estate: Layout, somebody: Person, web_sources: Iterator[str]
) -> None:
    for name in ("sogo", "haproxy"):
        leader = services.named(web_estate, name).leader()
        assert leader is not None
        members = services.family(leader)
        services.stop(web_estate, name)
        assert services.alive(members) == set()
        assert not services.status(web_estate)[name]
    with pytest.raises(Ended):
        SogoWeb(web_estate, somebody, next(web_sources))
    for name in ("sogo", "haproxy"):
        services.start(web_estate, name)
    assert all(services.status(web_estate).values())
    SogoWeb(web_estate, somebody, next(web_sources)).close()


def test_what_the_agent_and_the_connectors_need_is_there(web_estate: Layout) -> None:
    for role in at.SQL_ROLES:
        dsn = (web_estate.config.parent / "keys" / f"{role}.dsn").read_text().strip()
        asked = ("psql", dsn, "-Atc", "select current_user")
        assert subprocess.run(asked, capture_output=True, check=True).stdout == f"{role}\n".encode()
    tool = ("sudo", "-n", web_estate.sogo_do, "sogo-tool", "expire-sessions", "600")
    subprocess.run(("sudo", "-n", "-u", "evict", *tool), capture_output=True, check=True)
    with socket.socket(socket.AF_UNIX) as runtime:
        runtime.connect(str(web_estate.haproxy_socket))
        runtime.sendall(b"show info\n")
        assert runtime.recv(4096).startswith(b"Name: HAProxy")
    assert web_estate.haproxy_maps.owner() == "evict-agent"


@contextmanager
def put(layout: Layout, front: str, parts: fronts.Parts) -> Iterator[None]:
    """A front with these parts while the block runs."""
    fronts.write_parts(layout, parts)
    fronts.check(layout)
    services.restart(layout, front)
    try:
        yield
    finally:
        fronts.write_parts(layout, fronts.PLAIN)
        services.restart(layout, front)


def forget(layout: Layout, person: Person) -> None:
    """Take away what SOGo keeps of the person's last sign-in."""
    with socket.create_connection((layout.ip, at.MEMCACHED), 5) as memory:
        memory.sendall(f"delete {person.name}+attributes\r\n".encode())
        assert memory.recv(64).strip() in {b"DELETED", b"NOT_FOUND"}
