# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from collections.abc import Callable

from evict.config.forward_auth import ForwardAuthHook
from evict.systems.forward_auth.bindings import Bindings
from evict.systems.forward_auth.carrier import Address, LoginCarrier, Upstream
from evict.systems.forward_auth.conversation import Conversation, Judge, Rules
from evict.systems.forward_auth.names import Decide


def conversations(
    decide: Decide, bindings: Bindings, settings: ForwardAuthHook
) -> Callable[[], Conversation]:
    """What answers each connection of the front.

    Args:
        bindings: shared with the login carrier of the same front.
    """
    rules = Rules(
        cookie=settings.cookie,
        open_paths=tuple(path.lower().encode() for path in settings.open_paths),
        unidentified=settings.unidentified == "pass",
    )
    judge = Judge(decide, bindings, rules)
    return lambda: Conversation(judge)


def login_carrier(  # noqa: PLR0913 - what it is made of
    name: str,
    address: Address,
    settings: ForwardAuthHook,
    *,
    decide: Decide,
    bindings: Bindings,
    look: Callable[[], None],
) -> LoginCarrier:
    """The second listener, a hook of its own.

    Args:
        look: takes what the feed has brought by now.

    Raises:
        ValueError: the settings name no upstream.
    """
    if settings.login_upstream is None:
        raise ValueError("login_upstream is missing")
    upstream = Upstream(
        url=settings.login_upstream,
        ca_file=settings.ca_file,
        server_name=settings.server_name,
        login_path=settings.login_path,
        cookie=settings.cookie,
    )
    return LoginCarrier(name, address, upstream, decide=decide, bindings=bindings, look=look)
