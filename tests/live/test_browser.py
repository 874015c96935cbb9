# SPDX-License-Identifier: Apache-2.0
"""A person in a real browser who leaves in the middle of writing a message.

What they and somebody else see lies as pictures in build/browser.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING
from uuid import uuid4

import pytest

from estate import mailbox, people
from estate.clients.web_doors import use_first
from estate.people import Person
from estate.product import Product

pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
if TYPE_CHECKING:
    from playwright.sync_api import Browser

from tests.live import browser_pages
from tests.live.browser_pages import RoundcubePages, SogoPages, WebMail

pytestmark = [
    pytest.mark.live,
    pytest.mark.timeout(300),  # SOGo's pages take a busy machine many seconds each
    pytest.mark.skipif(
        not browser_pages.CHROMIUM.exists(), reason="Debian's chromium is not installed"
    ),
]

FIRST = "Your contract"


@pytest.fixture
def browser(web_product: Product) -> Iterator[Browser]:
    with browser_pages.browser(web_product.layout) as running:
        yield running


@pytest.fixture
def leaver(web_product: Product) -> Person:
    return somebody(web_product, "leaver")


@pytest.fixture
def colleague(web_product: Product) -> Person:
    return somebody(web_product, "colleague")


def somebody(product: Product, name: str) -> Person:
    made = people.create(product.layout, f"{name}-{uuid4().hex[:6]}")
    use_first(product.layout, [made])
    mailbox.deliver(product.layout, made, FIRST)
    return made


def reading(browser: Browser, person: Person) -> tuple[WebMail, ...]:
    """Both web mails in one browser of their own, the first mail open."""
    own = browser.new_context(ignore_https_errors=True, locale="en-US")
    opened = tuple(web(own.new_page(), person) for web in (SogoPages, RoundcubePages))
    for web in opened:
        web.read(FIRST)
    return opened


def write(opened: Sequence[WebMail], to: Person) -> list[str]:
    """The subject of what is begun in each."""
    subjects = [f"Farewell from {web.name}" for web in opened]
    for web, subject in zip(opened, subjects, strict=True):
        web.write(to, subject)
    return subjects


def pictures(opened: Sequence[WebMail], what: str) -> None:
    browser_pages.PICTURES.mkdir(parents=True, exist_ok=True)
    for web in opened:
        web.picture(what)


def test_revoked_while_writing_a_message_cannot_be_sent_and_the_next_page_is_the_sign_in(
    web_product: Product, browser: Browser, leaver: Person, colleague: Person
) -> None:
    layout = web_product.layout
    others = reading(browser, colleague)
    pictures(others, "1-colleague-reads")
    opened = reading(browser, leaver)
    pictures(opened, "1-leaver-reads")
    subjects = write(opened, colleague)
    pictures(opened, "2-leaver-writes")

    told = web_product.run("revoke", leaver.upn, "--reason", "left")
    assert told.returncode == 0, told.stdout + told.stderr

    for web in opened:
        assert web.press_send().status == 403
        web.shows_failure()
        pictures([web], "3-leaver-pressed-send")
        web.give_up()
        web.asks_to_sign_in()
        pictures([web], "4-leaver-next-page")
    later = f"Lunch {uuid4().hex[:6]}"
    mailbox.deliver(layout, colleague, later)
    assert leaver.mail not in mailbox.queued(layout)
    assert not set(subjects) & set(mailbox.subjects(layout, colleague))
    for web in others:
        web.page.reload()
        web.read(later)
    pictures(others, "5-colleague-reads-on")


def test_only_disabled_the_same_person_sends_what_was_begun(
    web_product: Product, browser: Browser, leaver: Person, colleague: Person
) -> None:
    """What is missing above without Evict: so the test above can fail."""
    opened = reading(browser, leaver)
    subjects = write(opened, colleague)
    people.disable(web_product.layout, leaver)
    for web, subject in zip(opened, subjects, strict=True):
        assert web.press_send().status == 200
        mailbox.wait_for_mail(web_product.layout, colleague, subject)
    pictures(opened, "3-only-disabled-sent")
