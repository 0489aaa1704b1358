"""Selections: the fields that an operation selects below one of its fields, so that nothing else is read."""

from collections.abc import Callable, Iterable, Mapping
from typing import Any, Self, TypeVar, cast

from graphql import (
    FieldNode,
    FragmentDefinitionNode,
    FragmentSpreadNode,
    IntValueNode,
    NullValueNode,
    SelectionSetNode,
    StringValueNode,
    ValueNode,
    VariableNode,
)

Fragments = Mapping[str, FragmentDefinitionNode]
T = TypeVar("T")

_TYPENAME = "__typename"


class Selection:
    """The fields selected below a field, by their names in the schema; immutable.

    Aliases, fragments, and the types of an interface or a union are merged, and a field with `@skip` or `@include`
    counts as selected. So it may name a field that a certain object does not show, but never lacks one that it shows.
    `__typename` is not in it.
    """

    __slots__ = ("_below", "_derived", "_fragments", "_nodes", "names")

    def __init__(self, sets: Iterable[SelectionSetNode], fragments: Fragments) -> None:
        self._fragments = fragments
        self._nodes: dict[str, list[FieldNode]] = {}
        self._below: dict[str, Selection] = {}
        self._derived: dict[Callable[[Selection], Any], Any] = {}
        self._collect(sets)
        self.names = frozenset(self._nodes)

    @classmethod
    def from_nodes(cls, nodes: Iterable[FieldNode], fragments: Fragments) -> Self:
        """The selection below the nodes of one field in a valid document; `fragments` are those of the document."""
        return cls((node.selection_set for node in nodes if node.selection_set), fragments)

    def below(self, name: str) -> "Selection":
        """The selection below one of these fields, under all of its aliases; empty if the field is not selected."""
        found = self._below.get(name)
        if found is None:
            found = self._below[name] = Selection.from_nodes(self._nodes.get(name, ()), self._fragments)
        return found

    @property
    def items(self) -> "Selection":
        """The selection below the items of a connection: its `nodes`, and the `node` of its `edges`."""
        return self.derive(_items_of)

    def derive(self, fn: Callable[["Selection"], T]) -> T:
        """What a function finds in this selection; called once, because documents are compiled once."""
        if fn not in self._derived:
            self._derived[fn] = fn(self)
        return cast("T", self._derived[fn])

    def arguments(self, name: str, variables: Mapping[str, Any]) -> list[dict[str, int | str | None]]:
        """The arguments of each selection of a field, without those that were omitted; none is there twice.

        Raises ValueError for other values than numbers, strings and null.
        """
        found = []
        for node in self._nodes.get(name, ()):
            values = {each.name.value: _value_of(each.value, variables) for each in node.arguments or ()}
            given = {name: value for name, value in values.items() if value is not _OMITTED}
            if given not in found:
                found.append(given)
        return found

    def has_any(self, names: Iterable[str]) -> bool:
        """Whether at least one of these fields is selected."""
        return not self.names.isdisjoint(names)

    @property
    def is_only_id(self) -> bool:
        """Whether nothing but `id` and `__typename` is selected, so that an object with a known id is not read."""
        return self.names <= {"id"}

    def _collect(self, sets: Iterable[SelectionSetNode]) -> None:
        queue, seen = list(sets), set()
        for selection_set in queue:  # grows during the loop
            for each in selection_set.selections:
                if isinstance(each, FieldNode):
                    if each.name.value != _TYPENAME:
                        self._nodes.setdefault(each.name.value, []).append(each)
                    continue
                fragment: Any = each
                if isinstance(each, FragmentSpreadNode):
                    if each.name.value in seen:
                        continue
                    seen.add(each.name.value)
                    fragment = self._fragments[each.name.value]
                queue.append(fragment.selection_set)


_OMITTED: Any = object()


def _value_of(node: ValueNode, variables: Mapping[str, Any]) -> Any:
    match node:
        case VariableNode():
            value = variables.get(node.name.value, _OMITTED)
            if value is not _OMITTED and not isinstance(value, int | str | None):
                raise ValueError(f"The variable {node.name.value} is neither a number nor a string.")
            return value
        case IntValueNode():
            return int(node.value)
        case StringValueNode():
            return node.value
        case NullValueNode():
            return None
    raise ValueError(f"A {node.kind} is neither a number nor a string.")


def _items_of(connection: Selection) -> Selection:
    edges = connection.below("edges")
    return Selection.from_nodes([*connection._nodes.get("nodes", ()), *edges._nodes.get("node", ())], edges._fragments)  # noqa: SLF001


def selection_of(info: Any) -> Selection:
    """The selection below the field that a resolver answers.

    It is `info.selection` if `info` has one, because the document was compiled; a Strawberry `Info` has none, and each
    call collects it from the document.
    """
    found = getattr(info, "selection", None)
    if isinstance(found, Selection):
        return found
    raw = info._raw_info  # noqa: SLF001 -- Strawberry's `selected_fields` converts the whole tree at each call
    return Selection.from_nodes(raw.field_nodes, raw.fragments)


def variables_of(info: Any) -> Mapping[str, Any]:
    """The coerced variables of the operation; none if `info` does not know them."""
    return getattr(info, "variable_values", None) or {}
