# SPDX-License-Identifier: Apache-2.0
"""What holds in the organisation whatever people, administrators and time do."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress

from hypothesis import given, settings
from hypothesis import strategies as st

from evict.lab.model.cookies import OwaCookie
from evict.lab.model.features import FEATURES, NULLABLE
from evict.lab.model.mailbox import FULL_ACCESS, READ_PERMISSION, SELF
from evict.lab.model.mobile import Device
from evict.lab.model.organisation import Organisation
from evict.lab.model.predict import predict
from evict.lab.model.profile import Profile, Version
from evict.lab.model.sessions import Session
from evict.lab.model.store import Access
from evict.lab.model.words import Denied, ModelError, Pool, Principal, Protocol

SERVERS = ("ex01", "ex02")
PASSWORDS = ("one", "two")
POOLS = (Pool.OWA, Pool.SYNC, Pool.SERVICES)
VERSIONS = st.sampled_from([v for v in Version if v is not Version.V2003])


class World:
    """An organisation, what a client of Alice's holds, and a clock."""

    def __init__(self, version: Version) -> None:
        self.now = 1_000_000.0
        self.org = Organisation(Profile(version), lambda: self.now)
        self.org.add_person("alice", "Alice Archer", PASSWORDS[0], "DB01")
        self.cookies: list[OwaCookie] = []
        self.sessions: list[Session] = []
        self.ended: list[int] = []

    def wait(self, seconds: float) -> None:
        self.now += seconds
        self.org.tick()

    def enter(self, server: str, protocol: Protocol, who: Principal | Denied) -> Access | Denied:
        return who if isinstance(who, Denied) else self.org.enter(server, protocol, who)


