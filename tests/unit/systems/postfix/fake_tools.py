# SPDX-License-Identifier: Apache-2.0
"""postqueue, postsuper and postconf as small scripts, found on a path of their own.

They print what Postfix 3.7 prints and keep the queue in a file.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

from evict.config.model import PostfixHook, PostfixSection

RECORDED = Path(__file__).with_name("recorded")
HOOK = PostfixHook(
    unix_socket=Path("/srv/mail/postfix/spool/evict/policy"), listen="192.0.2.1:10040"
)

_POSTQUEUE = """#!/bin/sh
[ "$1 $3" = "-c -j" ] || { echo "postqueue: fatal: usage" >&2; exit 1; }
cat "$(dirname "$0")/queue"
"""
_POSTCONF = """#!/bin/sh
echo "$@" >> "$(dirname "$0")/asked"
case "$3 $4" in
  "-x ") cat "$(dirname "$0")/main" ;;
  "-x -P") cat "$(dirname "$0")/options" ;;
  "-M ") cat "$(dirname "$0")/lines" ;;
  *) exit 1 ;;
esac
"""
_POSTSUPER = """#!{python}
import json, pathlib, sys
queue = pathlib.Path(__file__).with_name("queue")
if queue.with_name("no-root").exists():
    sys.exit("postsuper: fatal: use of this command is reserved for the superuser")
assert sys.argv[1] == "-c" and sys.argv[4] == "-", sys.argv
wanted = sys.stdin.read().split("\\n")[:-1]
hold = sys.argv[3] == "-h"
mails = [json.loads(line) for line in queue.read_text().splitlines()]
moved = 0
for mail in mails:
    if mail["queue_id"] in wanted and (mail["queue_name"] == "hold") != hold:
        mail["queue_name"] = "hold" if hold else "deferred"
        moved += 1
queue.write_text("".join(json.dumps(mail) + "\\n" for mail in mails))
word = "Placed on" if hold else "Released from"
if wanted:
    print(f"postsuper: {{word}} hold: {{moved}} message" + "s" * (moved != 1), file=sys.stderr)
"""


class FakePostfix:
    """The tools in a folder; `section` runs them through `env`."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        for name, text in (("postqueue", _POSTQUEUE), ("postconf", _POSTCONF)):
            self._tool(name, text)
        self._tool("postsuper", _POSTSUPER.format(python=sys.executable))
        for name, file in (("main", "x"), ("options", "x-P"), ("lines", "M")):
            self.say(name, (RECORDED / f"postconf-3.7-{file}.txt").read_text())
        self.queue([])

    def _tool(self, name: str, text: str) -> None:
        file = self.folder / name
        file.write_text(text)
        file.chmod(0o755)

    def say(self, name: str, text: str) -> None:
        """What a tool prints: "main", "options" or "lines" of postconf, the raw "queue"."""
        (self.folder / name).write_text(text)

    def change(self, name: str, before: str, after: str) -> None:
        text = (self.folder / name).read_text()
        assert before in text
        self.say(name, text.replace(before, after))

    def remove(self, name: str) -> None:
        (self.folder / name).unlink()

    def take_root_away(self) -> None:
        (self.folder / "no-root").touch()

    def queue(self, mails: list[tuple[str, str, str]]) -> None:
        """(queue name, id, sender) of each mail."""
        lines = [
            json.dumps({"queue_name": name, "queue_id": number, "sender": sender, "recipients": []})
            for name, number, sender in mails
        ]
        self.say("queue", "".join(f"{line}\n" for line in lines))

    def queued(self) -> dict[str, str]:
        """Id -> queue name."""
        lines = (self.folder / "queue").read_text().splitlines()
        mails: list[dict[str, Any]] = [json.loads(line) for line in lines]
        return {mail["queue_id"]: mail["queue_name"] for mail in mails}

    def section(self, *, hook: PostfixHook | None = HOOK, port: int = 587) -> PostfixSection:
        prefix = ("env", f"PATH={self.folder}:/usr/bin:/bin")
        return PostfixSection(
            host="mail.corp.test",
            submission_port=port,
            config_directory=Path("/etc/postfix"),
            command_prefix=prefix,
            hold_prefix=prefix,
            hook=hook,
        )
