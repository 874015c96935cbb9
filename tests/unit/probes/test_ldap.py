# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import pytest
from msgspec.structs import replace

from evict.core.endpoint import Tls
from evict.core.errors import RemoteProtocolError, Uncertain, Unreachable, Unsupported
from evict.core.secret import Secret
from evict.core.sighting import Outcome, Sighting
from evict.probes.ldap import Bind, BindCode, bind_code
from evict.probes.registry import prober
from evict.wire import ldap_bind
from tests.unit.probes.conftest import Authority
from tests.unit.probes.fakes import PASSWORD, Fault, LdapFake, listening, login


async def tried(
    fake: LdapFake, authority: Authority, password: str = PASSWORD, *, timeout_s: float = 2.0
) -> Sighting:
    async with listening(fake, tls=Tls.IMPLICIT) as endpoint:
        where = replace(endpoint, ca_file=authority.ca_file)
        return await prober("ldap").negative_login(where, login(password, timeout_s=timeout_s))


async def asked(fake: LdapFake, authority: Authority, password: str = PASSWORD) -> Bind:
    async with listening(fake, tls=Tls.IMPLICIT) as endpoint:
        where = replace(endpoint, ca_file=authority.ca_file)
        return await bind_code(where, login(password, timeout_s=0.3))


def refused(data: str) -> bytes:
    text = f"80090308: LdapErr: DSID-0C0903A9, comment: AcceptSecurityContext error, {data}v1db1"
    return ldap_bind.bind_response(49, text)


async def test_a_bind_that_is_accepted_lets_in(authority: Authority) -> None:
    sighting = await tried(LdapFake(authority.good), authority)
    assert sighting.outcome is Outcome.LET_IN
    assert sighting.transcript[0] == "C: bind alice@corp.test ***"


@pytest.mark.parametrize(
    ("data", "outcome", "words"),
    [
        ("data 52e, ", Outcome.REFUSED, "wrong password"),
        ("data 52E, ", Outcome.REFUSED, "wrong password"),
        ("data 533, ", Outcome.REFUSED, "password right (533)"),
        ("data 701, ", Outcome.REFUSED, "expired (701)"),
        ("", Outcome.REFUSED, "no sub-code"),
        ("data 775, ", Outcome.UNCLEAR, "locked"),
        ("data 532, ", Outcome.UNCLEAR, "to be changed"),
        ("data 773, ", Outcome.UNCLEAR, "to be changed"),
        ("data 530, ", Outcome.UNCLEAR, "hour"),
        ("data 531, ", Outcome.UNCLEAR, "from here"),
        ("data 525, ", Outcome.UNCLEAR, "no account"),
        ("data 49, ", Outcome.UNCLEAR, "data 49"),
        ("data zzz, ", Outcome.UNCLEAR, "data zzz"),
    ],
)
async def test_what_a_domain_controller_means(
    data: str, outcome: Outcome, words: str, authority: Authority
) -> None:
    fake = LdapFake(authority.good)
    fake.verdict = refused(data)
    sighting = await tried(fake, authority)
    assert sighting.outcome is outcome
    assert words in sighting.detail


@pytest.mark.parametrize(
    "verdict", [ldap_bind.bind_response(51, "busy"), ldap_bind.disconnection("data 52e, x")]
)
async def test_another_result_is_unclear(verdict: bytes, authority: Authority) -> None:
    fake = LdapFake(authority.good)
    fake.verdict = verdict
    assert (await tried(fake, authority)).outcome is Outcome.UNCLEAR


@pytest.mark.parametrize("fault", Fault)
async def test_a_controller_that_breaks_is_unclear(fault: Fault, authority: Authority) -> None:
    fake = LdapFake(authority.good)
    fake.faults["BIND"] = fault
    sighting = await tried(fake, authority, timeout_s=0.3)
    assert sighting.outcome is Outcome.UNCLEAR
    assert sighting.detail


