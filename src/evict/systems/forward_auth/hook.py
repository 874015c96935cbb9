# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from collections.abc import Callable

from evict.config.forward_auth import ForwardAuthHook
from evict.systems.forward_auth.bindings import Bindings
from evict.systems.forward_auth.carrier import Address, LoginCarrier, Upstream
from evict.systems.forward_auth.conversation import Conversation
from evict.systems.forward_auth.fronts import FRONTS
from evict.systems.forward_auth.judge import Judge, Rules
from evict.systems.forward_auth.names import Decide
from evict.systems.forward_auth.products import OWA, Product, settle
from evict.systems.forward_auth.question import QuestionReader


def conversations(
    decide: Decide, bindings: Bindings, settings: ForwardAuthHook, product: Product = OWA
) -> Callable[[], Conversation]:
    """What answers each connection of the front.

    Args:
        bindings: shared with the login carrier of the same front.
        product: what stands behind it.
    """
    front = FRONTS[settings.front]
    rules = Rules(
        product=settle(product, settings),
        front=front,
        unidentified=settings.unidentified == "pass",
    )
    judge = Judge(decide, bindings, rules)
    reader = QuestionReader(judge) if front.uri and not front.echo else None
    return lambda: Conversation(judge, reader)


def login_carrier(  # noqa: PLR0913 - what it is made of
    name: str,
    address: Address,
    settings: ForwardAuthHook,
    *,
    decide: Decide,
    bindings: Bindings,
    look: Callable[[], None],
    product: Product = OWA,
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
        product=settle(product, settings),
    )
    return LoginCarrier(name, address, upstream, decide=decide, bindings=bindings, look=look)
