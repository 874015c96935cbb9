# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import pytest
from anyldap.protocols import pureber, pureldap

from evict.lab.ldap.matching import BIT_AND, BIT_OR, IN_CHAIN
from evict.systems.active_directory import controls
from evict.systems.ldap import filters, messages
from evict.systems.ldap.filters import all_of, any_of, equals, negate, starts_with
from tests.unit.lab.ldap.talking import ALICE, BASE, Office, office


@pytest.fixture
def bound() -> Office:
    made = office()
    assert made.bind().code == messages.SUCCESS
    return made


def extensible(rule: str, attribute: str, value: str) -> pureber.BERBase:
    return pureldap.LDAPFilter_extensibleMatch(
        matchingRule=rule, type=attribute, matchValue=value, dnAttributes=None
    )


def compare(
    kind: type[pureldap.LDAPAttributeValueAssertion], name: str, value: str
) -> pureber.BERBase:
    return kind(
        attributeDesc=pureldap.LDAPAttributeDescription(name),
        assertionValue=pureldap.LDAPAssertionValue(value),
    )


PEOPLE = ["adam", "alice", "svc-evict", "zoe"]
USERS = equals("sAMAccountType", "805306368")


@pytest.mark.parametrize(
    ("what", "found"),
    [
        (USERS, PEOPLE),
        (all_of(equals("objectCategory", "person"), equals("objectClass", "user")), PEOPLE),
        (equals("SAMACCOUNTNAME", "ALICE"), ["alice"]),
        (equals("displayName", "zoe"), ["zoe"]),
        (equals("proxyAddresses", "smtp:alice@corp.test"), ["alice"]),
        (starts_with("sAMAccountName", "ali"), ["alice"]),
        (all_of(USERS, negate(filters.present("adminCount"))), ["alice", "svc-evict", "zoe"]),
        (equals("adminCount", "1"), ["adam"]),
        (equals("memberOf", f"cn=sales, ou=groups,{BASE}"), ["alice"]),
        (equals("member", ALICE), ["Sales"]),
        (extensible(IN_CHAIN, "memberOf", f"CN=All,OU=Groups,{BASE}"), ["Sales", "Staff", "alice"]),
        (extensible(IN_CHAIN, "member", ALICE), ["All", "Sales", "Staff"]),
        (extensible(BIT_AND, "userAccountControl", "514"), []),
        (extensible(BIT_OR, "userAccountControl", "514"), PEOPLE),
        (extensible("1.2.3.4", "userAccountControl", "512"), []),
        (extensible(BIT_AND, "userAccountControl", "many"), []),
        (
            all_of(USERS, compare(pureldap.LDAPFilter_greaterOrEqual, "uSNChanged", "1003")),
            ["adam", "zoe"],
        ),
        (
            all_of(USERS, compare(pureldap.LDAPFilter_lessOrEqual, "uSNChanged", "1002")),
            ["alice", "svc-evict"],
        ),
        (any_of(equals("mail", "alice@corp.test"), equals("cn", "Adam")), ["adam", "alice"]),
        (equals("nothing", "x"), []),
    ],
)
def test_what_a_filter_finds(bound: Office, what: pureber.BERBase, found: list[str]) -> None:
    assert bound.names(what) == found


@pytest.mark.parametrize(
    ("pieces", "matches"),
    [
        ([("initial", "al"), ("final", "ce")], True),
        ([("any", "l"), ("any", "c")], True),
        ([("initial", "alice"), ("final", "ice")], False),
        ([("any", "c"), ("any", "l")], False),
    ],
)
def test_substrings_do_not_overlap(
    bound: Office,
    pieces: list[tuple[str, str]],
    matches: bool,  # noqa: FBT001
) -> None:
    kinds = {
        "initial": pureldap.LDAPFilter_substrings_initial,
        "any": pureldap.LDAPFilter_substrings_any,
        "final": pureldap.LDAPFilter_substrings_final,
    }
    parts = [kinds[kind](text) for kind, text in pieces]
    what = pureldap.LDAPFilter_substrings(type="sAMAccountName", substrings=parts)
    assert ("alice" in bound.names(what)) is matches


def test_scopes_and_names_of_the_base(bound: Office) -> None:
    people = f"OU=People,{BASE}"
    assert len(bound.search(base=people, scope=0)) == 1
    assert len(bound.search(base=people, scope=1)) == 4
    assert len(bound.search(base=people.lower().replace(",", " , "), scope=2)) == 5
    (alice,) = bound.search(base=ALICE, scope=0, attributes=["objectGUID", "objectSid"])
    guid = bound.alice.guid
    for name in (f"<GUID={guid}>", f"<guid={guid.upper()}>"):
        (found,) = bound.search(base=name, scope=0)
        assert found.dn == ALICE
    assert bound.names(equals("objectGUID", alice.raw("objectGUID"))) == ["alice"]
    assert bound.names(equals("objectSid", alice.raw("objectSid"))) == ["alice"]


