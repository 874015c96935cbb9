# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from pathlib import Path
from typing import Final

from cyclopts import App
from rich.text import Text

from evict.cli.options import Json
from evict.cli.output import Output
from evict.config.model import Keys
from evict.core.errors import ExitCode
from evict.evidence.keys import make_keys

app = App(name="key", help="Keys of this estate.")
_NEXT_STEPS: Final = """\
Next: let only the user of `evict serve` read probe.key and evidence.key, and name them in [keys].
Hand evidence.pub and the key id to whoever will verify, by a way of its own.
To keep the signing key off this host: move evidence.key away, leave signing_key_file out, and sign
with `evict evidence sign` there.
Back probe.key up: without it, passwords that were set cannot be tried again."""


@app.command
def init(*, folder: Path | None = None, json: Json = False) -> ExitCode:
    """Make the probe key and the pair that signs evidence. Never overwrites one.

    Parameters
    ----------
    folder
        Where to; /etc/evict where it is not given.
    """
    files = make_keys(folder or Keys().probe_key_file.parent)
    out = Output(json=json)
    if json:
        out.data(files)
        return ExitCode.OK
    for path in (files.probe_key, files.private_key, files.public_key):
        out.page.print(Text(str(path)), soft_wrap=True)
    out.talk.print(Text(f"key id {files.key_id}\n{_NEXT_STEPS}"), soft_wrap=True)
    return ExitCode.OK
