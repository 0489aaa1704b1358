"""The expected lengths of lists: their page sizes, otherwise the usual length."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any

from graphql import (
    FieldNode,
    GraphQLEnumType,
    GraphQLField,
    GraphQLInputObjectType,
    GraphQLInterfaceType,
    GraphQLObjectType,
    GraphQLSchema,
    IntValueNode,
    ListValueNode,
    OperationDefinitionNode,
    ValueNode,
    VariableNode,
    get_named_type,
    get_nullable_type,
    is_list_type,
    is_object_type,
)

from services.limit import Limits
from services.page import DEFAULT_SIZE, MAX_SIZE

Variables = Mapping[str, Any]

MOST_VALUES = 1_000.0  # of a list of ids; resolvers refuse more than 200
OTHERWISE = 5.0  # of a list with no usual length
NOT_GIVEN = -1.0  # instead of a size

# Usual lengths, not maximums: a page where every message has ten files costs more than its estimate, and its budget
# ends it if necessary. A test requires a line for every list of objects without a page size.
USUAL = {
    "Message.attachments": 2.0,
    "Message.reactions": 2.0,
    "Conversation.typingUsers": 1.0,
    "MessageSearchEdge.excerpt": 5.0,
    "Viewer.devices": 5.0,
    "Viewer.apiKeys": 3.0,
    "InvalidInputError.issues": 3.0,
    "RecipientsRejectedError.recipientRejections": 5.0,
    "AttachmentsRejectedError.attachmentRejections": 5.0,
    "SendPrivateMessageToEachSuccess.outcomes": 10.0,
}

PEOPLE = float(Limits().max_recipients + 1)  # of a conversation, including its viewer

# Pages that are usually shorter than their size.
SHORT = {
    "Conversation.participants": PEOPLE,
    "Conversation.otherParticipants": 4.0,
    "Message.recipients": 4.0,
    "Message.seenBy": PEOPLE,
    "Message.deliveredTo": PEOPLE,
    "Message.edits": 5.0,
    "ReactionGroup.users": PEOPLE,
}


@dataclass(frozen=True, slots=True)
class Length:
    """A number, or the value of a variable: a number, or the length of its list.

    `number` applies if the variable is omitted, `otherwise` if it is null, which overrides its default.
    """

    number: float
    variable: str | None = None
    most: float = float(MAX_SIZE)
    otherwise: float = OTHERWISE

    def of(self, variables: Variables) -> float:
        """The length with these variables, as the client sent them; execution refuses values that are no length."""
        value = variables.get(self.variable) if self.variable is not None else None
        if value is None and self.variable in variables:
            return min(self.otherwise, self.most)
        if isinstance(value, list):
            return min(float(len(value)), MOST_VALUES)
        if isinstance(value, int | float):
            return float(min(max(value, 0), self.most))
        return min(self.number, self.most)


@dataclass(frozen=True, slots=True)
class PageLength:
    """The value of `first` or `last`, whichever is given; the usual size if neither is."""

    sizes: tuple[Length, ...]
    most: float

    def of(self, variables: Variables) -> float:
        """The length with these variables, as the client sent them."""
        size = max((each.of(variables) for each in self.sizes), default=NOT_GIVEN)
        return min(DEFAULT_SIZE if size == NOT_GIVEN else size, self.most)


class Lengths:
    """The lengths of the lists of one operation; `of_variables` are those that depend on variables."""

    def __init__(self, schema: GraphQLSchema, operation: OperationDefinitionNode) -> None:
        self.of_variables: list[Length] = []
        self._defaults = {each.variable.name.value: each.default_value for each in operation.variable_definitions or ()}
        self._usual = _usual_of(schema)
        self._pages = _pages_of(schema)

    def of(self, parent: GraphQLObjectType, definition: GraphQLField, node: FieldNode) -> Length | PageLength | None:
        """The length of a list; None for other fields, and for a list as long as the page above it."""
        usual = self._usual.get(f"{parent.name}.{node.name.value}")
        if not is_list_type(get_nullable_type(definition.type)):
            return None if usual is None else Length(usual, most=usual)
        if "first" in definition.args:
            return self._size_of(parent, node)
        named = next(
            (
                each
                for each in node.arguments or ()
                if is_list_type(get_nullable_type(definition.args[each.name.value].type))
            ),
            None,
        )
        if named is not None:
            return self._length_of(named.value, OTHERWISE)
        if self.is_of_page(parent, definition):
            return None
        return Length(OTHERWISE) if usual is None else Length(usual, most=usual)

    def page_of(self, parent: GraphQLObjectType, definition: GraphQLField, node: FieldNode) -> PageLength | None:
        """The length of the lists in the object of this field; None if it is no page."""
        is_list = is_list_type(get_nullable_type(definition.type))
        return self._size_of(parent, node) if "first" in definition.args and not is_list else None

    def is_of_page(self, parent: GraphQLObjectType, definition: GraphQLField) -> bool:
        """Whether it is a list of the page that its parent is."""
        return parent.name in self._pages and is_list_type(get_nullable_type(definition.type))

    def _size_of(self, parent: GraphQLObjectType, node: FieldNode) -> PageLength:
        """The value of `first` or `last`; the default if omitted."""
        sizes = [each.value for each in node.arguments or () if each.name.value in {"first", "last"}]
        most = SHORT.get(f"{parent.name}.{node.name.value}", float(MAX_SIZE))
        return PageLength(tuple(self._length_of(size, NOT_GIVEN) for size in sizes), most)

    def _length_of(self, value: ValueNode, otherwise: float) -> Length:
        if isinstance(value, VariableNode):
            default = self._defaults.get(value.name.value)
            number = self._length_of(default, otherwise).number if default else otherwise
            length = Length(number, value.name.value, otherwise=otherwise)
            self.of_variables.append(length)
            return length
        if isinstance(value, ListValueNode):
            return Length(min(float(len(value.values)), MOST_VALUES), most=MOST_VALUES)
        if isinstance(value, IntValueNode):
            return Length(float(max(0, int(value.value[:9]))))
        return Length(otherwise)


@cache
def _pages_of(schema: GraphQLSchema) -> frozenset[str]:
    """The page types: those of fields with a page size, unless the fields are lists themselves."""
    return frozenset(
        get_named_type(definition.type).name
        for named in schema.type_map.values()
        if is_object_type(named)
        for definition in named.fields.values()
        if "first" in definition.args and not is_list_type(get_nullable_type(definition.type))
    )


@cache
def _usual_of(schema: GraphQLSchema) -> dict[str, float]:
    """`USUAL`, and for introspection the average of this schema."""
    types = list(schema.type_map.values())
    count = len(types)
    objects = [each for each in types if isinstance(each, GraphQLObjectType | GraphQLInterfaceType)]
    fields = [definition for each in objects for definition in each.fields.values()]
    inputs = [each for each in types if isinstance(each, GraphQLInputObjectType)]
    enums = [each for each in types if isinstance(each, GraphQLEnumType)]
    return {
        **USUAL,
        "__Schema.types": count,
        "__Schema.directives": len(schema.directives),
        "__Directive.args": 1.0,
        "__Type.fields": len(fields) / count,
        "__Type.inputFields": sum(len(each.fields) for each in inputs) / count,
        "__Type.enumValues": sum(len(each.values) for each in enums) / count,
        "__Type.interfaces": sum(len(each.interfaces) for each in objects) / count,
        "__Type.possibleTypes": sum(len(each.types) for each in types if hasattr(each, "types")) / count,
        "__Type.ofType": 0.5,  # a NonNull of a named type has one level below it, a list two or three
        "__Field.args": sum(len(each.args) for each in fields) / max(1, len(fields)),
    }
