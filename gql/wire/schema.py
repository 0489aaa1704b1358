"""The schema: the roots, put together once for a process."""

from collections.abc import AsyncGenerator, Callable
from functools import cache

import strawberry
from strawberry.extensions import DisableIntrospection, SchemaExtension
from strawberry.printer import print_schema
from strawberry.schema.config import StrawberryConfig

from gql.document.limit import QueryLimits, limit_extensions
from gql.error import SottoSchema
from gql.event import EventEnvelope
from gql.handler import HANDLERS
from gql.mutation import Mutation
from gql.query import Query
from gql.scalar import SCALAR_MAP
from gql.stream import PrivateMessageReceived, live_events, private_message_received
from gql.wire.budget import executor_for

DEFAULT = QueryLimits()


@strawberry.type(description="Everything that can be heard live, over graphql-transport-ws or as an event stream.")
class Subscription:
    """From the log, as the viewer may see it at the moment of delivery."""

    private_message_received: AsyncGenerator[PrivateMessageReceived, None] = strawberry.subscription(
        resolver=private_message_received,
        description="New messages of all the viewer's conversations, their own from other devices included; in order, "
        "none missing, none twice. A cursor that the server no longer holds fails with CURSOR_EXPIRED.",
    )
    events: AsyncGenerator[EventEnvelope, None] = strawberry.subscription(
        resolver=live_events,
        description="Everything that concerns the viewer, in order, none missing, none twice. A cursor that leads "
        "nowhere is answered by a StreamReset, and the stream goes on.",
    )


@cache
def build_schema(*, introspection: bool = True, limits: QueryLimits = DEFAULT) -> SottoSchema:
    """The schema that is served, one for a process; `introspection` False hides it from whoever asks."""
    extensions: list[Callable[[], SchemaExtension]] = [*limit_extensions(limits)]
    if not introspection:
        extensions.append(DisableIntrospection)
    schema = SottoSchema(
        query=Query,
        mutation=Mutation,
        subscription=Subscription,
        extensions=extensions,
        execution_context_class=executor_for(limits),
        exception_handlers=HANDLERS,
        config=StrawberryConfig(scalar_map=SCALAR_MAP),
    )
    schema.limits = limits
    return schema


@cache
def schema_text() -> str:
    """The schema in the definition language, as `schema.graphql` holds it; ends in a newline."""
    return print_schema(build_schema()) + "\n"
