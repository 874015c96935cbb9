# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from pathlib import Path
from typing import Final

from cyclopts import App
from rich.text import Text

from evict.cli.options import Json
from evict.cli.output import Output
from evict.cli.verify import read_evidence
from evict.core.errors import ExitCode, UsageError
from evict.evidence import dsse
from evict.evidence.keys import load_private_key, write_new
from evict.evidence.verify import check, read_statement

app = App(name="evidence", help="Evidence whose signing key lives on another host.")
_MODE: Final = 0o640
_UNSIGNED: Final = ".statement.json"
_SIGNED: Final = ".dsse.json"


@app.command
def sign(file: Path, *, key: Path, output: Path | None = None, json: Json = False) -> ExitCode:
    """Sign a stored statement and write its envelope; what contradicts itself is not signed.

    Parameters
    ----------
    file
        The unsigned statement, as `evict serve` stored it.
    key
        The Ed25519 private key.
    output
        The envelope's file; else beside the statement, ending in .dsse.json. Never overwritten.
    """
    payload = read_evidence(file)
    check(read_statement(payload))
    private = load_private_key(key.absolute())
    target = output or file.with_name(file.name.removesuffix(_UNSIGNED) + _SIGNED)
    try:
        write_new(target, dsse.sign(payload, private), _MODE)
    except FileExistsError:
        raise UsageError(f"{target} is there already; evidence is never overwritten") from None
    except OSError as error:
        raise UsageError(f"{target}: cannot be written: {error.strerror}") from error
    out = Output(json=json)
    if json:
        out.data({"envelope": target, "key_id": dsse.key_id(private.public_key())})
    else:
        out.page.print(Text(str(target)), soft_wrap=True)
    return ExitCode.OK
