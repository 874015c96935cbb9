# SPDX-License-Identifier: Apache-2.0
"""Pages for people: plain HTML that works without scripts. Everything shown is escaped."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime
from html import escape
from typing import Final
from urllib.parse import quote

from msgspec import Struct

from evict.lab.model.mailbox import Mailbox, Message

_STYLE: Final = """
body{font:15px/1.5 "Segoe UI",system-ui,sans-serif;margin:0;color:#222;background:#f4f6f9}
header{background:#0a5ca8;color:#fff;padding:.6rem 1.2rem;display:flex;gap:1.2rem;flex-wrap:wrap}
header a{color:#fff}header .who{margin-left:auto}h1{font-size:1.3rem;margin:.2rem 0 1rem}
main{max-width:56rem;margin:1.2rem auto;background:#fff;padding:1.2rem;border:1px solid #d8dee6}
table{border-collapse:collapse;width:100%}td,th{padding:.35rem .5rem;text-align:left}
tr{border-bottom:1px solid #e5e9ef}tr.unread a,tr.unread td{font-weight:600}
td:last-child{white-space:nowrap}label{display:block;margin:.6rem 0 .2rem}
input[type=text],input[type=password],textarea{width:100%;padding:.4rem;
box-sizing:border-box;font:inherit;border:1px solid #b8c2ce}textarea{min-height:12rem}
button{font:inherit;padding:.4rem 1.2rem;background:#0a5ca8;color:#fff;border:0;margin-top:.8rem}
.err{background:#fdecea;border-left:4px solid #b3261e;padding:.6rem 1rem}
.note{background:#fff6dd;border-left:4px solid #c98a00;padding:.6rem 1rem}
pre{white-space:pre-wrap;overflow-wrap:anywhere;font:inherit}dt{float:left;width:5rem;color:#567}
dd{margin:0 0 .2rem 5rem}
"""
_REASONS: Final = {
    "1": "You have signed out.",
    "2": "The user name or password you entered isn't correct. Try entering it again.",
    "3": "Your session has timed out. Sign in again.",
}
_NO_SUBJECT: Final = "(no subject)"
SHOWN: Final = ("Inbox", "Sent Items", "Drafts", "Deleted Items")


class View(Struct, frozen=True, kw_only=True, eq=False):
    """One mailbox as one browser has it open.

    Attributes:
        base: address of its pages, `/owa/` or, of somebody else's, `/owa/address/`.
        folders: those that are shown.
    """

    box: Mailbox
    base: str
    canary: str
    folders: tuple[str, ...] = SHOWN

    def link(self, query: str) -> str:
        return escape(f"{self.base}?{query}")

    def folder(self, name: str) -> str:
        return self.link(f"ae=Folder&fld={quote(name)}")


class Draft(Struct, frozen=True):
    """What a form holds that is shown again."""

    to: str = ""
    subject: str = ""
    body: str = ""


def _page(title: str, body: str, view: View | None = None) -> bytes:
    bar = "<strong>Outlook (lab)</strong>"
    if view is not None:
        links = "".join(
            f'<a href="{view.folder(name)}">{escape(name)}</a>' for name in view.folders
        )
        new = view.link("ae=Item&a=New")
        bar += (
            f'{links}<a href="{new}">New message</a>'
            f'<span class="who">{escape(view.box.display_name)}</span>'
            '<a href="/owa/logoff.owa">Sign out</a>'
        )
    return (
        '<!doctype html><html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width,initial-scale=1">'
        f"<title>{escape(title)}</title><style>{_STYLE}</style></head>"
        f"<body><header>{bar}</header><main>{body}</main></body></html>"
    ).encode("utf-8", "replace")


def login(destination: str, reason: str) -> bytes:
    """The form; posts to `/owa/auth.owa`."""
    said = _REASONS.get(reason, "")
    note = f'<p class="note" id="signInNote">{escape(said)}</p>' if said else ""
    return _page(
        "Outlook",
        f"""<h1>Sign in</h1>{note}
<form method="post" action="/owa/auth.owa">
<input type="hidden" name="destination" value="{escape(destination)}">
<input type="hidden" name="forcedownlevel" value="0">
<input type="hidden" name="passwordText" value=""><input type="hidden" name="isUtf8" value="1">
<label for="username">User name</label>
<input type="text" id="username" name="username" autocomplete="username" required autofocus>
<label for="password">Password</label>
<input type="password" id="password" name="password" autocomplete="current-password" required>
<label><input type="checkbox" name="flags" value="4" checked> This is a private computer</label>
<input type="hidden" name="flags" value="0">
<button>Sign in</button></form>""",
    )


def listing(view: View, folder: str, messages: Iterable[Message]) -> bytes:
    """Newest first; in what one sent oneself, whom it went to."""
    sent = folder == "Sent Items"
    rows = "".join(_row(view, folder, m, ", ".join(m.to) if sent else m.sender) for m in messages)
    who, when = ("To", "Sent") if sent else ("From", "Received")
    head = f"<tr><th>{who}</th><th>Subject</th><th>{when} (UTC)</th></tr>"
    table = f'<table id="mails">{head}{rows}</table>' if rows else "<p>Nothing here.</p>"
    return _page(folder, f"<h1>{escape(folder)}</h1>{table}", view)


def _row(view: View, folder: str, message: Message, other: str) -> str:
    named = quote(message.id, safe="")
    link = view.link(f"ae=Item&a=Open&fld={quote(folder)}&id={named}")
    seen = message.read or folder == "Sent Items"
    weight = "" if seen else ' class="unread"'
    subject = escape(message.subject or _NO_SUBJECT)
    return (
        f"<tr{weight}><td>{escape(other)}</td>"
        f'<td><a href="{link}">{subject}</a></td><td>{_moment(message.received)}</td></tr>'
    )


def _moment(at: float) -> str:
    return f"{datetime.fromtimestamp(at, UTC):%d %b %Y %H:%M}"


def read(view: View, message: Message) -> bytes:
    subject = message.subject or _NO_SUBJECT
    facts = {
        "From": message.sender,
        "To": ", ".join(message.to),
        "Received": _moment(message.received),
    }
    told = "".join(f"<dt>{name}</dt><dd>{escape(value)}</dd>" for name, value in facts.items())
    body = f"<h1>{escape(subject)}</h1><dl>{told}</dl><hr><pre>{escape(message.body)}</pre>"
    answer = view.link("ae=Item&a=New&to=" + quote(message.sender, safe=""))
    return _page(subject, f'{body}<p><a href="{answer}">Answer</a></p>', view)


def compose(view: View, draft: Draft, said: str = "") -> bytes:
    note = f'<p class="note">{escape(said)}</p>' if said else ""
    action = view.link("ae=Item&a=Send")
    # A line break right after <textarea> is not part of its text.
    return _page(
        "New message",
        f"""<h1>New message</h1>{note}<form method="post" action="{action}">
<input type="hidden" name="canary" value="{escape(view.canary)}">
<label for="to">To</label><input type="text" id="to" name="to" value="{escape(draft.to)}" required>
<label for="subject">Subject</label>
<input type="text" id="subject" name="subject" value="{escape(draft.subject)}">
<label for="body">Message</label><textarea id="body" name="body">
{escape(draft.body)}</textarea>
<button>Send</button></form>""",
        view,
    )


def sent(view: View, to: Iterable[str]) -> bytes:
    names = escape(", ".join(to))
    text = f'<h1>Sent</h1><p id="sent">Your message to {names} was sent.</p>'
    return _page("Sent", text, view)


def calendar(box: Mailbox) -> bytes:
    """Of whoever publishes it; nothing of its content is modelled."""
    title = f"Calendar of {box.display_name}"
    return _page(title, f"<h1>{escape(title)}</h1><p>{escape(box.calendar.detail_level)}</p>")


def error(words: str) -> bytes:
    """Served with a status that says nothing: the refusal is what the page shows."""
    body = f'<div class="err" id="errorInfo"><h1>Something went wrong</h1><p>{escape(words)}</p>'
    again = '<p><a href="/owa/">Try again</a> <a href="/owa/logoff.owa">Sign out</a></p>'
    return _page("Error", f"{body}</div>{again}")