async def test_a_controller_whose_certificate_is_past_never_sees_the_password(
    authority: Authority,
) -> None:
    fake = LdapFake(authority.expired)
    sighting = await tried(fake, authority)
    assert sighting.outcome is Outcome.UNREACHABLE
    assert "does not verify" in sighting.detail
    assert "BIND" not in fake.seen


async def by_starttls(fake: LdapFake, authority: Authority, password: str = PASSWORD) -> Sighting:
    async with listening(fake, tls=Tls.STARTTLS) as endpoint:
        where = replace(endpoint, ca_file=authority.ca_file)
        return await prober("ldap").negative_login(where, login(password, timeout_s=0.5))


async def test_starttls_is_as_good_as_ldaps(authority: Authority) -> None:
    fake = LdapFake(authority.good)
    assert (await by_starttls(fake, authority)).outcome is Outcome.LET_IN
    refusal = await by_starttls(fake, authority, "other")
    assert refusal.outcome is Outcome.REFUSED
    assert refusal.transcript[:3] == (
        "C: StartTLS",
        "S: result 0 ",
        "C: bind alice@corp.test ***",
    )


@pytest.mark.parametrize(
    ("answer", "outcome", "words"),
    [
        (ldap_bind.starttls_response(2, "no TLS here"), Outcome.UNCLEAR, "no TLS here"),
        (ldap_bind.disconnection("busy"), Outcome.UNCLEAR, "busy"),
        (ldap_bind.bind_response(0), Outcome.UNCLEAR, "StartTLS"),
        (
            ldap_bind.starttls_response(0) + ldap_bind.bind_response(49, "data 52e, "),
            Outcome.UNREACHABLE,
            "in clear",
        ),
    ],
    ids=["refused", "disconnection", "another answer", "a bind's answer slipped in"],
)
async def test_where_starttls_does_not_stand_no_password_is_sent(
    answer: bytes, outcome: Outcome, words: str, authority: Authority
) -> None:
    fake = LdapFake(authority.good)
    fake.starttls = answer
    sighting = await by_starttls(fake, authority)
    assert sighting.outcome is outcome
    assert words in sighting.detail
    assert "BIND" not in fake.seen


async def test_by_starttls_a_certificate_of_the_past_ends_it_too(authority: Authority) -> None:
    fake = LdapFake(authority.expired)
    sighting = await by_starttls(fake, authority)
    assert sighting.outcome is Outcome.UNREACHABLE
    assert "does not verify" in sighting.detail
    assert "BIND" not in fake.seen


async def test_a_bind_goes_neither_in_clear_nor_without_a_password(authority: Authority) -> None:
    fake = LdapFake(authority.good)
    async with listening(fake) as endpoint:
        with pytest.raises(Unsupported, match="TLS"):
            await bind_code(endpoint, login())
        with pytest.raises(Unsupported, match="anonymous"):
            await bind_code(
                replace(endpoint, tls=Tls.IMPLICIT), replace(login(), password=Secret(""))
            )
    assert fake.seen == []


async def test_the_code_tells_which_of_two_passwords_is_set(authority: Authority) -> None:
    fake = LdapFake(authority.good)
    assert (await asked(fake, authority)).code is BindCode.ACCEPTED
    assert (await asked(fake, authority, "other")).code is BindCode.WRONG_PASSWORD
    fake.verdict = refused("data 533, ")
    assert (await asked(fake, authority)).code is BindCode.DISABLED


async def test_no_answer_is_an_error_and_no_code(authority: Authority) -> None:
    fake = LdapFake(authority.good)
    for fault, error in ((Fault.HANG, Uncertain), (Fault.GARBAGE, RemoteProtocolError)):
        fake.faults["BIND"] = fault
        with pytest.raises(error):
            await asked(fake, authority)
    async with listening(fake, tls=Tls.IMPLICIT) as endpoint:
        pass
    with pytest.raises(Unreachable):
        await bind_code(endpoint, login())


async def test_an_ldap_connection_is_no_witness() -> None:
    async with listening(LdapFake()) as endpoint:
        with pytest.raises(Unsupported):
            await prober("ldap").open_witness(endpoint, login())
