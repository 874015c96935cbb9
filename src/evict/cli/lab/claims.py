# SPDX-License-Identifier: Apache-2.0
"""`evict lab claims`: each claim with what was seen of it, for people and as JSON."""

from __future__ import annotations

import textwrap
from collections import Counter
from collections.abc import Iterator, Sequence
from typing import Annotated, Final

from cyclopts import Parameter

from evict.cli.choosing import chosen
from evict.cli.options import Json
from evict.cli.output import Output
from evict.core.errors import ExitCode
from evict.lab.claims.catalogue import Claim, Source, catalogue
from evict.lab.claims.running import Shown, Status, show
from evict.lab.model.profile import Version

_WIDTH: Final = 100
_LABEL: Final = 10
_MODELLED: Final = (
    "Modelled: shown on the embedded organisation by its rules, not on a server of Microsoft's."
)


def claims(
    *,
    version: Annotated[
        str | None, Parameter(help="2003, 2007, 2010, 2013, 2016, 2019 or SE.")
    ] = None,
    claim: Annotated[str | None, Parameter(help="The id of one claim.")] = None,
    json: Json = False,
) -> ExitCode:
    """Show what has been claimed about access that outlives an account, and what was seen of it.

    Each claim is tried on a small Exchange organisation of each version. It is shown; or bound to
    some versions, and seen not to hold on the others; or a later source corrects it, and what that
    says was seen. Exit code 1 where a claim is none of these.
    """
    versions = list(Version) if version is None else [_version(version)]
    wanted = catalogue().claims if claim is None else [_claim(claim)]
    shown = [show(each, versions) for each in wanted]
    output = Output(json=json)
    if json:
        output.data(_data(shown, versions))
    else:
        for line in _lines(shown):
            output.page.print(line, soft_wrap=True)
    failed = any(each.status is Status.NOT_SHOWN for each in shown)
    return ExitCode.FAILED if failed else ExitCode.OK


def _version(name: str) -> Version:
    return Version(chosen(name, [str(each) for each in Version], "version of Exchange"))


def _claim(name: str) -> Claim:
    known = {claim.id: claim for claim in catalogue().claims}
    return known[chosen(name, list(known), "claim")]


def _lines(shown: Sequence[Shown]) -> Iterator[str]:
    yield _MODELLED
    for each in shown:
        yield ""
        yield f"{each.claim.id}: {each.status}"
        for label, text in _facts(each):
            yield from _fact(label, text)
    counts = Counter(each.status for each in shown)
    said = ", ".join(f"{counts[status]} {status}" for status in Status)
    yield ""
    yield f"{len(shown)} {'claim' if len(shown) == 1 else 'claims'}: {said}"


def _facts(shown: Shown) -> Iterator[tuple[str, str]]:
    claim, later = shown.claim, shown.claim.corrected_by
    yield "claim", claim.claim
    yield "said by", _named(catalogue().sources[claim.source])
    yield "said of" if later else "holds for", _spans(claim.versions)
    if later is not None:
        of = "" if later.versions == claim.versions else f" (of {_spans(later.versions)})"
        yield "later", later.says + of
        yield "", _named(catalogue().sources[later.source])
    for sight in shown.seen:
        yield "seen", f"{_spans(sight.versions)}: {sight.text}."
    yield "rule", f"{', '.join(claim.rule)} ({claim.mark})"
    if claim.note:
        yield "note", claim.note


def _named(source: Source) -> str:
    return f"{source.name} {source.address}".strip()


def _fact(label: str, text: str) -> list[str]:
    """A label, and beside it the text in a column of its own; an address is never broken."""
    return textwrap.wrap(
        text,
        _WIDTH,
        initial_indent=f"  {label:{_LABEL}}",
        subsequent_indent=" " * (_LABEL + 2),
        break_long_words=False,
        break_on_hyphens=False,
    )


def _spans(versions: Sequence[Version]) -> str:
    """Versions that follow each other as a range."""
    runs: list[list[Version]] = []
    for version in versions:
        if runs and version.order == runs[-1][-1].order + 1:
            runs[-1].append(version)
        else:
            runs.append([version])
    return ", ".join(run[0] if len(run) == 1 else f"{run[0]}-{run[-1]}" for run in runs)


def _data(shown: Sequence[Shown], versions: Sequence[Version]) -> dict[str, object]:
    counts = Counter(each.status for each in shown)
    return {
        "modelled": True,
        "versions": versions,
        "counts": {str(status): counts[status] for status in Status},
        "claims": [_entry(each) for each in shown],
    }


def _entry(shown: Shown) -> dict[str, object]:
    claim, later = shown.claim, shown.claim.corrected_by
    sources = catalogue().sources
    correction = later and {
        "says": later.says,
        "versions": later.versions,
        "source": sources[later.source],
    }
    return {
        "id": claim.id,
        "claim": claim.claim,
        "status": shown.status,
        "versions": claim.versions,
        "seen": shown.seen,
        "source": sources[claim.source],
        "corrected_by": correction,
        "rule": claim.rule,
        "mark": claim.mark,
        "note": claim.note,
    }
