"""The root Subscription: live events from the log, as the viewer may see them at the time of delivery."""

from strawberry.tools import create_type

from gql.stream import live_events, private_message_received

Subscription = create_type(
    "Subscription",
    [private_message_received, live_events],
    description="The entry points for live data, over WebSocket (graphql-transport-ws) or Server-Sent Events.",
)
