# SPDX-License-Identifier: Apache-2.0
"""Who has which clients and what they do: the simulation's numbers, from `population.toml`."""

from __future__ import annotations

import math
import tomllib
from collections.abc import Iterator
from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import Annotated, Any, Final, Literal

import msgspec
from msgspec import Meta, Struct

from evict.config import problems
from evict.core.errors import ConfigError

Share = Annotated[float, Meta(ge=0, le=1)]
Positive = Annotated[float, Meta(gt=0)]
Hour = Annotated[float, Meta(ge=0, le=24)]
Hours24 = Annotated[tuple[Annotated[float, Meta(ge=0)], ...], Meta(min_length=24, max_length=24)]

MOST_PEOPLE: Final = 100_000_000
MOST_SERVERS: Final = 100_000
MAX_BYTES: Final = 1024 * 1024
DAY_S: Final = 86400.0


class Population(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What each means, where it is from and how sure it is: see the file."""

    people: Annotated[int, Meta(ge=1, le=MOST_PEOPLE)]
    people_per_server: Annotated[int, Meta(ge=1)]
    balancing: Literal["sticky", "spread"]
    leavers_a_year_share: Share
    hour_weights: Hours24
    work_begins_h: Hour
    work_begins_spread_h: Hour
    computer_on_h: Hour
    web_kept_open_share: Share
    web_now_and_then_share: Share
    web_uses_a_day: Annotated[float, Meta(ge=0, le=10_000)]
    browser_poll_s: Annotated[float, Meta(ge=1)]
    browser_use_s: Annotated[float, Meta(ge=1)]
    owa_private_timeout_s: Positive
    owa_public_timeout_s: Positive
    owa_cookie_life_factor: Annotated[float, Meta(ge=1)]
    phone_share: Share
    mails_a_day: Annotated[float, Meta(ge=0, le=10_000)]
    sync_takes_s: Annotated[float, Meta(ge=0, le=60)]
    heartbeat_shortest_s: Annotated[float, Meta(ge=60)]
    heartbeat_longest_s: Annotated[float, Meta(ge=60, le=DAY_S)]
    ews_share: Share
    ews_poll_s: Annotated[float, Meta(ge=1, le=DAY_S)]
    ews_poll_spread_share: Annotated[float, Meta(ge=0, le=0.9)]
    ews_always_on_share: Share
    outlook_share: Share
    outlook_signs_in_s: Positive
    mail_program_share: Share
    mail_program_signs_in_s: Positive
    disable_from_h: Hour
    disable_to_h: Hour
    leaver_keeps_using_share: Share
    leaver_leaves_open_share: Share
    leaver_devices_go_on_share: Share
    max_concurrent_api: Annotated[int, Meta(ge=1)]
    directory_takes_s: Positive
    netlogon_timeout_s: Positive

    @property
    def servers(self) -> int:
        """Servers that clients reach."""
        return -(-self.people // self.people_per_server)


class Entry(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One number as the file holds it."""

    value: Any
    source: str
    mark: Literal["documented", "reported", "assumed"]


@cache
def entries() -> dict[str, Entry]:
    """Every number of this release with its source."""
    text = files("evict.simulate").joinpath("population.toml").read_text(encoding="utf-8")
    return msgspec.convert(tomllib.loads(text), dict[str, Entry])


def population(changes: dict[str, Any] | None = None, where: str = "population") -> Population:
    """The release's numbers with some of them changed.

    Args:
        changes: keys and values, or tables with a `value`.
        where: what an error names: a file, an option.

    Raises:
        ConfigError: names every wrong key.
    """
    table = {name: entry.value for name, entry in entries().items()}
    table |= {name: _bare(value) for name, value in (changes or {}).items()}
    found = [f"{problems.spell(p.key)}: {p.text}" for p in problems.find(Population, table)]
    if not found:
        made = msgspec.convert(table, Population)
        found = list(_disagreements(made))
        if not found:
            return made
    raise ConfigError("; ".join(f"{where}: {text}" for text in found))


def read_population(path: Path, changes: dict[str, Any] | None = None) -> Population:
    """The same with the changes that a file holds, and more on top of them."""
    try:
        with path.open("rb") as stream:
            raw = stream.read(MAX_BYTES + 1)
        if len(raw) > MAX_BYTES:
            raise ConfigError(f"{path}: larger than {MAX_BYTES} bytes")
        table = tomllib.loads(raw.decode("utf-8"))
    except OSError as error:
        raise ConfigError(f"{path}: cannot be read: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise ConfigError(f"{path}: not UTF-8 at byte {error.start}") from None
    except tomllib.TOMLDecodeError as error:
        raise ConfigError(f"{path}: not TOML: {error}") from None
    except RecursionError:
        raise ConfigError(f"{path}: nested too deeply") from None
    return population(table | (changes or {}), str(path))


def _bare(value: Any) -> Any:
    if isinstance(value, dict) and "value" in value and set(value) <= {"value", "source", "mark"}:
        return value["value"]
    return value


def _disagreements(made: Population) -> Iterator[str]:
    """What is wrong though each value alone is of its kind."""
    for name in made.__struct_fields__:
        value = getattr(made, name)
        numbers = value if isinstance(value, tuple) else (value,)
        if any(isinstance(n, float) and not math.isfinite(n) for n in numbers):
            yield f"{name}: expected a finite number"
    if made.servers > MOST_SERVERS:
        yield f"people_per_server: makes {made.servers} servers, {MOST_SERVERS} at most"
    if sum(made.hour_weights) <= 0:
        yield "hour_weights: expected a sum above 0"
    if made.heartbeat_longest_s < made.heartbeat_shortest_s:
        yield "heartbeat_longest_s: is shorter than heartbeat_shortest_s"
    if made.disable_to_h < made.disable_from_h:
        yield "disable_to_h: is before disable_from_h"
    if made.web_kept_open_share + made.web_now_and_then_share > 1:
        yield "web_kept_open_share: with web_now_and_then_share more than 1"
    if made.leaver_keeps_using_share + made.leaver_leaves_open_share > 1:
        yield "leaver_keeps_using_share: with leaver_leaves_open_share more than 1"
    spread = made.work_begins_spread_h / 2
    if made.work_begins_h < spread or made.work_begins_h + spread + made.computer_on_h > 24:
        yield "work_begins_h: with its spread and computer_on_h not within one day"
