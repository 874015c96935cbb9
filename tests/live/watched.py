# SPDX-License-Identifier: Apache-2.0
"""An estate whose directory is watched, and what is asked of it."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from typing import Any, Final

from estate.layout import Layout
from estate.people import Person
from estate.product import Product

UNIT: Final = "OU=Leavers,DC=corp,DC=test"
_SETTINGS: Final = """# SPDX-License-Identifier: Apache-2.0
[watch]
enabled = true
leavers_units = ["{unit}"]

[guard]
an_hour = {an_hour}
a_minute = {a_minute}
all_sources_an_hour = {an_hour}
"""


def write_settings(layout: Layout, *, a_minute: int = 1000) -> None:
    """Into a file of its own beside the estate's."""
    folder = layout.config.parent / "conf.d"
    folder.mkdir(exist_ok=True)
    text = _SETTINGS.format(unit=UNIT, an_hour=1000, a_minute=a_minute)
    (folder / "watch.toml").write_text(text)


def until(what: str, is_so: Callable[[], bool], timeout_s: float = 20.0) -> None:
    """Wait for it; fail with its name."""
    end = time.monotonic() + timeout_s
    while not is_so():
        assert time.monotonic() < end, f"not within {timeout_s:.0f} s: {what}"
        time.sleep(0.1)


def wait_compared(product: Product) -> None:
    """Until the watch knows everybody."""
    until(
        "everything was compared",
        lambda: bool(json.loads(product.evict("watch", "--once", "--json"))["compared_at"]),
    )


def known(product: Product) -> int:
    """How many accounts the watch has seen alive."""
    return int(json.loads(product.evict("watch", "--once", "--json"))["accounts"])


def standing(product: Product, someone: Person) -> dict[str, Any] | None:
    """What `evict status` says of somebody; None where the ledger never heard of him."""
    told = json.loads(product.evict("status", "--json"))
    return next((row for row in told["accounts"] if row["label"] == someone.upn), None)


def is_closed(product: Product, someone: Person) -> bool:
    row = standing(product, someone)
    return row is not None and row["state"].startswith("revoked")


def is_proven(product: Product, someone: Person) -> bool:
    row = standing(product, someone)
    return row is not None and (row["state"], row["verdict"]) == ("revoked", "shut")


def entries(product: Product, someone: Person) -> list[dict[str, Any]]:
    """His entries of the ledger, oldest first."""
    told = json.loads(product.evict("ledger", "show", "--json"))
    return [entry for entry in told["entries"] if entry["label"] == someone.upn]


def held(product: Product) -> list[dict[str, Any]]:
    told = json.loads(product.evict("held", "--json"))
    return list(told["held"])
