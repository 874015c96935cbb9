# SPDX-License-Identifier: Apache-2.0
"""The servers of the estate ask their hooks as they should, and refuse when nobody answers."""

from __future__ import annotations

from collections.abc import Iterator

import msgspec
import pytest

from estate import layout as at
from estate import people, services
from estate.clients.lines import Ended, Refused
from estate.clients.sessions import PROTOCOLS, Imap, Submission, SubmissionTcp
from estate.layout import Layout
from estate.people import Person
from estate.standin import StandIn

pytestmark = pytest.mark.live


def test_the_hook_learns_the_directory_spelling_once_it_is_known(
    estate: Layout, hooks: StandIn, source: str
) -> None:
    made = people.create(estate, "MiXed-Case")
    typed = msgspec.structs.replace(made, name="MIXED-case@corp.test")
    Imap(estate, typed, source).close()
    before, after = hooks.policy_questions
    assert (before["login"], after["login"]) == ("mixed-case", "MiXed-Case")
    assert (before["requested"], after["requested"]) == ("mixed-case", "MiXed-Case")
    people.remove(estate, made)


def test_the_master_user_opens_a_mailbox_and_the_hook_hears_of_both(
    estate: Layout, person: Person, hooks: StandIn, source: str
) -> None:
    name = f"{person.name}*{at.MASTER_USER}"
    master = msgspec.structs.replace(person, name=name, password=at.MASTER_PASSWORD)
    session = Imap(estate, master, source)
    session.beat()
    session.close()
    before, after = hooks.policy_questions
    assert (before["login"], after["login"]) == (at.MASTER_USER, person.name)
    assert before["requested"] == after["requested"] == person.name


@pytest.mark.parametrize("submission", [Submission, SubmissionTcp])
def test_postfix_asks_with_the_sasl_name_and_cuts_on_521(
    estate: Layout,
    person: Person,
    hooks: StandIn,
    source: str,
    submission: type[Submission],
) -> None:
    session = submission(estate, person, source)
    session.beat()
    asked = hooks.postfix_questions[-1]
    assert (asked["protocol_state"], asked["sasl_username"]) == ("RCPT", person.name)
    hooks.closed.add(person.name)
    with pytest.raises(Refused, match="521"):
        session.beat()
    with pytest.raises(Ended):
        session.lines.line()
    session.close()


@pytest.mark.parametrize("stage", ["DATA", "END-OF-MESSAGE"])
def test_postfix_asks_at_data_and_at_the_end_of_a_mail(
    estate: Layout, person: Person, hooks: StandIn, source: str, stage: str
) -> None:
    session = Submission(estate, person, source)
    session.send_mail(person.mail, "stages")
    session.close()
    assert stage in {question["protocol_state"] for question in hooks.postfix_questions}


def gets_in(estate: Layout, person: Person, protocol: str, source: str) -> bool:
    """Log in and, where it is submission, name a recipient."""
    try:
        session = PROTOCOLS[protocol](estate, person, source)
    except Refused:
        return False
    try:
        session.beat()
    except Refused:
        return False
    finally:
        session.close()
    return True


@pytest.mark.parametrize("protocol", ["imap", "pop3", "managesieve", "submission"])
def test_nobody_gets_in_when_nobody_answers(
    estate: Layout, person: Person, sources: Iterator[str], protocol: str
) -> None:
    assert not gets_in(estate, person, protocol, next(sources))
    with StandIn(estate):
        assert gets_in(estate, person, protocol, next(sources))


@pytest.mark.parametrize("submission", [Submission, SubmissionTcp])
def test_no_mail_is_taken_when_nobody_answers(
    estate: Layout, person: Person, source: str, submission: type[Submission]
) -> None:
    with StandIn(estate):
        session = submission(estate, person, source)
        session.beat()
    with pytest.raises(Refused, match=r"451 4\.3\.0"):
        session.beat()
    session.close()


def test_sabotaged_hooks_let_everybody_in_when_nobody_answers(
    estate: Layout, person: Person, sources: Iterator[str]
) -> None:
    """The twin of the two above: what they see comes from the settings that refuse."""
    settings = {
        estate.dovecot_conf: ("reject_on_fail = yes", "reject_on_fail = no"),
        estate.postfix_etc / "main.cf": ("default_action = 451", "default_action = DUNNO"),
    }
    before = {path: path.read_text() for path in settings}
    try:
        for path, (closed, opened) in settings.items():
            assert closed in before[path]
            path.write_text(before[path].replace(closed, opened))
        restart(estate)
        assert gets_in(estate, person, "imap", next(sources))
        assert gets_in(estate, person, "submission", next(sources))
    finally:
        for path, text in before.items():
            path.write_text(text)
        restart(estate)


def restart(estate: Layout) -> None:
    services.down(estate)
    services.up(estate)
