# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from pathlib import Path
from typing import Final

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from cyclopts import App
from rich.text import Text

from evict.cli.options import Json
from evict.cli.output import Output
from evict.config.model import Keys
from evict.core.errors import ConfigError, EvidenceError, EvidenceUntold, ExitCode, UsageError
from evict.evidence.dsse import MAX_BYTES
from evict.evidence.keys import load_public_key
from evict.evidence.verify import Line, Verified
from evict.evidence.verify import verify as verify_envelope
from evict.obs.escape import escape

app = App(name="verify")
_RESULT: Final = {ExitCode.FAILED: "invalid", ExitCode.NOT_PROVEN: "untold"}


@app.default
def verify(file: Path, *, key: Path | None = None, json: Json = False) -> ExitCode:
    """Verify a piece of evidence offline: 0 valid, 1 invalid, 4 cannot be told.

    Valid means: signed by this key, and what it says follows from what was seen. Whether the
    doors are shut is what it says.

    Parameters
    ----------
    file
        The signed envelope.
    key
        The public key; /etc/evict/evidence.pub where it is not given and that is there.
    """
    out = Output(json=json)
    try:
        verified = verify_envelope(read_evidence(file), _public_key(key))
    except EvidenceError as error:
        if json:
            out.data({"result": _RESULT[error.exit_code], "code": error.code, "text": error.text})
        raise
    if json:
        out.data(_as_data(verified))
    else:
        _print(out, verified)
    return ExitCode.OK


def read_evidence(file: Path) -> bytes:
    """At most one byte more than evidence may have. Raises `UsageError` where it cannot be read."""
    try:
        with file.open("rb") as stream:
            return stream.read(MAX_BYTES + 1)
    except OSError as error:
        raise UsageError(f"{file}: cannot be read: {error.strerror}") from error


def _public_key(path: Path | None) -> Ed25519PublicKey | None:
    default = Keys().public_key_file
    if path is None and not default.exists():
        return None
    try:
        return load_public_key(path or default)
    except ConfigError as error:
        raise EvidenceUntold(error.text) from error


def _as_data(verified: Verified) -> dict[str, object]:
    said = verified.statement.predicate
    return {
        "result": "valid",
        "key_id": verified.key_id,
        "verdict": verified.overall,
        "case": said.case,
        "proven": verified.proven,
        "not_provable": verified.not_provable,
        "reopened": said.reopened or (),
        "timeline": said.timeline,
        "bystanders": said.bystanders,
        "limits": verified.limits,
    }


def _print(out: Output, verified: Verified) -> None:
    case = verified.statement.predicate.case
    entry = f"generation {case.generation}, ledger entry {case.seq} of {case.commit_at.isoformat()}"
    lines = [
        f"valid: signed by key {verified.key_id}",
        f"{case.label or case.account}, {entry}: {verified.overall}",
        *_opened_again(verified),
        "",
        *map(_sentence, verified.proven),
        *(f"not proven: {_sentence(line)}" for line in verified.not_provable),
        "",
        *verified.limits,
    ]
    for line in lines:
        out.page.print(Text(escape(line)), soft_wrap=True)


def _opened_again(verified: Verified) -> list[str]:
    """Why it was looked at again, where something had been opened since it was closed."""
    return [
        f"opened again: {one.what}, seen at {one.seen_at.isoformat()}: {one.why}"
        for one in verified.statement.predicate.reopened or ()
    ]


def _sentence(line: Line) -> str:
    last, first = (("-" if ms is None else f"{ms:,.1f} ms") for ms in line.window_ms)
    rests = f"{', '.join(line.rests_on)} ({line.looks} looks)" if line.rests_on else "nothing"
    window = f"last success {last}, first refusal {first}"
    why = f": {line.why}" if line.why else ""
    return f"{line.door} {line.verdict}; {window}; rests on {rests}{why}"
