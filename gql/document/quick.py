"""The quick parser: builds graphql-core's nodes for ordinary documents, in a third of the time.

It reads queries, mutations, subscriptions and fragments in ASCII, without comments, descriptions, block strings,
escapes, numbers with a fraction, and directives of definitions. Of everything else, and of every mistake, it says
nothing: graphql-core's own parser reads those documents, and has the words for what is wrong.
"""

from typing import Any, TypeVar

from graphql import Source, TokenKind
from graphql.language import ast

from gql.document.word import END, Words, words_in

MOST_NESTED = 40  # graphql-core accepts 200

NodeT = TypeVar("NodeT")

_OPERATIONS = {each.value: each for each in ast.OperationType}
_AFTER_NAME = frozenset(":(@{")

_new = object.__new__
_set = object.__setattr__  # the nodes are frozen, and their own `__init__` takes twice as long


class _Place(ast.Location):
    """A location without tokens, to which those of graphql-core's parser refer."""

    __slots__ = ()
    start_token = end_token = ast.Token(TokenKind.SOF, 0, 0, 0, 0)


class _Unusual(Exception):
    """Something that only graphql-core's parser reads, or a mistake."""


def parse_quickly(source: Source, most_tokens: int) -> ast.DocumentNode | None:
    """The document that graphql-core would return; None if it is unusual, wrong, or longer than this."""
    words = words_in(source.body, most_tokens) if source.body.isascii() else None
    if words is None:
        return None
    try:
        return _Parser(source, words).document()
    except (_Unusual, RecursionError):  # the stack can be deep already
        return None


