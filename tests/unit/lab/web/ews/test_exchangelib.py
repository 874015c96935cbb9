# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import pytest
from exchangelib import NTLM, Account, HTMLBody, Message
from exchangelib import errors as ews_errors

from evict.lab.model.profile import Version
from evict.lab.model.words import Pool
from tests.unit.lab.web.ews.mail_client import run
from tests.unit.lab.web.owa.place import MINUTE, MakePlace, Place
from tests.unit.lab.web.owa.test_mailbox import shut

CONTROLS = "a\x00\x0b\ud800\uffff<b>&"


def subjects(account: Account) -> list[str]:
    return [mail.subject for mail in account.inbox.all().order_by("-datetime_received")[:5]]


@pytest.mark.parametrize("auth_type", ["basic", NTLM, None])
async def test_it_lists_the_inbox(place: Place, auth_type: str | None) -> None:
    place.organisation.deliver("x@out.example", "alice@corp.example", "first", "one")
    place.wait(1)
    place.organisation.deliver("x@out.example", "alice@corp.example", CONTROLS, CONTROLS)
    assert await run(place, subjects, auth_type=auth_type) == ["a<b>&", "first"]


@pytest.mark.parametrize("version", [v for v in Version if v.order >= Version.V2010.order])
async def test_it_knows_the_version(places: MakePlace, version: Version) -> None:
    place = await places(version)
    build = await run(place, lambda account: account.version.build)
    major, minor, number, revision = place.organisation.profile.build
    assert (build.major_version, build.minor_version) == (major, minor)
    assert (build.major_build, build.minor_build) == (number, revision)


async def test_it_reads_whole_mails_and_counts_them(place: Place) -> None:
    for number in range(7):
        place.organisation.deliver("x@out.example", "alice@corp.example", f"n{number}", "body")

    def read(account: Account) -> tuple[int, int, list[tuple[str, str, str]]]:
        told = [
            (mail.subject, mail.author.email_address, str(mail.body))
            for mail in account.inbox.all()[2:4]
        ]
        return account.inbox.total_count, account.inbox.unread_count, told

    count, unread, told = await run(place, read)
    assert (count, unread) == (7, 7)
    assert told == [("n4", "x@out.example", "body"), ("n3", "x@out.example", "body")]


async def test_it_sees_the_folders(place: Place) -> None:
    def walk(account: Account) -> set[str]:
        return {folder.name for folder in account.root.walk()}

    assert {"Inbox", "Drafts", "Sent Items", "Calendar"} <= await run(place, walk)


async def test_it_sends(place: Place) -> None:
    def send(account: Account) -> None:
        to = ["bob@corp.example"]
        body = HTMLBody("<p>y</p>")
        first = Message(account=account, subject="x", body=body, to_recipients=to)
        first.send(save_copy=False)
        Message(
            account=account, subject="kept", body="z", to_recipients=to, bcc_recipients=["c@d.e"]
        ).send_and_save()

    await run(place, send)
    assert [(m.subject, m.sender) for m in place.bob.messages["Inbox"]] == [
        ("x", "alice@corp.example"),
        ("kept", "alice@corp.example"),
    ]
    assert [m.subject for m in place.alice.messages["Sent Items"]] == ["kept"]
    assert [m.to for m in place.organisation.mail.outside] == [("bob@corp.example", "c@d.e")]


async def test_it_saves_a_draft(place: Place) -> None:
    def save(account: Account) -> list[str]:
        Message(account=account, folder=account.drafts, subject="later", body="b").save()
        return [mail.subject for mail in account.drafts.all()]

    assert await run(place, save) == ["later"]


async def test_it_may_not_send_as_somebody_else(place: Place) -> None:
    def send(account: Account) -> None:
        Message(
            account=account, author="bob@corp.example", subject="x", to_recipients=["bob"]
        ).send()

    with pytest.raises(ews_errors.ErrorSendAsDenied):
        await run(place, send)
    place.bob.send_as.append("alice")
    await run(place, send)
    assert [m.sender for m in place.bob.messages["Inbox"]] == ["bob@corp.example"]


async def test_a_wrong_password_is_refused(place: Place) -> None:
    with pytest.raises(ews_errors.UnauthorizedError):
        await run(place, subjects, password="wrong")


@pytest.mark.parametrize(
    ("what", "error"),
    [
        ("self", ews_errors.ErrorAccessDenied),
        ("quarantine", ews_errors.ErrorMailboxStoreUnavailable),
        ("move", ews_errors.ErrorMailboxMoveInProgress),
        ("disabled", ews_errors.ErrorNonExistentMailbox),
    ],
)
async def test_a_refusal_has_the_name_that_is_documented(
    place: Place, what: str, error: type[Exception]
) -> None:
    shut(place, what)
    place.organisation.recycle("ex01", Pool.SERVICES)
    with pytest.raises(error):
        await run(place, subjects)


async def test_a_feature_that_is_off_is_403(place: Place) -> None:
    place.organisation.set_features("alice", ews=False)
    with pytest.raises(ews_errors.MalformedResponseError):
        await run(place, subjects)


async def test_a_disabled_account_goes_on_with_basic_and_not_with_ntlm(place: Place) -> None:
    assert await run(place, subjects) == []
    place.organisation.directory.disable("alice")
    place.wait(14 * MINUTE)
    assert await run(place, subjects) == []
    with pytest.raises(ews_errors.UnauthorizedError):
        await run(place, subjects, auth_type=NTLM)
    place.organisation.recycle("ex01", Pool.SERVICES)
    with pytest.raises(ews_errors.UnauthorizedError):
        await run(place, subjects)


async def test_a_delegate_needs_a_right(place: Place) -> None:
    place.organisation.deliver("x@out.example", "bob@corp.example", "for bob", "")
    with pytest.raises(ews_errors.ErrorAccessDenied):
        await run(place, subjects, address="bob@corp.example")
    place.organisation.set_permission("bob", "alice@corp.example", ["FullAccess"])
    assert await run(place, subjects, address="bob@corp.example") == ["for bob"]
    with pytest.raises(ews_errors.ErrorNonExistentMailbox):
        await run(place, subjects, address="nobody@corp.example")


async def test_a_delegate_of_one_folder_sees_no_other(place: Place) -> None:
    place.bob.folder_permissions["Calendar"] = {"alice@corp.example": ("Reviewer",)}

    def look(account: Account) -> str:
        assert account.calendar.name == "Calendar"
        return str(account.inbox.name)

    with pytest.raises(ews_errors.ErrorFolderNotFound):
        await run(place, look, address="bob@corp.example")
