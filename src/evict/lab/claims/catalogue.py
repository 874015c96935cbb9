# SPDX-License-Identifier: Apache-2.0
"""The claims, read from `claims.toml`: who says what of which versions, and who corrects it."""

from __future__ import annotations

import tomllib
from functools import cache
from importlib.resources import files
from typing import Literal

import msgspec
from msgspec import Struct

from evict.lab.model.profile import Version


class Source(Struct, frozen=True, forbid_unknown_fields=True):
    """`address` is "" where the text was read in a copy without one."""

    name: str
    address: str = ""


class Correction(Struct, frozen=True, forbid_unknown_fields=True):
    """A later source says otherwise.

    Attributes:
        versions: of the claim's, those for which it does.
    """

    says: str
    source: str
    versions: tuple[Version, ...]


class Claim(Struct, frozen=True, forbid_unknown_fields=True):
    """One.

    Attributes:
        source: key of a source, as in `Correction`.
        versions: those that it holds for, or is said to where it is corrected; on every other one
            it must not hold.
        rule: what of the model shows it: a key of `delays.toml`, or a name under `evict.lab.model`.
        mark: how sure that rule is, in the words of `delays.toml`.
        note: what the source leaves open.
    """

    id: str
    claim: str
    source: str
    versions: tuple[Version, ...]
    demonstration: str
    rule: tuple[str, ...]
    mark: Literal["documented", "reported", "assumed"]
    corrected_by: Correction | None = None
    note: str = ""


class Catalogue(Struct, frozen=True, forbid_unknown_fields=True):
    sources: dict[str, Source]
    claims: tuple[Claim, ...]


def parse(text: str) -> Catalogue:
    """Read it.

    Raises `ValueError`: a key that none has or that is missing (`msgspec.ValidationError`), an id
    that two have, a source that is not listed, versions that make no sense.
    """
    catalogue = msgspec.convert(tomllib.loads(text), Catalogue)
    ids = [claim.id for claim in catalogue.claims]
    twice = sorted({name for name in ids if ids.count(name) > 1})
    if twice:
        raise ValueError(f"two claims have the id {twice[0]}")
    for claim in catalogue.claims:
        _check(claim, catalogue.sources)
    return catalogue


def _check(claim: Claim, sources: dict[str, Source]) -> None:
    later = claim.corrected_by
    named = [claim.source] if later is None else [claim.source, later.source]
    missing = [name for name in named if name not in sources]
    if missing:
        raise ValueError(f"{claim.id}: there is no source {missing[0]}")
    corrected = claim.versions if later is None else later.versions
    if not claim.versions or not corrected or not set(corrected) <= set(claim.versions):
        raise ValueError(f"{claim.id}: its versions, or those of its correction, make no sense")


@cache
def catalogue() -> Catalogue:
    """The claims of this release."""
    return parse(files("evict.lab.claims").joinpath("claims.toml").read_text())
