# SPDX-License-Identifier: Apache-2.0
"""Runs one cmdlet: once, or once for each thing that the pipeline brings."""

from __future__ import annotations

import zlib
from collections.abc import Iterator, Sequence
from typing import Final

from evict.lab.cmdlets.binding import bind, convert, missing
from evict.lab.cmdlets.shape import Argument, Call, Parameter
from evict.lab.cmdlets.words import CmdletError, ErrorOut, Output, PsObject, Text, Verbose, Warning_
from evict.lab.model.words import ModelError

_SILENT: Final = ("silentlycontinue", "ignore")
_KINDS: Final = {
    "not-found": ("ManagementObjectNotFoundException", "InvalidData"),
    "exists": ("RecipientTaskException", "InvalidArgument"),
    "invalid": ("RecipientTaskException", "InvalidArgument"),
    "inherited": ("RecipientTaskException", "InvalidOperation"),
    "unsupported": ("TaskInvalidOperationException", "InvalidOperation"),
    "busy": ("TaskInvalidOperationException", "ResourceUnavailable"),
}
"""The model's refusals."""


def run(
    call: Call, arguments: Sequence[Argument], pipeline_input: Sequence[object] | None
) -> Iterator[Output]:
    """See `Registry.invoke`."""
    parameters = call.registry.parameters(call.cmdlet, call.caller)
    given, call.common = bind(call.cmdlet, parameters, arguments)
    call.organisation.tick()
    if pipeline_input is None or call.cmdlet.whole_input:
        call.bound = given
        call.pipeline_input = list(pipeline_input or ())
        if (lacking := missing(call.cmdlet, parameters, given)) is not None:
            raise lacking
        yield from _once(call)
        return
    for brought in pipeline_input:
        item = brought.value if isinstance(brought, Text) else brought
        try:
            call.bound = given | _from_pipeline(call, parameters, given, item)
            if (lacking := missing(call.cmdlet, parameters, call.bound)) is not None:
                raise lacking
        except CmdletError as error:
            error.terminating = False  # the next item may fit
            yield from _error(call, error)
            continue
        yield from _once(call)


def _from_pipeline(
    call: Call, parameters: Sequence[Parameter], given: dict[str, object], item: object
) -> dict[str, object]:
    """What one item of the pipeline binds. Raises `CmdletError` where it binds nothing."""
    free = [p for p in parameters if p.name not in given]
    taken = {
        p.name: convert(call.cmdlet, p, item.properties[p.name])
        for p in free
        if p.by_name and isinstance(item, PsObject) and item.properties.get(p.name) is not None
    }
    for parameter in free:
        if parameter.pipeline and parameter.name not in taken:
            taken[parameter.name] = convert(call.cmdlet, parameter, item)
    if not taken:
        raise CmdletError(
            "The input object cannot be bound to any parameters for the command either because the"
            " command does not take pipeline input or the input and its properties do not match"
            " any of the parameters that take pipeline input.",
            "ParameterBindingException",
            category="InvalidArgument",
            error_id=f"InputObjectNotBound,{call.cmdlet.name}",
        )
    return taken


def _once(call: Call) -> Iterator[Output]:
    try:
        for output in call.cmdlet.run(call):
            if isinstance(output, ErrorOut):
                yield from _error(call, output.error)
            elif _heard(call, output):
                yield output
    except ModelError as refusal:
        reason, category = _KINDS.get(
            refusal.kind, ("TaskInvalidOperationException", "NotSpecified")
        )
        yield from _error(call, CmdletError(refusal.text, reason, category=category))
    except CmdletError as error:
        yield from _error(call, error)


def _heard(call: Call, output: Output) -> bool:
    if isinstance(output, Warning_):
        return str(call.common.get("warningaction", "")).lower() not in _SILENT
    return call.common.get("verbose") is True if isinstance(output, Verbose) else True


def _error(call: Call, error: CmdletError) -> Iterator[Output]:
    """As -ErrorAction wants it. Raises `CmdletError` where it ends the pipeline."""
    if error.error_id == error.reason and call.registry.marks_errors:
        number = zlib.crc32(f"{call.cmdlet.name}{error.reason}".encode())
        error.error_id = (
            f"[Server={call.server.upper()}] [FailureCategory=Cmdlet-{error.reason}]"
            f" {number:X},{call.cmdlet.name}"
        )
    action = str(call.common.get("erroraction", "Continue")).lower()
    if error.terminating or action == "stop":
        error.terminating = True
        raise error
    if action not in _SILENT:
        yield ErrorOut(error)
