"""Fields without parameters are resolved without Strawberry, all others with it."""

import pytest
from graphql import GraphQLObjectType

from gql.message import Message
from gql.wire.schema import build_schema
from models.message import MessageRow
from services.message.message_view import MessageView

ROW = MessageRow((5 << 27) + 7, 3, 1_000, 0, "Hello", 0, None, None, None, 1, None, None)


@pytest.mark.parametrize(
    ("name", "value"), [("text", "Hello"), ("sequence", 7), ("sender", None), ("createdAt", 1_000), ("id", None)]
)
def test_a_method_without_parameters_is_called_at_once(name: str, value: object) -> None:
    """Also one that the type inherits from an interface; no Info is made for it."""
    message = Message(view=MessageView(ROW, is_own=False, sender_part=None, attachments_part=()))
    kind = build_schema().core.type_map["Message"]
    assert isinstance(kind, GraphQLObjectType)
    resolve = kind.fields[name].resolve
    assert resolve is not None

    assert resolve(message, None) == (message.global_id() if name == "id" else value)


@pytest.mark.parametrize("name", ["preview", "viewerCanDeleteForEveryone", "edits", "replyTo"])
def test_a_field_with_arguments_an_info_or_something_to_load_goes_through_strawberry(name: str) -> None:
    """It converts arguments and names, and knows the context."""
    kind = build_schema().core.type_map["Message"]
    assert isinstance(kind, GraphQLObjectType)
    resolve = kind.fields[name].resolve

    assert resolve is not None
    assert resolve.__module__ == "strawberry.schema.schema_converter"
