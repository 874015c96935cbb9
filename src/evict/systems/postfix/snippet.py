# SPDX-License-Identifier: Apache-2.0
"""The configuration that makes Postfix ask the agent, to paste."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from evict.config.model import PostfixSection
from evict.core.errors import ConfigError

_TEXT: Final = """\
# Postfix 3.0 or later: ask Evict's agent where the login name is known; system {name}.
# Everything here belongs to {config_directory}. Check with `postfix check`, then
# `postfix reload`: connections that are open keep the settings they began with.

# --- main.cf -------------------------------------------------------------------------------------
# When the agent does not answer within 3 s the mail is refused for now, never let through.
evict_policy = check_policy_service {{ {server}, timeout=3s,
    {{ default_action = 451 4.3.0 Try again later }} }}
# The login name is known from RCPT on; checks of client and sender wait for it.
smtpd_delay_reject = yes

# --- master.cf, in the service of port {port} ----------------------------------------------------
# Before permit_sasl_authenticated, else it is not asked about those who logged in. At DATA and
# at end of data too, so that a connection is cut in the middle of a mail.
#   -o smtpd_recipient_restrictions=$evict_policy,permit_sasl_authenticated,reject
#   -o smtpd_data_restrictions=$evict_policy
#   -o smtpd_end_of_data_restrictions=$evict_policy
"""
_SOCKET: Final = """
# The agent makes the socket {socket}; the group {group}
# may connect to it. Its path above is the one below queue_directory (`postconf queue_directory`),
# where smtpd works, chroot or not: put it right where the socket lies deeper.
"""


def _below_queue(socket: Path) -> str:
    """`unix:folder/name`: a chroot hides every path that begins above the queue directory."""
    return f"unix:{socket.parent.name}/{socket.name}"


def snippet(section: PostfixSection) -> str:
    """What to paste for this Postfix. Raises `ConfigError` where it has no usable hook section."""
    hook = section.hook
    if hook is None or (hook.unix_socket is None and hook.listen is None):
        raise ConfigError(f"{section.name} has no address in [postfix.hook]: there is none to ask")
    server = f"inet:{hook.listen}" if hook.unix_socket is None else _below_queue(hook.unix_socket)
    text = _TEXT.format(
        name=section.name,
        config_directory=section.config_directory,
        server=server,
        port=section.submission_port,
    )
    if hook.unix_socket is None:
        return text
    return text + _SOCKET.format(socket=hook.unix_socket, group=hook.socket_group or "of Postfix")
