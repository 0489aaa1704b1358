"""The proof that the fields of a document merge: linear, while graphql-core compares every pair of them."""

from typing import Any, cast

from graphql import (
    DocumentNode,
    FieldNode,
    FragmentDefinitionNode,
    FragmentSpreadNode,
    GraphQLCompositeType,
    GraphQLSchema,
    InlineFragmentNode,
    OperationDefinitionNode,
    OverlappingFieldsCanBeMergedRule,
    SelectionSetNode,
    ValidationContext,
    is_composite_type,
)
from graphql.validation.rules import overlapping_fields_can_be_merged
from graphql.validation.validate import ValidationAbortedError

from gql.document.known import KnownField, known_of

MOST_VISITS = 20_000  # selections that the proof visits before it gives up; a second of graphql-core, 10 ms of ours

# graphql-core's limit for documents without a proof, in its own unit: about 60 ms; its default of 500,000 takes
# up to 700. It reads this attribute of its module at the start of every validation.
overlapping_fields_can_be_merged.MAX_COMPLEXITY_BUDGET = 50_000

_Scoped = tuple[SelectionSetNode, GraphQLCompositeType]


class MergeableFields(OverlappingFieldsCanBeMergedRule):
    """graphql-core's rule, used only for documents that `MergeProof` cannot prove.

    Its comparisons are quadratic in the fields of one response name: two hundred fragments that all select `id` take
    170 ms, and the proof takes one.
    """

    def __init__(self, context: ValidationContext) -> None:
        super().__init__(context)
        self._is_proved = MergeProof(context.schema, context.document).holds()

    def enter_selection_set(self, selection_set: SelectionSetNode, _key: Any, parent: Any, *_args: Any) -> None:
        """Compare if there is no proof; raises ValidationAbortedError if that takes too long."""
        if self._is_proved:
            return
        try:
            super().enter_selection_set(selection_set, _key, parent, *_args)
        except ValidationAbortedError:
            sentence = "Too many different fields answer under one name: give them aliases."
            raise ValidationAbortedError(sentence, selection_set, extensions={"code": "QUERY_TOO_COMPLEX"}) from None


class MergeProof:
    """Proves that fields of one response name are the same field with the same arguments, of the same type.

    That is stricter than the specification (§5.3.2), which lets fields differ on types that exclude each other; then
    nothing is proved. Selection sets that execution would merge are visited together, and each such group once, however
    often the document reaches it.
    """

    def __init__(self, schema: GraphQLSchema, document: DocumentNode, most_visits: int = MOST_VISITS) -> None:
        self.visited = 0
        self._most_visits = most_visits
        self._schema = schema
        self._known = known_of(schema)
        self._document = document
        self._fragments = {
            each.name.value: each for each in document.definitions if isinstance(each, FragmentDefinitionNode)
        }
        self._seen: set[frozenset[int]] = set()

    def holds(self) -> bool:
        """Whether it is proved for all operations; another rule rejects fragments that no operation spreads."""
        for definition in self._document.definitions:
            if isinstance(definition, OperationDefinitionNode):
                root = self._schema.get_root_type(definition.operation)
                if root is None or not self._holds_below((definition.selection_set, root)):
                    return False
        return True

    def _holds_below(self, start: _Scoped) -> bool:
        groups = [[start]]
        while groups:
            group = groups.pop()
            key = frozenset(id(selection_set) for selection_set, _ in group)
            if key in self._seen:
                continue
            self._seen.add(key)
            below = self._merged(group)
            if below is None:
                return False
            groups += below
        return True

    def _merged(self, group: list[_Scoped]) -> list[list[_Scoped]] | None:
        """Merge selection sets; returns the nested ones by response name, or None if there is no proof."""
        found: dict[str, tuple[FieldNode, KnownField, list[_Scoped]]] = {}
        spread: set[str] = set()
        queue = list(group)
        for selection_set, parent in queue:  # grows during the loop
            self.visited += len(selection_set.selections)
            if self.visited > self._most_visits:
                return None
            fields = self._known.fields_of(parent)
            for selection in selection_set.selections:
                if isinstance(selection, FieldNode):
                    if not _add(selection, fields.get(selection.name.value), found):
                        return None
                elif isinstance(selection, InlineFragmentNode) or selection.name.value not in spread:  # type: ignore[attr-defined]
                    inner = self._inside(selection, parent, spread)
                    if inner is None:
                        return None
                    queue.append(inner)
        return [below for _, _, below in found.values() if below]

    def _inside(self, selection: object, parent: GraphQLCompositeType, spread: set[str]) -> _Scoped | None:
        """The selections of a fragment, and its type; None if either is unknown."""
        fragment: InlineFragmentNode | FragmentDefinitionNode | None
        if isinstance(selection, FragmentSpreadNode):
            spread.add(selection.name.value)
            fragment = self._fragments.get(selection.name.value)
        else:
            fragment = cast("InlineFragmentNode", selection)
        if fragment is None:
            return None
        condition = fragment.type_condition
        about = self._schema.get_type(condition.name.value) if condition else parent
        return (fragment.selection_set, about) if is_composite_type(about) else None


def _add(
    node: FieldNode, field: KnownField | None, found: dict[str, tuple[FieldNode, KnownField, list[_Scoped]]]
) -> bool:
    """Add a field under its response name; returns whether it equals those already there."""
    if field is None:
        return False
    first, known, below = found.setdefault((node.alias or node.name).value, (node, field, []))
    if node.selection_set:
        if field.below is None:
            return False
        below.append((node.selection_set, field.below))
    return first is node or (
        first.name.value == node.name.value
        and known.type_text == field.type_text
        and _arguments_of(first) == _arguments_of(node)
    )


def _arguments_of(node: FieldNode) -> frozenset[tuple[str, str]]:
    """The arguments as written; other spellings of the same value are left to graphql-core."""
    return frozenset(
        (each.name.value, each.loc.source.body[each.value.loc.start : each.value.loc.end])
        if each.loc and each.value.loc
        else (each.name.value, str(id(each)))
        for each in node.arguments or ()
    )