def basic(world: World, number: int) -> None:
    server, pool = SERVERS[number % 2], POOLS[number % 3]
    world.org.sign_in_basic(server, pool, "alice", PASSWORDS[number // 3 % 2])


def form(world: World, number: int) -> None:
    made = world.org.sign_in_forms(
        SERVERS[number % 2], "alice", PASSWORDS[number // 2 % 2], private=number % 3 == 0
    )
    if isinstance(made, OwaCookie):
        world.cookies.append(made)


def page(world: World, number: int) -> None:
    if world.cookies:
        cookie = world.cookies[number % len(world.cookies)]
        if isinstance(world.org.check_cookie(SERVERS[number % 2], cookie), Principal):
            renewed = world.org.renew_cookie(cookie)
            world.cookies += [] if renewed is None else [renewed]


def session(world: World, number: int) -> None:
    protocol = list(Protocol)[number % len(Protocol)]
    server = SERVERS[number % 2]
    who = world.org.sign_in_direct(server, protocol, "alice", PASSWORDS[number % 2])
    access = world.enter(server, protocol, who)
    if isinstance(access, Access):
        place = len(world.sessions)
        pool = world.org.profile.pool_of(protocol)
        world.sessions.append(
            world.org.open_session(
                access, pool=pool, on_end=lambda _: world.ended.append(place), lasts_s=None
            )
        )


def use(world: World, number: int) -> None:
    if world.sessions:
        world.org.use(world.sessions[number % len(world.sessions)])


def leave(world: World, number: int) -> None:
    if world.sessions:
        world.org.sessions.close(world.sessions[number % len(world.sessions)])


def administer(world: World, number: int) -> None:
    org = world.org
    acts: list[Callable[[], object]] = [
        lambda: org.directory.set_password("alice", PASSWORDS[number % 2]),
        lambda: org.directory.enable("alice"),
        lambda: org.directory.disable("alice"),
        lambda: org.recycle(SERVERS[number % 2], POOLS[number % 3]),
        lambda: org.quarantine("alice"),
        lambda: org.release("alice"),
        lambda: org.start_move("alice", "DB02"),
        lambda: org.moves.remove("alice"),
        lambda: org.set_token_ttl(SERVERS[number % 2], 60.0 * (number % 5 + 1)),
        lambda: org.iisreset(SERVERS[number % 2], force=True),
    ]
    with suppress(ModelError):
        acts[number % len(acts)]()


ACTS = st.lists(
    st.tuples(
        st.sampled_from([basic, form, page, session, use, leave, administer]),
        st.integers(0, 59),
        st.sampled_from([0.0, 1.0, 30.0, 400.0, 899.0, 900.0, 7200.0]),
    ),
    max_size=40,
)
Steps = list[tuple[Callable[[World, int], None], int, float]]


def live(version: Version, steps: Steps) -> World:
    world = World(version)
    for act, number, wait in steps:
        act(world, number)
        world.wait(wait)
    return world


@settings(max_examples=200, deadline=None)
@given(VERSIONS, ACTS)
def test_after_a_disable_and_a_recycle_everywhere_no_password_and_no_cookie_lets_anybody_in(
    version: Version, steps: Steps
) -> None:
    world = live(version, steps)
    world.org.directory.disable("alice")
    for server in SERVERS:
        world.org.iisreset(server, force=True)
    for server in SERVERS:
        for password in PASSWORDS:
            for pool in POOLS:
                assert isinstance(world.org.sign_in_basic(server, pool, "alice", password), Denied)
            assert isinstance(world.org.sign_in_integrated(server, "alice", password), Denied)
        for cookie in world.cookies:
            assert isinstance(world.org.check_cookie(server, cookie), Denied)
    left = {p.what for p in predict(world.org, "alice")}
    assert left <= {"session"}
    assert not [s for s in world.org.sessions.of("alice") if s.pool is not None]


@settings(max_examples=200, deadline=None)
@given(VERSIONS, ACTS)
def test_after_a_disable_whatever_rests_long_enough_is_shut(version: Version, steps: Steps) -> None:
    world = live(version, steps)
    world.org.directory.disable("alice")
    told = [p.idle_model_s for p in predict(world.org, "alice")]
    sessions = [p for p in predict(world.org, "alice") if p.what == "session"]
    assert all(p.idle_model_s is not None for p in sessions if p.protocol in ("imap", "pop3"))
    world.wait(max((t for t in told if t is not None), default=0.0))
    left = predict(world.org, "alice")
    assert not [p for p in left if p.idle_model_s is not None]
    for pool in POOLS:
        assert isinstance(world.org.sign_in_basic("ex01", pool, "alice", PASSWORDS[0]), Denied)


@settings(max_examples=200, deadline=None)
@given(VERSIONS, ACTS)
def test_a_session_ends_once_and_the_indexes_agree(version: Version, steps: Steps) -> None:
    world = live(version, steps)
    live_ones = list(world.org.sessions.live.values())
    assert world.org.sessions.of("alice") == live_ones
    on = [s for s in live_ones if s.protocol is not Protocol.SMTP]
    assert world.org.sessions.on("alice") == on
    assert len(world.ended) == len(set(world.ended))
    for place, each in enumerate(world.sessions):
        assert (each in live_ones) == (each.ended == "")
        assert (place in world.ended) == (each.ended not in ("", "closed"))
        if each.ended == "" and each.idle_s is not None:
            assert world.now < each.used_at + each.idle_s
    due = world.org.next_due()
    assert due is None or due > world.now


@settings(max_examples=200, deadline=None)
@given(VERSIONS, ACTS, st.floats(0, 200_000))
def test_one_jump_ends_what_many_small_steps_end(
    version: Version, steps: Steps, ahead: float
) -> None:
    jumped, walked = live(version, steps), live(version, steps)
    jumped.wait(ahead)
    target = walked.now + ahead
    while (due := walked.org.next_due()) is not None and due <= target:
        walked.wait(due - walked.now)
    walked.now = target
    walked.org.tick()
    for one, other in zip(jumped.sessions, walked.sessions, strict=True):
        assert one.ended == other.ended
    mine, others = jumped.org.mailboxes["alice"], walked.org.mailboxes["alice"]
    assert (mine.database, mine.quarantine) == (others.database, others.quarantine)
    moves = [(m.status, m.ended) for m in jumped.org.moves.requests.values()]
    assert moves == [(m.status, m.ended) for m in walked.org.moves.requests.values()]


FLAGS = st.dictionaries(st.sampled_from(FEATURES), st.booleans() | st.none(), max_size=6)


@settings(max_examples=200, deadline=None)
@given(FLAGS, FLAGS)
def test_features_are_put_back_exactly(
    first: dict[str, bool | None], second: dict[str, bool | None]
) -> None:
    world = World(Version.V2019)

    def change(flags: dict[str, bool | None]) -> None:
        good = {n: v for n, v in flags.items() if v is not None or n in NULLABLE}
        world.org.set_features("alice", **good)

    change(first)
    features = world.org.mailboxes["alice"].features
    before = features.flags()
    change(second)
    world.org.set_features("alice", **before)
    assert features.flags() == before
    assert not world.org.set_features("alice", **before)


RIGHTS = st.sampled_from([(FULL_ACCESS,), (READ_PERMISSION,), (FULL_ACCESS, READ_PERMISSION)])


@settings(max_examples=200, deadline=None)
@given(st.sampled_from(Version), RIGHTS, st.lists(RIGHTS, max_size=3))
def test_self_is_put_back_exactly_and_lets_the_owner_in_as_before(
    version: Version, taken: tuple[str, ...], more: list[tuple[str, ...]]
) -> None:
    world = World(version)
    box = world.org.mailboxes["alice"]
    before = {(e.user, frozenset(e.rights), e.inherited, e.deny) for e in box.acl}
    for rights in (taken, *more):
        world.org.remove_permission("alice", SELF, rights)
    world.wait(1000)
    world.org.set_permission("alice", SELF, (FULL_ACCESS, READ_PERMISSION))
    assert {(e.user, frozenset(e.rights), e.inherited, e.deny) for e in box.acl} == before
    who = world.org.sign_in_basic("ex01", Pool.SERVICES, "alice", PASSWORDS[0])
    assert isinstance(world.enter("ex01", Protocol.EWS, who), Access)


@settings(max_examples=100, deadline=None)
@given(st.text(max_size=12), st.lists(st.sampled_from(["sync", "remove", "block", "free"])))
def test_a_blocked_phone_has_no_way_back_but_to_be_freed(phone: str, acts: list[str]) -> None:
    world = World(Version.V2019)
    box, mobile = world.org.mailboxes["alice"], world.org.mobile
    device, blocked = Device(device_id=phone), False
    for act in acts:
        if act == "sync":
            refused = mobile.contact(box, device, box.blocked_devices)
            assert (refused is not None) == blocked
            assert blocked or phone in box.devices
        elif act == "remove" and phone in box.devices:
            mobile.remove(box, phone)
        elif act in ("block", "free"):
            blocked = act == "block"
            mobile.block(box, phone, blocked=blocked)
