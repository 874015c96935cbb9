# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from collections.abc import Callable

from evict.systems.postfix.policy import Conversation, Decide


def conversations(decide: Decide) -> Callable[[], Conversation]:
    """What answers each connection to the policy-delegation hook.

    Nothing but the socket's owner and group tells Postfix from somebody else: whoever may connect
    may ask whether a name is closed.
    """
    return lambda: Conversation(decide)