@pytest.mark.parametrize("base", ["CN=Nobody,DC=corp,DC=test", "DC=other", "<GUID=x>", "<SID=S-1>"])
def test_a_base_that_is_not_there(bound: Office, base: str) -> None:
    request = pureldap.LDAPSearchRequest(baseObject=base, scope=0)
    assert bound.result(request).code == messages.NO_SUCH_OBJECT


def test_what_is_shown(bound: Office) -> None:
    (all_of_it,) = bound.search(base=ALICE, scope=0)
    assert all_of_it.text("mail") == "alice@corp.test"
    assert "memberof" in all_of_it.attributes
    assert "ntsecuritydescriptor" not in all_of_it.attributes, "constructed: only by name"
    (some,) = bound.search(
        base=ALICE,
        scope=0,
        attributes=[
            "msDS-User-Account-Control-Computed",
            "msDS-PrincipalName",
            "tokenGroups",
            "no",
        ],
    )
    assert some.text("msDS-PrincipalName") == "CORP\\alice"
    assert len(some.attributes["tokengroups"]) == 5, "alice, Domain Users, Sales, Staff, All"
    assert "no" not in some.attributes
    (none,) = bound.search(base=ALICE, scope=0, attributes=["1.1"])
    assert not none.attributes


def test_the_root_is_everybodys_and_nothing_else() -> None:
    made = office()
    (root,) = made.search(base="", scope=0)
    assert root.text("defaultNamingContext") == BASE
    assert made.result(pureldap.LDAPSearchRequest(baseObject=BASE)).code == 1
    made.bind()
    (root,) = made.search(base="", scope=0, attributes=["tokenGroups", "currentTime"])
    assert len(root.attributes["tokengroups"]) == 2


def test_pages(bound: Office) -> None:
    seen: list[str] = []
    cookie, pages = b"", 0
    while True:
        request = pureldap.LDAPSearchRequest(
            baseObject=BASE, scope=2, filter=USERS, attributes=["sAMAccountName"]
        )
        answers = bound.ask(request, [messages.paged(3, cookie)])
        found = [m.value for m in answers[:-1]]
        assert len(found) <= 3
        seen += [
            messages.entry_of(a).text("sAMAccountName")
            for a in found
            if isinstance(a, pureldap.LDAPSearchResultEntry)
        ]
        cookie, pages = messages.cookie_of(answers[-1]), pages + 1
        if not cookie:
            break
        first = cookie
    assert (sorted(seen), pages) == (PEOPLE, 2)
    request = pureldap.LDAPSearchRequest(baseObject=BASE, scope=2, filter=USERS)
    again = bound.result(request, [messages.paged(3, first)])
    assert again.code == messages.UNWILLING_TO_PERFORM, "a cookie is good once"


def test_a_size_limit_cuts_and_says_so(bound: Office) -> None:
    request = pureldap.LDAPSearchRequest(baseObject=BASE, scope=2, filter=USERS, sizeLimit=2)
    answers = bound.ask(request)
    assert len(answers) == 3
    assert bound.result(request).code == messages.SIZE_LIMIT_EXCEEDED


def test_controls_that_are_critical_and_unknown(bound: Office) -> None:
    request = pureldap.LDAPSearchRequest(baseObject=BASE, scope=0)
    assert bound.result(request, [(b"1.2.3", 1, b"")]).code == 12
    assert bound.result(request, [(b"1.2.3", 0, b"")]).code == messages.SUCCESS
    assert bound.result(request, [controls.dacl_only()]).code == messages.SUCCESS


def test_a_filter_without_end_is_refused(bound: Office) -> None:
    request = pureldap.LDAPSearchRequest(
        baseObject=BASE, scope=2, filter=any_of(*[filters.present("a")] * 1500)
    )
    assert bound.result(request).code == messages.UNWILLING_TO_PERFORM


def test_compare_and_who_am_i(bound: Office) -> None:
    for value, code in (("alice@corp.test", 6), ("bob@corp.test", 5)):
        ava = pureldap.LDAPAttributeValueAssertion(
            attributeDesc=pureldap.LDAPAttributeDescription("mail"),
            assertionValue=pureldap.LDAPAssertionValue(value),
        )
        assert bound.result(pureldap.LDAPCompareRequest(ALICE, ava)).code == code
    who = bound.ask(pureldap.LDAPExtendedRequest(requestName=b"1.3.6.1.4.1.4203.1.11.3"))[0].value
    assert isinstance(who, pureldap.LDAPExtendedResponse)
    assert who.response == b"u:CORP\\svc-evict"
    unknown = pureldap.LDAPExtendedRequest(requestName=b"1.2.3")
    assert bound.result(unknown).code == 2


def test_what_is_never_done(bound: Office) -> None:
    assert bound.result(pureldap.LDAPDelRequest(entry=ALICE)).code == 53
    moved = pureldap.LDAPModifyDNRequest(entry=ALICE, newrdn="CN=x", deleteoldrdn=1)
    assert bound.result(moved).code == 53
    assert bound.ask(pureldap.LDAPAbandonRequest(id=3)) == []
    assert bound.ask(pureldap.LDAPUnbindRequest()) == []
    assert bound.talk.ended
