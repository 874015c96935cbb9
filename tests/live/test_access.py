# SPDX-License-Identifier: Apache-2.0
"""The command line as real other users of this host, against one control plane."""

from __future__ import annotations

import asyncio
import grp
import json
import os
import pwd
import shutil
import subprocess
import tempfile
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any, Final

import pytest
from msgspec import structs

from estate.run_as import EVICT, as_user
from evict.config.access import AccessSection
from evict.control.access.server import ControlServer
from evict.control.service import ControlService
from tests.fault.control.town import UPN, Town, town

HOST: Final = "127.166.4.1"


def _exists(group: str) -> bool:
    try:
        grp.getgrnam(group)
        pwd.getpwnam("nobody")
    except KeyError:
        return False
    return True


pytestmark = pytest.mark.skipif(
    os.geteuid() != 0 or not _exists("evict") or not shutil.which("setpriv"),
    reason="becoming other users needs root, and the group evict of an installation",
)


@pytest.fixture
def folder() -> Iterator[Path]:
    """Open to every user, as the folders of a test run are not."""
    made = Path(tempfile.mkdtemp(prefix="evict-access-"))
    made.chmod(0o755)
    yield made
    shutil.rmtree(made)


class Place:
    """One control plane on a socket that everybody may connect to, so that roles alone decide."""

    def __init__(self, folder: Path, service: ControlService) -> None:
        self.folder = folder
        self.service = service
        self.socket = folder / "control.sock"
        self.config = folder / "evict.toml"

    def token_file(self, text: str, owner: str = "nobody") -> Path:
        file = self.folder / "token"
        file.write_text(text)
        file.chmod(0o600)
        shutil.chown(file, owner)
        return file

    async def run(
        self, *arguments: str, user: str = "nobody", group: str = "nogroup"
    ) -> subprocess.CompletedProcess[str]:
        """`evict ...` as this user, in this group and no other."""
        drop = ["setpriv", f"--reuid={user}", f"--regid={group}", "--clear-groups"]
        return await asyncio.to_thread(
            subprocess.run,
            as_user("root", [*drop, *EVICT, *arguments]),
            capture_output=True,
            text=True,
            check=False,
            timeout=60,
            cwd="/",
            env={
                "PATH": os.environ["PATH"],
                "EVICT_CONFIG": str(self.config),
                "PYTHONDONTWRITEBYTECODE": "1",
            },
        )

    def audited(self) -> list[dict[str, Any]]:
        raw = self.service.audit._file.path.read_bytes()
        return [json.loads(line) for line in raw.splitlines()]


@pytest.fixture
async def place(tmp_path: Path, folder: Path) -> AsyncIterator[Place]:
    async with town(tmp_path, HOST) as built:
        access = AccessSection(approvers=(), auditors=("games",), viewers=("@games",))
        built.config = structs.replace(built.config, access=access)
        async with built.serving() as service:
            made = Place(folder, service)
            made.config.write_text(_settings(built, made.socket))
            server = ControlServer(made.socket, service.answer, service.access, mode=0o666)
            await server.start()
            yield made
            await service.settle()
            await server.stop()


def _settings(built: Town, socket: Path) -> str:
    """What the command line needs of the configuration: where to ask."""
    directory = built.config.directory
    return f"""
[control]
socket = "{socket}"
[directory]
servers = ["{directory.servers[0]}"]
base_dn = "{directory.base_dn}"
bind_user = "evict"
password_file = "/nowhere"
"""


async def test_whoever_is_in_the_group_evict_closes_by_the_default_and_no_more(
    place: Place,
) -> None:
    closed = await place.run("revoke", UPN, "--reason", "left", "--json", group="evict")
    assert closed.returncode in (0, 3, 4), closed.stderr
    assert place.service._parts.ledger.head.seq == 1
    for command in ("token list", "ledger verify", "audit show", f"reinstate {UPN}"):
        refused = await place.run(*command.split(), group="evict")
        assert refused.returncode == 77, command
        assert "it needs the role" in refused.stderr
        assert "has only operator" in refused.stderr
    assert (await place.run("status", group="evict")).returncode == 0
    records = place.audited()
    orders = [r for r in records if not r["what"].startswith("news.")]
    assert {r["who"] for r in orders} == {"uid:65534(nobody)"}
    assert [r["result"] for r in records if r["what"] == "revoke"] == ["done"]
    assert sorted(r["what"] for r in records if r["result"] == "refused") == [
        "audit.show",
        "ledger.verify",
        "reinstate",
        "token-list",
    ]


async def test_whoever_has_no_role_may_not_even_look(place: Place) -> None:
    for command in (f"revoke {UPN}", f"revoke {UPN} --dry-run", "status"):
        refused = await place.run(*command.split())
        assert refused.returncode == 77
        assert "uid:65534(nobody) may not do this" in refused.stderr
        assert "has no role" in refused.stderr
    assert place.service._parts.ledger.head.seq == 0


async def test_a_viewer_and_auditor_looks_and_reads(place: Place) -> None:
    for command in ("status", "ledger verify", f"revoke {UPN} --dry-run", "audit show"):
        done = await place.run(*command.split(), user="games", group="games")
        assert done.returncode == 0, (command, done.stderr)
    refused = await place.run("revoke", UPN, user="games", group="games")
    assert refused.returncode == 77
    verified = await place.run("audit", "verify", "--json", user="games", group="games")
    assert json.loads(verified.stdout)["last"] == 2  # what was shown, and what was refused


async def test_a_token_is_worth_its_scopes_whoever_holds_it(place: Place) -> None:
    scope = ("--scope", "close", "--hours", "1", "--owner", "games")
    made = await place.run("token", "create", "personnel", *scope, user="root", group="root")
    assert made.returncode == 0, made.stderr
    text = made.stdout.strip()
    assert text.startswith("evict_")
    file = str(place.token_file(text))
    refused = await place.run("reinstate", UPN, "--token-file", file)
    assert refused.returncode == 77
    assert "token:personnel may not do this: it needs the role approver" in refused.stderr
    closed = await place.run("revoke", UPN, "--token-file", file)
    assert closed.returncode in (0, 3, 4), closed.stderr
    as_root = await place.run("token", "list", f"--token-file={file}", user="root", group="root")
    assert as_root.returncode == 77  # the token's roles alone
    listed = await place.run("token", "list", "--json", user="root", group="root")
    (token,) = json.loads(listed.stdout)["tokens"]
    assert (token["name"], token["owner"], token["scopes"]) == ("personnel", "games", ["close"])
    assert token["last_used"]
    ended = await place.run("token", "revoke", "personnel", user="root", group="root")
    assert ended.returncode == 0
    refused = await place.run("status", "--token-file", file)
    assert (refused.returncode, "revoked" in refused.stderr) == (77, True)
    audited = json.dumps(place.audited())
    by_token = [r for r in place.audited() if r["who"] == "token:personnel"]
    holders = {"unix socket, uid:65534(nobody)", "unix socket, uid:0(root)"}
    assert {r["from"] for r in by_token} == holders
    assert {r["result"] for r in by_token} == {"refused", "done"}
    assert text not in audited


async def test_a_typo_in_a_token_is_told(place: Place) -> None:
    file = str(place.token_file("evict_" + "a" * 56))
    refused = await place.run("status", "--token-file", file)
    assert refused.returncode == 77
    assert "typo" in refused.stderr