class _Parser:
    """Reads the words of a document one after another; `_at` is the number of the next one."""

    def __init__(self, source: Source, words: Words) -> None:
        self._source, self._at = source, 0
        self._words, self._starts, self._ends = words

    def document(self) -> ast.DocumentNode:
        """The whole document."""
        definitions = []
        while self._words[self._at] != END:
            definitions.append(self._definition())
        if not definitions:
            raise _Unusual
        document = _new(ast.DocumentNode)
        _set(document, "definitions", tuple(definitions))
        _set(document, "loc", self._location(0, len(self._source.body)))
        _set(document, "token_count", len(self._starts))
        return document

    def _definition(self) -> ast.OperationDefinitionNode | ast.FragmentDefinitionNode:
        first, word = self._at, self._words[self._at]
        if word == "fragment":
            return self._fragment_definition()
        kind, name, variables = ast.OperationType.QUERY, None, None
        if word != "{":
            if word not in _OPERATIONS:
                raise _Unusual
            self._at += 1
            kind = _OPERATIONS[word]
            name = self._name() if self._words[self._at].isidentifier() else None
            variables = self._variable_definitions() if self._words[self._at] == "(" else None
        below = self._selections(1)
        node = self._node(
            ast.OperationDefinitionNode, first, description=None, name=name, variable_definitions=variables
        )
        _set(node, "operation", kind)
        _set(node, "directives", None)
        _set(node, "selection_set", below)
        return node

    def _fragment_definition(self) -> ast.FragmentDefinitionNode:
        first = self._at
        self._at += 1
        if self._words[self._at] == "on":
            raise _Unusual
        name = self._name()
        self._expect("on")
        about, below = self._named_type(), self._selections(1)
        node = self._node(ast.FragmentDefinitionNode, first, description=None, name=name, variable_definitions=())
        _set(node, "type_condition", about)
        _set(node, "directives", None)
        _set(node, "selection_set", below)
        return node

    def _variable_definitions(self) -> tuple[ast.VariableDefinitionNode, ...]:
        self._at += 1
        found = []
        while self._words[self._at] != ")":
            first = self._at
            variable = self._variable()
            self._expect(":")
            kind, default = self._type(1), None
            if self._words[self._at] == "=":
                self._at += 1
                default = self._value(1, is_constant=True)
            node = self._node(ast.VariableDefinitionNode, first, description=None, variable=variable, type=kind)
            _set(node, "default_value", default)
            _set(node, "directives", None)
            found.append(node)
        return self._ended(found)

    def _type(self, depth: int) -> Any:
        first = self._at
        if self._words[first] == "[":
            if depth > MOST_NESTED:
                raise _Unusual
            self._at += 1
            inner = self._type(depth + 1)
            self._expect("]")
            kind: Any = self._node(ast.ListTypeNode, first, type=inner)
        else:
            kind = self._named_type()
        if self._words[self._at] != "!":
            return kind
        self._at += 1
        return self._node(ast.NonNullTypeNode, first, type=kind)

    def _named_type(self) -> ast.NamedTypeNode:
        first = self._at
        return self._node(ast.NamedTypeNode, first, name=self._name())

    def _selections(self, depth: int) -> ast.SelectionSetNode:
        first, words = self._at, self._words
        if words[first] != "{" or depth > MOST_NESTED:
            raise _Unusual
        self._at += 1
        found: list[Any] = []
        while (word := words[self._at]) != "}":
            found.append(self._field(depth) if word != "..." else self._fragment(depth))
        return self._node(ast.SelectionSetNode, first, selections=self._ended(found))

    def _field(self, depth: int) -> ast.FieldNode:
        first, words = self._at, self._words
        name, alias = self._name(), None
        arguments = directives = below = None
        place = name.loc
        if words[self._at] in _AFTER_NAME:
            if words[self._at] == ":":
                self._at += 1
                alias, name = name, self._name()
            arguments = self._arguments(depth) if words[self._at] == "(" else None
            directives = self._directives(depth) if words[self._at] == "@" else None
            below = self._selections(depth + 1) if words[self._at] == "{" else None
            place = self._location(self._starts[first], self._ends[self._at - 1])
        node = _new(ast.FieldNode)  # as `_node`, but this is the commonest of all nodes
        _set(node, "loc", place)
        _set(node, "alias", alias)
        _set(node, "name", name)
        _set(node, "arguments", arguments)
        _set(node, "directives", directives)
        _set(node, "selection_set", below)
        return node

    def _fragment(self, depth: int) -> ast.FragmentSpreadNode | ast.InlineFragmentNode:
        first, words = self._at, self._words
        self._at += 1
        about = None
        if words[self._at] == "on":
            self._at += 1
            about = self._named_type()
        elif words[self._at].isidentifier():
            name, directives = self._name(), self._directives(depth)
            return self._node(ast.FragmentSpreadNode, first, name=name, arguments=None, directives=directives)
        directives, below = self._directives(depth), self._selections(depth + 1)
        node = self._node(ast.InlineFragmentNode, first, type_condition=about, directives=directives)
        _set(node, "selection_set", below)
        return node

    def _directives(self, depth: int) -> tuple[ast.DirectiveNode, ...] | None:
        found = []
        while self._words[self._at] == "@":
            first = self._at
            self._at += 1
            name = self._name()
            arguments = self._arguments(depth) if self._words[self._at] == "(" else None
            found.append(self._node(ast.DirectiveNode, first, name=name, arguments=arguments))
        return tuple(found) or None

    def _arguments(self, depth: int) -> tuple[ast.ArgumentNode, ...]:
        self._at += 1
        return self._ended(self._members(ast.ArgumentNode, ")", depth, is_constant=False))

    def _members(self, kind: type[NodeT], end: str, depth: int, *, is_constant: bool) -> list[NodeT]:
        """Names with values, up to this word."""
        found = []
        while self._words[self._at] != end:
            first = self._at
            name = self._name()
            self._expect(":")
            found.append(self._node(kind, first, name=name, value=self._value(depth, is_constant=is_constant)))
        return found

    def _value(self, depth: int, *, is_constant: bool) -> Any:
        first, word = self._at, self._words[self._at]
        if depth > MOST_NESTED or (word == "$" and is_constant):
            raise _Unusual
        if word == "$":
            return self._variable()
        self._at += 1
        if word == "[":
            values = []
            while self._words[self._at] != "]":
                values.append(self._value(depth + 1, is_constant=is_constant))
            self._at += 1
            return self._node(ast.ListValueNode, first, values=tuple(values))
        if word == "{":
            fields = tuple(self._members(ast.ObjectFieldNode, "}", depth + 1, is_constant=is_constant))
            self._at += 1
            return self._node(ast.ObjectValueNode, first, fields=fields)
        return self._literal(word, first)

    def _literal(self, word: str, first: int) -> Any:
        if word in ("true", "false"):
            return self._node(ast.BooleanValueNode, first, value=word == "true")
        if word == "null":
            return self._node(ast.NullValueNode, first)
        if word.isidentifier():
            return self._node(ast.EnumValueNode, first, value=word)
        if word[:1] == '"':
            return self._node(ast.StringValueNode, first, value=word[1:-1], block=False)
        if word[-1:].isdigit():
            return self._node(ast.IntValueNode, first, value=word)
        raise _Unusual

    def _variable(self) -> ast.VariableNode:
        first = self._at
        self._expect("$")
        return self._node(ast.VariableNode, first, name=self._name())

    def _name(self) -> ast.NameNode:
        at = self._at
        word = self._words[at]
        if not word.isidentifier():  # a name, since all is ASCII
            raise _Unusual
        self._at = at + 1
        node = _new(ast.NameNode)
        _set(node, "loc", self._location(self._starts[at], self._ends[at]))
        _set(node, "value", word)
        return node

    def _ended(self, found: list[NodeT]) -> tuple[NodeT, ...]:
        """What was found before the closing bracket, which comes next: at least one."""
        self._at += 1
        if not found:
            raise _Unusual
        return tuple(found)

    def _expect(self, word: str) -> None:
        if self._words[self._at] != word:
            raise _Unusual
        self._at += 1

    def _node(self, kind: type[NodeT], first: int, **fields: object) -> NodeT:
        """A node from this word up to the last one that was read; the caller sets all of its fields."""
        node = _new(kind)
        _set(node, "loc", self._location(self._starts[first], self._ends[self._at - 1]))
        for name, value in fields.items():
            _set(node, name, value)
        return node

    def _location(self, start: int, end: int) -> ast.Location:
        found = _new(_Place)
        found.start = start
        found.end = end
        found.source = self._source
        return found
