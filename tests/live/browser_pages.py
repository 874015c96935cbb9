# SPDX-License-Identifier: Apache-2.0
"""What a person does in the pages of SOGo 5.8 and Roundcube 1.6, with Debian's chromium."""

from __future__ import annotations

import time
from abc import ABC, abstractmethod
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from playwright.sync_api import Browser, Locator, Page, Response, expect, sync_playwright

from estate.layout import HAPROXY, MAIL_HOST, Layout
from estate.people import Person

CHROMIUM: Final = Path("/usr/bin/chromium")
PICTURES: Final = Path(__file__).parents[2] / "build" / "browser"
_TEXT: Final = "All our customers, with what they pay."
_WAIT_MS: Final = 30_000.0
_STILL_S: Final = 1.5
_LOOKS: Final = 4
_LOOK_MS: Final = 250.0
_SOGO_WARNS: Final = "rgb(255, 87, 34)"
expect.set_options(timeout=_WAIT_MS)


@contextmanager
def browser(layout: Layout) -> Iterator[Browser]:
    """A browser that knows no host but the estate's. Root may not have chromium's sandbox."""
    hosts = f"--host-resolver-rules=MAP {MAIL_HOST} {layout.ip}, MAP * ~NOTFOUND"
    quiet = ("--disable-gpu", "--disable-background-networking", "--disable-component-update")
    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(
            executable_path=CHROMIUM, args=["--no-sandbox", hosts, *quiet]
        )
        try:
            yield chromium
        finally:
            chromium.close()


class WebMail(ABC):
    """One tab, signed in."""

    name: str
    path: str

    def __init__(self, page: Page, person: Person) -> None:
        self.page = page
        self.person = person
        page.set_default_timeout(_WAIT_MS)
        page.goto(f"https://{MAIL_HOST}:{HAPROXY}{self.path}")
        self.sign_in()

    def picture(self, what: str) -> None:
        """Taken once the page stands still: both fade what they show in and out."""
        until = time.monotonic() + _STILL_S
        before, now = b"", self.page.screenshot()
        while now != before and time.monotonic() < until:
            before, now = now, self.page.screenshot()
        (PICTURES / f"{self.name}-{what}.png").write_bytes(now)

    @abstractmethod
    def sign_in(self) -> None:
        """Fill in the login page and press Enter."""

    @abstractmethod
    def read(self, subject: str) -> None:
        """Open the mail of this subject and wait for its text."""

    @abstractmethod
    def write(self, to: Person, subject: str) -> None:
        """Begin a message; nothing is sent."""

    @abstractmethod
    def press_send(self) -> Response:
        """What came back for the message."""

    @abstractmethod
    def shows_failure(self) -> None:
        """Waits for the page to say that it was not sent."""

    @abstractmethod
    def give_up(self) -> None:
        """Leave the message for another page."""

    @abstractmethod
    def asks_to_sign_in(self) -> None:
        """Waits for the login page."""


class SogoPages(WebMail):
    name = "sogo"
    path = "/SOGo/"

    def sign_in(self) -> None:
        self.page.get_by_role("textbox", name="Username").fill(self.person.name)
        self.page.locator("input[type=password]").fill(self.person.password)
        self.page.keyboard.press("Enter")

    def read(self, subject: str) -> None:
        self.page.get_by_role("button", name=subject).first.click()
        expect(self.page.get_by_role("heading", name=subject)).to_be_visible()
        expect(self.page.get_by_text("Hello.")).to_be_visible()

    def write(self, to: Person, subject: str) -> None:
        new = "md-fab-actions button[ng-click='mailbox.newMessage($event)']:visible"
        self.page.locator("md-fab-trigger:visible button").click()
        self.page.locator(new).click()
        form = self.page.locator("md-dialog")
        form.get_by_label("Subject").fill(subject)
        recipients = form.locator("md-chips input:visible").first
        recipients.fill(to.mail)
        recipients.press("Enter")
        text = form.frame_locator("iframe.cke_wysiwyg_frame").locator("body[contenteditable=true]")
        self._type(text)

    def _type(self, text: Locator) -> None:
        """The editor may come up later than its frame, and empty it once more."""
        until = time.monotonic() + _WAIT_MS / 1000
        kept = 0
        while kept < _LOOKS:
            assert time.monotonic() < until, "the editor keeps no text"
            if text.inner_text().strip() == _TEXT:
                kept += 1
            else:
                text.fill(_TEXT)
                kept = 0
            self.page.wait_for_timeout(_LOOK_MS)

    def press_send(self) -> Response:
        with self.page.expect_response(lambda answer: answer.url.endswith("/send")) as sent:
            self.page.locator("md-dialog").get_by_role("button", name="Send").click()
        return sent.value

    def shows_failure(self) -> None:
        """Quirk: SOGo 5.8 covers the message with "!" and a button, and no word more."""
        form = self.page.locator("md-dialog")
        expect(form.get_by_role("button", name="Close", exact=True)).to_be_visible()
        expect(form.locator("sg-ripple")).to_have_css("background-color", _SOGO_WARNS)

    def give_up(self) -> None:
        self.page.reload()

    def asks_to_sign_in(self) -> None:
        """Quirk: SOGo 5.8 shows its name first, alone, the form behind the edge."""
        form = self.page.get_by_role("textbox", name="Username")
        expect(form).to_be_in_viewport(ratio=1)


class RoundcubePages(WebMail):
    name = "roundcube"
    path = "/roundcube/"

    def sign_in(self) -> None:
        self.page.locator("#rcmloginuser").fill(self.person.name)
        self.page.locator("#rcmloginpwd").fill(self.person.password)
        self.page.keyboard.press("Enter")

    def read(self, subject: str) -> None:
        self.page.get_by_role("link", name=subject).first.click()
        mail = self.page.frame_locator("#messagecontframe")
        expect(mail.locator("#message-header .subject")).to_contain_text(subject)
        expect(mail.locator("#messagebody")).to_contain_text("Hello.")

    def write(self, to: Person, subject: str) -> None:
        self.page.get_by_role("button", name="Compose").first.click()
        self.page.locator("#compose-subject").fill(subject)
        recipients = self.page.locator(".recipient-input input:visible").first
        recipients.fill(to.mail)
        recipients.press("Enter")
        self.page.locator("#composebody").fill(_TEXT)

    def press_send(self) -> Response:
        """Quirk: Roundcube 1.6 sends the form to an address that names no action."""
        with self.page.expect_response(lambda answer: "_unlock=" in answer.url) as sent:
            self.page.get_by_role("button", name="Send").click()
        return sent.value

    def shows_failure(self) -> None:
        """Quirk: Roundcube 1.6 takes the words away after some seconds."""
        expect(self.page.locator("#messagestack")).to_contain_text("Connection Error")

    def give_up(self) -> None:
        self.page.get_by_role("button", name="Mail").first.click()
        self.page.get_by_role("button", name="Discard").click()

    def asks_to_sign_in(self) -> None:
        expect(self.page.locator("#rcmloginuser")).to_be_visible()
