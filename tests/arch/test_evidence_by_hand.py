# SPDX-License-Identifier: Apache-2.0
"""The commands of docs/operate/evidence.md verify evidence without Evict, as they are printed."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from evict.evidence import dsse
from evict.evidence.keys import public_pem
from tests.arch.tree import ROOT

PAGE = ROOT / "docs" / "operate" / "evidence.md"
STATEMENT = ROOT / "tests" / "golden" / "evidence"
BLOCKS = re.findall(r"```sh\n(.*?)```", PAGE.read_text(), re.DOTALL)

pytestmark = pytest.mark.skipif(
    not (shutil.which("jq") and shutil.which("openssl")), reason="the page needs jq and openssl"
)


def by_hand(folder: Path, payload: bytes, *, spoil: bool) -> subprocess.CompletedProcess[str]:
    key = Ed25519PrivateKey.generate()
    envelope = dsse.sign(payload, key)
    if spoil:
        other = dsse.sign(payload.replace(b"shut", b"open"), Ed25519PrivateKey.generate())
        head = envelope.partition(b'"payloadType"')
        envelope = other.partition(b'"payloadType"')[0] + head[1] + head[2]
    (folder / "evidence.dsse.json").write_bytes(envelope)
    (folder / "evidence.pub").write_bytes(public_pem(key.public_key()))
    script = "set -eu\n" + "\n".join(BLOCKS)
    return subprocess.run(
        ["sh", "-c", script], cwd=folder, capture_output=True, text=True, check=False, timeout=60
    )


@pytest.fixture
def payload() -> bytes:
    (golden,) = STATEMENT.glob("*.json")
    return golden.read_bytes().rstrip(b"\n")


def test_the_printed_commands_verify_what_evict_signed(tmp_path: Path, payload: bytes) -> None:
    done = by_hand(tmp_path, payload, spoil=False)
    assert done.returncode == 0, done.stderr
    lines = done.stdout.splitlines()
    assert lines[0] == "Signature Verified Successfully"
    assert lines[1].split()[0] == lines[2]
    assert "dovecot\timap\tsession\tshut" in done.stdout


def test_the_printed_commands_refuse_another_payload(tmp_path: Path, payload: bytes) -> None:
    done = by_hand(tmp_path, payload, spoil=True)
    assert done.returncode == 1
    assert "Verification Failure" in done.stdout + done.stderr
