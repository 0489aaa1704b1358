"""Introspection: meta-fields that fail in a library or are wrong there."""

from gql.wire.schema import DEFAULT, _build
from tests.gql.executed import answer_to

ONE_OF = """{
  __schema { types { name kind isOneOf } }
  __type(name: "Message") { fields { type { kind isOneOf ofType { kind isOneOf ofType { kind isOneOf } } } } }
  input: __type(name: "SendPrivateMessageInput") { inputFields { name type { isOneOf ofType { name isOneOf } } } }
}"""


async def test_is_one_of_is_answered_for_every_type() -> None:
    """GraphQL 4.2.2: true or false for input objects, null for all others, including lists and non-null types."""
    # graphql-core has one `__Type` for all schemas of a process, and each new schema changes it: so a fresh one.
    result = await answer_to(_build.__wrapped__(introspection=True, limits=DEFAULT, has_plans=True), ONE_OF)

    assert result.errors == []
    assert result.data is not None
    types = result.data["__schema"]["types"]
    assert {each["name"] for each in types if each["isOneOf"]} == {
        "AttachmentInput",
        "MessageDestination",
        "UserReference",
    }
    assert {each["isOneOf"] for each in types if each["kind"] == "INPUT_OBJECT"} == {True, False}
    assert {each["isOneOf"] for each in types if each["kind"] != "INPUT_OBJECT"} == {None}
    wrapped = [each["type"] for each in result.data["__type"]["fields"]]
    assert {each["kind"] for each in wrapped} >= {"NON_NULL", "SCALAR"}
    assert [each for each in wrapped if each["isOneOf"] is not None] == []
    [to] = [each["type"] for each in result.data["input"]["inputFields"] if each["name"] == "to"]
    assert to == {"isOneOf": None, "ofType": {"name": "MessageDestination", "isOneOf": True}}
