# SPDX-License-Identifier: Apache-2.0
"""What a client that is logged in may ask of its mailbox. No I/O. Spec: RFC 3501 section 6.3, 6.4.

Folders can be read, marked, filled and emptied; they are neither made nor removed here.
"""

from __future__ import annotations

import re
import uuid
from collections.abc import Callable, Iterable, Iterator
from typing import Final

from msgspec.structs import replace

from evict.lab.mail import imap_fetch, rendering, uids
from evict.lab.mail.imap_search import Place, search
from evict.lab.mail.imap_syntax import (
    BadCommand,
    Command,
    Quoted,
    Token,
    astring,
    decode_name,
    encode_name,
    numbers,
    quote,
)
from evict.lab.mail.imap_view import View
from evict.lab.model.mailbox import Mailbox, Message

_ALL_FLAGS: Final = " ".join(uids.FLAGS)
_STATUS: Final = ("MESSAGES", "RECENT", "UIDNEXT", "UIDVALIDITY", "UNSEEN")
_KEYWORD: Final = re.compile(r"\\?[A-Za-z0-9$_.-]{1,64}\Z")
_MAX_FLAGS: Final = 32

Handler = Callable[[Command], Iterable[bytes]]


class Refused(Exception):
    """Understood, and not done: a NO."""

    def __init__(self, text: str) -> None:
        super().__init__(text)
        self.text = text


