# SPDX-License-Identifier: Apache-2.0
"""The estate is what the other live tests take it for."""

from __future__ import annotations

import os
import pwd
import shutil
import socket
import stat
import subprocess
import time
from pathlib import Path

import msgspec
import pytest

from estate import layout as at
from estate import ldif, mailbox, people, services
from estate.clients.holder import Holder
from estate.clients.kerberos import ImapKerberos, Ticket
from estate.clients.leaver import LeaverClients
from estate.clients.lines import Refused
from estate.clients.sessions import PROTOCOLS, Imap
from estate.commands import EstateError
from estate.directory import PROTECTED_BY_ADMINSDHOLDER
from estate.layout import Layout
from estate.people import Person
from estate.standin import StandIn
from evict.config.load import load

pytestmark = pytest.mark.live


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_a_person_logs_in_and_works(
    estate: Layout, person: Person, hooks: StandIn, source: str, protocol: str
) -> None:
    session = PROTOCOLS[protocol](estate, person, source)
    session.beat()
    session.close()
    assert {question["login"] for question in hooks.policy_questions} == {person.name}
    assert hooks.keys == {at.POLICY_KEY}
    assert not any("pwhash" in question for question in hooks.policy_questions)


def test_a_wrong_password_is_refused(
    estate: Layout, person: Person, hooks: StandIn, source: str
) -> None:
    wrong = msgspec.structs.replace(person, password="wrong")
    with pytest.raises(Refused, match="AUTHENTICATIONFAILED"):
        Imap(estate, wrong, source)
    assert len(hooks.policy_questions) == 1, "asked before, not after"


def test_a_kerberos_ticket_opens_a_session(
    estate: Layout, person: Person, hooks: StandIn, source: str
) -> None:
    session = ImapKerberos(estate, person, source, Ticket(estate, person))
    session.beat()
    session.close()
    last = hooks.policy_questions[-1]
    assert (last["mech"], last["login"]) == ("GSSAPI", person.name)
    assert last["requested"] == person.name


def test_a_disabled_person_logs_in_from_the_cache_until_it_is_flushed(
    estate: Layout, person: Person, hooks: StandIn, source: str
) -> None:
    Imap(estate, person, source).close()
    people.disable(estate, person)
    Imap(estate, person, source).close()
    assert hooks.policy_questions, "the hook was asked and said yes"
    flush = ("doveadm", "-c", estate.dovecot_conf, "auth", "cache", "flush", person.name)
    assert b"1 cache entries" in subprocess.run(flush, capture_output=True, check=True).stdout
    with pytest.raises(Refused):
        Imap(estate, person, source)


def test_an_old_password_binds_after_one_reset_and_not_after_two(
    estate: Layout, person: Person
) -> None:
    people.set_password(estate, person, "Another-1-password")
    people.modify(estate, "", bind=person.upn, password=person.password)
    people.set_password(estate, person, "Another-2-password")
    with pytest.raises(EstateError, match="Invalid credentials"):
        people.modify(estate, "", bind=person.upn, password=person.password)


def test_a_sieve_redirect_forwards_what_arrives(
    estate: Layout, person: Person, hooks: StandIn, source: str
) -> None:
    other = people.person("grace")
    mailbox.redirect(estate, person, other, source)
    mailbox.deliver(estate, person, f"for {person.name}")
    mailbox.wait_for_mail(estate, other, f"for {person.name}")
    assert hooks.policy_questions, "only the script's owner had to log in"


def test_mail_to_the_slow_domain_stays_in_the_queue(
    estate: Layout, person: Person, hooks: StandIn, source: str
) -> None:
    mailbox.queue(estate, person, "later", source)
    assert person.mail in mailbox.queued(estate)
    assert hooks.postfix_questions


def test_bystanders_are_counted_from_their_own_connections(
    estate: Layout, person: Person, hooks: StandIn
) -> None:
    everybody = [person, people.person("carol")]
    with Holder(estate, everybody, 12) as holder:
        assert (holder.check().held, holder.check().dropped) == (12, 0)
        kick = ("doveadm", "-c", estate.dovecot_conf, "kick", person.name)
        subprocess.run(kick, capture_output=True, check=True)
        until = time.monotonic() + 5.0  # Dovecot ends them one after the other
        while len(drops := holder.check().drops) < 4 and time.monotonic() < until:
            time.sleep(0.05)
    assert {drop.name for drop in drops} == {person.name}
    assert {drop.protocol for drop in drops} == {"imap", "imap-idle", "pop3", "managesieve"}
    assert hooks.closed == set()


