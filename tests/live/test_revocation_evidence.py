# SPDX-License-Identifier: Apache-2.0
"""What a third party gets: evidence that verifies with the public key alone, and no secret."""

from __future__ import annotations

import json
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from uuid import uuid4

import pytest

from estate import layout as at
from estate import mailbox, people
from estate.clients.sessions import plain
from estate.clients.ticket_file import take_ticket
from estate.people import Person
from estate.product import CONTROL_USER, Product, public_key
from estate.run_as import EVICT
from evict.evidence.keys import load_probe_key
from tests.live.told import Told, derived, evict, found_in, reinstate, revoke

pytestmark = pytest.mark.live


def verify(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """In a folder with nothing else, without a network, a configuration or an environment."""
    return subprocess.run(
        ["unshare", "--net", *EVICT, "verify", *arguments],
        capture_output=True,
        text=True,
        check=False,
        cwd=folder,
        env={"PATH": "/usr/bin:/bin"},
        timeout=60,
    )


@pytest.fixture(scope="module")
def revoked(product: Product) -> Told:
    told = revoke(product, people.create(product.layout, f"proven-{uuid4().hex[:8]}"), "--witness")
    assert (told.code, told.report["signed"]) == (0, True)
    return told


@pytest.fixture
def kept(product: Product, revoked: Told, tmp_path: Path) -> Path:
    """A folder with the evidence of a revocation and the public key."""
    shutil.copyfile(revoked.report["evidence"], tmp_path / "evidence.json")
    shutil.copyfile(public_key(product.layout), tmp_path / "evidence.pub")
    return tmp_path


def test_evidence_verifies_with_the_public_key_alone_and_says_what_it_rests_on(
    kept: Path, revoked: Told
) -> None:
    told = verify(kept, "evidence.json", "--key", "evidence.pub", "--json")
    assert told.returncode == 0, told.stderr
    said = json.loads(told.stdout)
    assert (said["result"], said["verdict"]) == ("valid", "shut")
    assert said["case"]["label"] == revoked.report["label"]
    rests = {line["door"]: set(line["rests_on"]) for line in said["proven"]}
    assert len(rests) >= 10
    assert all(rests.values()), "no verdict rests on nothing"
    for door in ("dovecot/imap", "dovecot/pop3", "dovecot/managesieve"):
        assert rests[f"{door}/session"] == {"witness", "list"}
        assert rests[f"{door}/password"] == {"hook", "negative-login"}
    assert rests["postfix/submission/session"] == {"hook", "witness"}
    not_provable = {line["door"] for line in said["not_provable"]}
    assert {"dovecot/device/copy", "directory/kerberos/ticket"} <= not_provable
    people_read = verify(kept, "evidence.json", "--key", "evidence.pub")
    assert "rests on" in people_read.stdout
    assert people_read.returncode == 0


@pytest.mark.parametrize("share", [0.2, 0.5, 0.98])
def test_evidence_with_one_byte_flipped_is_invalid(kept: Path, share: float) -> None:
    file = kept / "evidence.json"
    raw = bytearray(file.read_bytes())
    at_byte = round(len(raw) * share)
    raw[at_byte] ^= 0x01
    file.write_bytes(raw)
    told = verify(kept, "evidence.json", "--key", "evidence.pub", "--json")
    assert told.returncode == 1, told.stdout
    assert json.loads(told.stdout)["result"] == "invalid"


def test_evidence_cannot_be_told_with_another_key_or_with_none(kept: Path) -> None:
    subprocess.run([*EVICT, "key", "init", "--folder", str(kept / "other")], check=True)
    other = str(kept / "other" / "evidence.pub")
    told = verify(kept, "evidence.json", "--key", other, "--json")
    assert (told.returncode, json.loads(told.stdout)["result"]) == (4, "untold")
    assert verify(kept, "evidence.json", "--key", "missing.pub").returncode == 4


def test_no_secret_stands_in_logs_in_evidence_in_the_ledger_or_in_what_commands_print(
    product: Product, leaver: Person, addresses: Iterator[str]
) -> None:
    layout = product.layout
    mailbox.redirect(layout, leaver, people.person("grace"), next(addresses))
    ticket = take_ticket(layout, leaver, owner=CONTROL_USER)
    printed = [
        product.run(*command.split())
        for command in (
            f"doors {leaver.upn} --json",
            f"plan {leaver.upn} --json",
            f"revoke {leaver.upn} --dry-run --json",
            f"revoke {leaver.upn} --witness --hold-queue --json --witness-ccache {ticket}",
            f"revoke {leaver.upn} --witness",
            "status --json",
            f"status {leaver.upn} --json",
            "exposure --json",
            "doctor --json",
            "config show --json",
            "config check --json",
            f"ledger show {leaver.upn} --json",
            "ledger verify --json",
        )
    ]
    for done in printed:
        if "--json" in done.args:
            assert json.loads(done.stdout), done.args
    account = json.loads(printed[0].stdout)["account"]
    back, fresh = reinstate(product, leaver)
    assert back.code == 0
    passwords = [leaver.password, fresh, *derived(product, account, 1)]
    probe_key = layout.config.parent / "keys" / "probe.key"
    words = [
        *passwords,
        *(plain(leaver.name, password) for password in passwords),
        *(at.DOVEADM_KEY, at.POLICY_KEY, at.EVICT_PASSWORD, at.MASTER_PASSWORD),
        load_probe_key(probe_key).hex(),
        probe_key.read_text().strip(),
    ]
    said = (
        "".join(done.stdout + done.stderr for done in printed) + json.dumps(back.data) + back.talk
    )
    assert [word for word in words if word in said] == []
    folder = layout.config.parent
    files = [
        *folder.joinpath("evidence").iterdir(),
        *folder.joinpath("ledger").iterdir(),
        *layout.logs.glob("evict-*.log"),
    ]
    assert len(files) > 3
    assert found_in(files, words) == set()
    assert found_in([probe_key], words), "the twin: it would have been found"
    assert evict(product, "status", leaver.upn).data["accounts"][0]["state"] == "reinstated"
