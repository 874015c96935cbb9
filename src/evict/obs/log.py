# SPDX-License-Identifier: Apache-2.0
"""Logs: one JSON object a line on stderr, or readable lines on a terminal. UTC, no secrets."""

from __future__ import annotations

import logging
import sys
from collections.abc import Mapping
from datetime import datetime
from typing import Any, Final, TextIO

import structlog
from structlog.typing import EventDict, Processor, WrappedLogger

from evict.obs.escape import escape

MAX_TEXT: Final = 4096
"""Characters of one value: a server's answer must not fill the disk."""
_MAX_TRACE: Final = 64 * 1024
_MAX_DEPTH: Final = 6


def configure_logging(
    *, stream: TextIO | None = None, json: bool | None = None, level: str = "info"
) -> None:
    """Send structlog's and the standard library's records through the same cleaning.

    Args:
        stream: stderr where it is not given.
        json: None: unless the stream is a terminal.
        level: "debug", "info", "warning", "error".
    """
    out = stream or sys.stderr
    as_json = not out.isatty() if json is None else json
    number = logging.getLevelNamesMapping()[level.upper()]
    shared: list[Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.processors.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True, key="at"),
        structlog.processors.format_exc_info,
        clean,
    ]
    renderer: Processor = structlog.processors.JSONRenderer()
    if not as_json:
        renderer = structlog.dev.ConsoleRenderer(colors=out.isatty(), sort_keys=False)
    structlog.configure(
        processors=[*shared, renderer],
        wrapper_class=structlog.make_filtering_bound_logger(number),
        logger_factory=structlog.WriteLoggerFactory(file=out),
        cache_logger_on_first_use=False,
    )
    handler = logging.StreamHandler(out)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=shared,
            processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, renderer],
        )
    )
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(max(number, logging.WARNING))


def clean(_logger: WrappedLogger, _method: str, event: EventDict) -> EventDict:
    """Redact secrets and escape hostile characters, however deep they lie.

    A `Secret` is written as it prints, `***`, like whatever else is no plain value.

    A trace keeps its lines but is indented, so that no line of it can pass for a record.
    """
    out: EventDict = {}
    for key, value in event.items():
        if key == "exception" and isinstance(value, str):
            text = escape(value, keep="\n")[:_MAX_TRACE]
            out[key] = "\n".join(f"    {line}" for line in text.split("\n"))
        elif key.startswith("_"):
            out[key] = value
        else:
            out[escape(key)] = _clean(value, 0)
    return out


def _clean(value: Any, depth: int) -> Any:
    match value:
        case None | bool() | int() | float():
            return value
        case datetime():
            return value.isoformat()
        case Mapping() if depth < _MAX_DEPTH:
            return {escape(str(k)): _clean(v, depth + 1) for k, v in value.items()}
        case list() | tuple() | set() | frozenset() if depth < _MAX_DEPTH:
            return [_clean(v, depth + 1) for v in value]
        case _:
            return escape(str(value)[:MAX_TEXT])