def test_a_leavers_clients_see_each_door_shut(
    estate: Layout, person: Person, hooks: StandIn
) -> None:
    with LeaverClients(estate, person) as clients:
        assert not clients.wait_shut(0.5), "nothing was done yet"
        hooks.closed.add(person.name)
        for verb in (("auth", "cache", "flush"), ("kick",)):
            command = ("doveadm", "-c", estate.dovecot_conf, *verb, person.name)
            subprocess.run(command, capture_output=True, check=True)
        assert clients.wait_shut(30), [track.door for track in clients.tracks]
        assert all(track.successes for track in clients.tracks)
        assert not clients.kerberos_login()


def test_the_service_account_has_the_least_rights(estate: Layout, person: Person) -> None:
    rights = {
        "userAccountControl": ldif.modify(person.dn, {"userAccountControl": "514"}),
        "unicodePwd": ldif.modify(person.dn, {"unicodePwd": ldif.unicode_pwd("Evict-set-1")}),
        "pwdLastSet": ldif.modify(person.dn, {"pwdLastSet": "0"}),
    }
    for change in rights.values():
        people.modify(estate, change, bind=at.EVICT_USER, password=at.EVICT_PASSWORD)
    with pytest.raises(EstateError, match="Insufficient access"):
        people.modify(
            estate,
            ldif.modify(person.dn, {"displayName": "no"}),
            bind=at.EVICT_USER,
            password=at.EVICT_PASSWORD,
        )
    protected = people.person(PROTECTED_BY_ADMINSDHOLDER).dn
    for change in rights.values():
        ours = change.replace(change.splitlines()[0], ldif.dn_line(protected))
        with pytest.raises(EstateError, match="Insufficient access"):
            people.modify(estate, ours, bind=at.EVICT_USER, password=at.EVICT_PASSWORD)


def test_the_configuration_is_one_that_evict_takes(estate: Layout) -> None:
    config = load(estate.config)
    assert config.has_hooks
    for secret in (
        config.directory.password_file,
        config.dovecot[0].api_key_file,
        config.dovecot[0].master_password_file,
    ):
        assert secret is not None
        assert secret.read_text().strip()
        assert not stat.S_IMODE(secret.stat().st_mode) & stat.S_IRWXO


@pytest.mark.parametrize(
    ("user", "readable", "hidden"),
    [
        ("evict-agent", "shared/policy.key", "keys/directory.password"),
        ("evict", "keys/directory.password", "../tls/estate.key"),
    ],
)
def test_each_system_user_reaches_only_its_own(
    estate: Layout, user: str, readable: str, hidden: str
) -> None:
    def reads(name: str) -> bool:
        account = pwd.getpwnam(user)
        command = ("cat", estate.config.parent / name)
        done = subprocess.run(
            command,
            user=account.pw_uid,
            group=account.pw_gid,
            extra_groups=[],
            capture_output=True,
            check=False,
        )
        return done.returncode == 0

    assert reads(readable)
    assert not reads(hidden)


def test_the_control_plane_reads_the_servers_settings_without_secrets(estate: Layout) -> None:
    as_evict = ("sudo", "-n", "-u", "evict")
    doveconf = (*as_evict, "doveconf", "-c", str(estate.dovecot_conf), "-n")
    shown = subprocess.run(doveconf, capture_output=True, check=True).stdout.decode()
    assert "auth_policy_reject_on_fail = yes" in shown
    assert at.DOVEADM_KEY not in shown
    postqueue = (*as_evict, "sudo", "-n", "postqueue", "-c", str(estate.postfix_etc), "-j")
    subprocess.run(postqueue, capture_output=True, check=True)


def test_down_leaves_no_process_and_up_starts_it_again(estate: Layout) -> None:
    leaders = [server.leader() for server in services.servers(estate)]
    families = set().union(*(services.family(leader) for leader in leaders if leader))
    assert len(families) > 10
    services.down(estate)
    assert services.alive(families) == set()
    assert services.status(estate) == {"samba": False, "postfix": False, "dovecot": False}
    assert not estate.sudoers.exists()
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        probe.bind((estate.ip, at.LDAPS))
    services.up(estate)
    services.up(estate)
    assert all(services.status(estate).values())


def test_an_address_in_use_is_said_so(estate: Layout) -> None:
    other = Layout.at(estate.ip, Path("/var/tmp") / f"evict-estate-{os.getpid()}")  # noqa: S108
    other.state.mkdir()
    shutil.copytree(estate.postfix_etc, other.postfix_etc)
    other.provisioned.touch()
    try:
        with pytest.raises(EstateError, match="something else listens"):
            services.up(other)
    finally:
        shutil.rmtree(other.state)
