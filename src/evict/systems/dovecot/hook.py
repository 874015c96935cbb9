# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from collections.abc import Callable

from evict.core.secret import Secret
from evict.systems.dovecot.policy import Conversation, Decide


def conversations(decide: Decide, api_key: Secret) -> Callable[[], Conversation]:
    """What answers each connection to the auth-policy hook.

    Args:
        api_key: the value that auth_policy_server_api_header sends as X-API-Key.
    """
    heads: dict[bytes, int] = {}
    return lambda: Conversation(decide, api_key, heads)
