# SPDX-License-Identifier: Apache-2.0
"""The configuration that makes Dovecot ask the agent, to paste."""

from __future__ import annotations

from typing import Final

from evict.config.model import DovecotSection
from evict.core.errors import ConfigError

REQUEST_ATTRIBUTES: Final = (
    "login=%{user} requested=%{requested_username} protocol=%{service} mech=%{mechanism}"
    " remote=%{rip} session=%{session}"
)
"""`login` is the mailbox's name as of now: what was typed before authentication, the directory's
own spelling after it. No password hash."""

_TEXT: Final = """\
# Dovecot 2.3: ask Evict's agent at every login, cached and Kerberos ones too; system {name}.
# Put it into {config_file}, check with `doveconf -n`, then `doveadm reload`.

auth_policy_server_url = http://{listen}/
# Who does not send the key is refused. The value stands in {key_file}.
# Keep these two lines in a file of mode 0600 that is read with !include_try.
auth_policy_server_api_header = "X-API-Key: PASTE-THE-KEY-HERE"
auth_policy_hash_nonce = PASTE-A-RANDOM-STRING-HERE

# Nobody comes in while the agent does not answer; Dovecot's default is the opposite.
auth_policy_reject_on_fail = yes
auth_policy_log_only = no
auth_policy_server_timeout_msecs = 1000
# Before: a leaver's password is not even tried. After: the directory's spelling is asked about.
auth_policy_check_before_auth = yes
auth_policy_check_after_auth = yes
auth_policy_report_after_auth = no
# Without Dovecot's default pwhash=%{{hashed_password}}: no hash of a password leaves the server.
auth_policy_request_attributes = {attributes}

# The LDAP passdb hands over the directory's own spelling, so that no look-alike slips by. In its
# file (dovecot-ldap.conf.ext), with auth_bind = yes and pass_filter (no auth_bind_userdn):
#   pass_attrs = sAMAccountName=user

# Dovecot 2.4: the named filter auth_policy {{ http_client_request_absolute_timeout = 1s }} stands
# for auth_policy_server_timeout_msecs, and the attributes are a block.
# The empty value comes first, else the default with its pwhash stays:
#   auth_policy_request_attributes =
#   auth_policy_request_attributes {{
#     login = %{{user}}
#     requested = %{{requested_username}}
#     protocol = %{{protocol}}
#     mech = %{{mechanism}}
#     remote = %{{remote_ip}}
#     session = %{{session}}
#   }}
"""


def snippet(section: DovecotSection) -> str:
    """What to paste for this Dovecot. Raises `ConfigError` where it has no hook section."""
    if section.hook is None:
        raise ConfigError(f"{section.name} has no [dovecot.hook]: there is nothing to ask")
    return _TEXT.format(
        name=section.name,
        config_file=section.config_file,
        listen=section.hook.listen,
        key_file=section.hook.api_key_file,
        attributes=REQUEST_ATTRIBUTES,
    )