class Commands:
    """Of one connection. `code` is the response code that goes with the last OK."""

    def __init__(self, box: Mailbox, now: Callable[[], float]) -> None:
        self.box = box
        self._now = now
        self.code = ""
        self._view: View | None = None
        self._handlers: dict[str, Handler] = {
            "LIST": self._list,
            "LSUB": self._list,
            "XLIST": self._list,
            "STATUS": self._status,
            "SELECT": self._select,
            "EXAMINE": self._select,
            "SUBSCRIBE": self._nothing,
            "UNSUBSCRIBE": self._nothing,
            "NAMESPACE": self._namespace,
            "APPEND": self._append,
            "CHECK": self._nothing,
            "CLOSE": self._close,
            "UNSELECT": self._unselect,
            "FETCH": self._fetch,
            "STORE": self._store,
            "SEARCH": self._search,
            "COPY": self._copy,
            "EXPUNGE": self._expunge,
            "CREATE": self._never,
            "DELETE": self._never,
            "RENAME": self._never,
        }

    def run(self, command: Command) -> Iterator[bytes]:
        """Untagged data. Raises `Refused` or `BadCommand`."""
        self.code = ""
        handler = self._handlers.get(command.name)
        uids_too = ("FETCH", "STORE", "SEARCH", "COPY", "EXPUNGE")
        if handler is None or (command.uid and command.name not in uids_too):
            raise BadCommand("a command that is not known")
        yield from handler(command)

    def news(self, *, expunges: bool) -> list[bytes]:
        return [] if self._view is None else self._view.news(expunges=expunges)

    def close(self) -> None:
        self._view = None

    # --- folders ---
    def _folder(self, token: Token) -> str:
        wanted = decode_name(astring(token)).casefold()
        found = next((name for name in self.box.folders if name.casefold() == wanted), None)
        if found is None:
            raise Refused("[NONEXISTENT] there is no such folder.")
        return found

    def _list(self, command: Command) -> Iterator[bytes]:
        reference, pattern = (astring(a) for a in _take(command, 2))
        if not pattern:
            yield b'* %s (\\Noselect) "/" ""\r\n' % command.name.encode()
            return
        wanted = _pattern(decode_name(reference) + decode_name(pattern))
        for name in self.box.folders:
            shown = "INBOX" if name == "Inbox" else name
            if wanted.match(shown):
                flags = b"\\HasNoChildren" if command.name != "LSUB" else b""
                listed = quote(encode_name(shown))
                yield b'* %s (%s) "/" %s\r\n' % (command.name.encode(), flags, listed)

    def _status(self, command: Command) -> Iterator[bytes]:
        name, items = _take(command, 2)
        view = View(self.box, self._folder(name), read_only=True)
        if not isinstance(items, list):
            raise BadCommand("a list of what to tell")
        unseen = sum(uids.SEEN not in place.given.flags for place in view.places())
        known = dict(
            zip(
                _STATUS,
                (view.exists, 0, view.uids.next, view.uids.validity, unseen),
                strict=True,
            )
        )
        asked = [astring(item).upper() for item in items]
        if not set(asked) <= set(_STATUS):
            raise BadCommand("a status item that is not known")
        told = " ".join(f"{item} {known[item]}" for item in asked)
        yield b"* STATUS %s (%s)\r\n" % (quote(astring(name)), told.encode())

    def _select(self, command: Command) -> Iterator[bytes]:
        self._view = None
        folder = self._folder(_take(command, 1)[0])
        read_only = command.name == "EXAMINE"
        self._view = view = View(self.box, folder, read_only=read_only)
        permanent = "" if read_only else f"{_ALL_FLAGS} \\*"
        yield b"* %d EXISTS\r\n* 0 RECENT\r\n" % view.exists
        yield f"* FLAGS ({_ALL_FLAGS})\r\n".encode()
        yield f"* OK [PERMANENTFLAGS ({permanent})] Permanent flags\r\n".encode()
        if view.first_unseen is not None:
            yield b"* OK [UNSEEN %d] Is the first unseen message\r\n" % view.first_unseen
        yield b"* OK [UIDVALIDITY %d] UIDVALIDITY value\r\n" % view.uids.validity
        yield b"* OK [UIDNEXT %d] The next unique identifier value\r\n" % view.uids.next
        self.code = "[READ-ONLY] " if read_only else "[READ-WRITE] "

    def _namespace(self, command: Command) -> Iterator[bytes]:
        del command
        yield b'* NAMESPACE (("" "/")) NIL NIL\r\n'

    def _nothing(self, command: Command) -> Iterator[bytes]:
        del command
        return iter(())

    def _never(self, command: Command) -> Iterator[bytes]:
        raise Refused(f"{command.name} is not done here.")

    def _append(self, command: Command) -> Iterator[bytes]:
        """Keep what the model keeps of a mail: a client puts what it sent here."""
        name, *others = command.arguments or ("",)
        content = others[-1] if others else ""
        if not isinstance(content, Quoted):
            raise BadCommand("a folder and a message")
        folder = self._folder(name)
        flags = next((_flags(token) for token in others if isinstance(token, list)), frozenset())
        mail = rendering.parse(content.octets)
        message = Message(
            id=uuid.uuid4().hex,
            sender=mail.sender or self.box.primary,
            to=mail.to,
            subject=mail.subject,
            body=mail.body,
            received=self._now(),
            read=uids.SEEN in flags,
        )
        self.box.put(folder, message)
        held = uids.folder_of(self.box, folder)
        held.listed(self.box.messages[folder])
        held.flags[held.of[message.id]] = set(flags) - {uids.SEEN}
        self.code = f"[APPENDUID {held.validity} {held.of[message.id]}] "
        return iter(())

    # --- the folder that is selected ---
    def _selected(self, *, to_write: bool = False) -> View:
        if self._view is None:
            raise BadCommand("no folder is selected")
        if to_write and self._view.read_only:
            raise Refused("[READ-ONLY] the folder was opened to be read.")
        return self._view

    def _close(self, command: Command) -> Iterator[bytes]:
        view = self._selected()
        if not view.read_only:
            list(self._expunge(command))
        return self._unselect(command)

    def _unselect(self, command: Command) -> Iterator[bytes]:
        del command
        self._selected()
        self._view = None
        return iter(())

    def _chosen(self, command: Command, view: View, token: Token) -> list[Place]:
        highest = view.highest
        wanted = numbers(token, highest.uid if command.uid else highest.number)
        places = view.places()
        return [p for p in places if (p.given.uid if command.uid else p.number) in wanted]

    def _fetch(self, command: Command) -> Iterator[bytes]:
        view = self._selected()
        chosen, asked = _take(command, 2)
        items = imap_fetch.items_of(asked, uid=command.uid)
        marks = any(item.seen for item in items) and not view.read_only
        for place in self._chosen(command, view, chosen):
            given = place.given
            shown = items
            if marks and uids.SEEN not in given.flags:
                view.set_flags(place, given.flags | {uids.SEEN})
                given = view.now(place).given
                if not any(item.name == b"FLAGS" for item in items):
                    shown = [*items, *imap_fetch.items_of("FLAGS", uid=False)]
            yield b"* %d FETCH %s\r\n" % (place.number, imap_fetch.fetch(given, shown))

    def _store(self, command: Command) -> Iterator[bytes]:
        view = self._selected(to_write=True)
        if len(command.arguments) < 3:
            raise BadCommand("too few arguments")
        chosen, how, *tokens = command.arguments
        word = astring(how).upper()
        silent = word.endswith(".SILENT")
        word = word.removesuffix(".SILENT")
        if word not in ("FLAGS", "+FLAGS", "-FLAGS"):
            raise BadCommand("flags to store")
        given = _flags(tokens[0] if isinstance(tokens[0], list) else tokens)
        for place in self._chosen(command, view, chosen):
            held = place.given.flags
            new = {"+": held | given, "-": held - given}.get(word[0], given)
            if len(new) > _MAX_FLAGS:
                raise Refused("[LIMIT] too many flags.")
            if new != held:
                view.set_flags(place, frozenset(new))
            after = view.now(place)
            if not silent:
                items = imap_fetch.items_of("FLAGS", uid=command.uid)
                yield b"* %d FETCH %s\r\n" % (place.number, imap_fetch.fetch(after.given, items))

    def _search(self, command: Command) -> Iterator[bytes]:
        view = self._selected()
        test = search(command.arguments, view.highest)
        found = [place for place in view.places() if test(place)]
        shown = (place.given.uid if command.uid else place.number for place in found)
        yield b"* SEARCH" + b"".join(b" %d" % number for number in shown) + b"\r\n"

    def _copy(self, command: Command) -> Iterator[bytes]:
        view = self._selected()
        chosen, name = _take(command, 2)
        folder = self._folder(name)
        for place in self._chosen(command, view, chosen):
            self.box.put(folder, replace(place.given.message, id=uuid.uuid4().hex))
        return iter(())

    def _expunge(self, command: Command) -> Iterator[bytes]:
        view = self._selected(to_write=True)
        places = list(view.places())
        if command.uid:
            places = self._chosen(command, view, _take(command, 1)[0])
        gone = {p.given.message.id for p in places if "\\Deleted" in p.given.flags}
        if gone:
            uids.remove(self.box, view.folder, gone)
        return iter(())


def _take(command: Command, count: int) -> tuple[Token, ...]:
    if len(command.arguments) != count:
        raise BadCommand(f"{count} arguments")
    return command.arguments


def _flags(token: Token) -> frozenset[str]:
    """Raises `BadCommand`. System flags in the case in which they are told."""
    known = {flag.lower(): flag for flag in uids.FLAGS}
    given = [astring(t) for t in (token if isinstance(token, list) else [token])]
    for flag in given:
        if not _KEYWORD.match(flag) or (flag.startswith("\\") and flag.lower() not in known):
            raise BadCommand("a flag that is none")
    return frozenset(known.get(flag.lower(), flag) for flag in given)


def _pattern(text: str) -> re.Pattern[str]:
    """`*` is anything, `%` anything within one level (RFC 3501 section 6.3.8)."""
    parts = re.split(r"([*%]+)", text[:500])
    signs = {"*": ".*", "%": "[^/]*"}
    out = [
        signs["*" if "*" in part else "%"] if part[:1] in signs else re.escape(part)
        for part in parts
    ]
    return re.compile("".join(out) + r"\Z", re.IGNORECASE | re.DOTALL)
