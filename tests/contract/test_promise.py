"""The schema matches the contract in `promise.graphql`: names and nullability."""

from pathlib import Path

import pytest
from graphql import (
    DocumentNode,
    EnumTypeDefinitionNode,
    GraphQLEnumType,
    GraphQLInputObjectType,
    GraphQLInterfaceType,
    GraphQLNamedType,
    GraphQLObjectType,
    GraphQLUnionType,
    UnionTypeDefinitionNode,
    is_specified_scalar_type,
    parse,
    print_ast,
)

from tests.contract.served import SERVED

Facts = dict[str, str]

# By us; a client that knows the contract alone does not miss it.
ADDED = {
    "BlockConnection.nodes": "[User!]!",
    "Conversation.folder": "ConversationFolder",
    "Conversation.requestedBy": "User",
    "Event.| DeviceAdded": "",
    "DeviceAdded.device": "Device!",
    "MessageRemoved.sequence": "Int!",
    "SendPrivateMessageToEachInput.type": "MessageType",
    "ServerLimits.reportWindowSeconds": "Int!",
    "UploadSession.directUploadUrl": "URL",
    "Mutation.completeUpload": "CompleteUploadResult!",
    "Mutation.completeUpload(input:)": "CompleteUploadInput!",
    "CompleteUploadInput.uploadId": "ID!",
    "CompleteUploadSuccess.upload": "UploadSession!",
    **{
        f"CompleteUploadResult.| {name}": ""
        for name in ("CompleteUploadSuccess", "NotFoundError", "AttachmentsRejectedError", "ConflictError",
                     "RateLimitedError")
    },
}  # fmt: skip
FIRST = {
    "Query": "node nodes serverInfo viewer user messageableUsers conversation conversationWith conversations message "
    "searchMessages events",
    "Mutation": "signUp signIn signOut sendPrivateMessage sendPrivateMessageToEach blockUser unblockUser",
    "Subscription": "privateMessageReceived",
}


def promised(document: DocumentNode) -> dict[str, Facts]:
    """The members of every type in the contract, with their types and arguments."""
    types: dict[str, Facts] = {}
    for definition in document.definitions:
        facts = types.setdefault(definition.name.value, {})  # type: ignore[attr-defined]
        if isinstance(definition, UnionTypeDefinitionNode):
            facts |= {f"| {each.name.value}": "" for each in definition.types or ()}
        elif isinstance(definition, EnumTypeDefinitionNode):
            facts |= {each.name.value: "" for each in definition.values or ()}
        for field in getattr(definition, "fields", None) or ():
            facts[field.name.value] = print_ast(field.type)
            for argument in getattr(field, "arguments", None) or ():
                facts[f"{field.name.value}({argument.name.value}:)"] = print_ast(argument.type)
    return types


def served(type_: GraphQLNamedType) -> Facts:
    """The same for a type of the schema."""
    if isinstance(type_, GraphQLUnionType):
        return {f"| {each.name}": "" for each in type_.types}
    if isinstance(type_, GraphQLEnumType):
        return dict.fromkeys(type_.values, "")
    facts: Facts = {}
    if isinstance(type_, GraphQLObjectType | GraphQLInterfaceType | GraphQLInputObjectType):
        for name, field in type_.fields.items():
            facts[name] = str(field.type)
            for key, argument in getattr(field, "args", {}).items():
                facts[f"{name}({key}:)"] = str(argument.type)
    return facts


PROMISED = promised(parse(Path(__file__).with_name("promise.graphql").read_text(encoding="utf-8")))
TYPES = [
    type_
    for name, type_ in SERVED.type_map.items()
    if not name.startswith("__") and not is_specified_scalar_type(type_)
]


def test_what_is_served_was_promised() -> None:
    """Names, types and nullability match the contract; additions are listed in ADDED."""
    strange = {
        f"{type_.name}.{name}": kind
        for type_ in TYPES
        for name, kind in served(type_).items()
        if PROMISED.get(type_.name, {}).get(name) != kind
    }

    assert dict(strange.items() - ADDED.items()) == {}


def test_a_field_has_all_its_arguments() -> None:
    """A field has all arguments of the contract."""
    missing = []
    for type_ in TYPES:
        facts, promise = served(type_), PROMISED.get(type_.name, {})
        missing += [
            f"{type_.name}.{key}" for key in promise if "(" in key and key.split("(")[0] in facts and key not in facts
        ]

    assert missing == []


@pytest.mark.parametrize("root", FIRST)
def test_the_main_job_stays(root: str) -> None:
    """The main operations: renaming or removing them is a breaking change."""
    assert set(FIRST[root].split()) <= set(served(SERVED.type_map[root]))
