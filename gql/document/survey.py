"""The size of a document with its fragments expanded, measured in linear time."""

from collections import Counter
from dataclasses import dataclass, field

from graphql import (
    DocumentNode,
    FieldNode,
    FragmentDefinitionNode,
    FragmentSpreadNode,
    GraphQLError,
    OperationDefinitionNode,
    SelectionSetNode,
)

TOO_COMPLEX = "QUERY_TOO_COMPLEX"
MOST_NAMES = 20  # of a path that are shown
SATURATED = 1_000_000  # counts stop here: twenty fragments that double are a million fields already

_DefinitionNode = OperationDefinitionNode | FragmentDefinitionNode


@dataclass(frozen=True, slots=True)
class QueryLimits:
    """What one document may request; each figure is the highest accepted. Why: docs/decisions/limit.md.

    `selections` (fields, spreads and inline fragments) are counted in each definition, its fragments expanded. `depth`
    counts nested fields; below `__schema` and `__type`, `introspection_depth` counts instead. `root_fields` are the
    response names of an operation. `once` names root fields that a document may have once each. `values` counts the
    values in the variables, at any depth: coercion and resolvers process all of it.

    `cost` limits the estimate of an operation, `executed_cost` its actual cost if lists are longer than estimated, both
    in the unit of gql/document/cost.py; `response_bytes` limits the approximate size of its answer.
    """

    document_bytes: int = 100_000
    tokens: int = 5_000
    directives: int = 200
    operations: int = 50
    fragments: int = 200
    spreads: int = 1_000
    depth: int = 12
    introspection_depth: int = 20
    selections: int = 10_000
    root_fields: int = 20
    values: int = 2_500
    cost: int = 25_000
    executed_cost: int = 50_000
    response_bytes: int = 16 * 1024 * 1024
    once: frozenset[str] = frozenset({"signIn", "signUp", "changePassword"})


class LimitExceeded(GraphQLError):
    """A request exceeds a limit; the sentence names what is counted, the figure found and the highest accepted."""

    def __init__(
        self,
        what: str,
        found: int | str,
        limit: int,
        node: _DefinitionNode | None = None,
        path: list[str | int] | None = None,
    ) -> None:
        if isinstance(found, int):
            found = f"{found:,} or more" if found >= SATURATED and node else f"{found:,}"
        extensions = {"code": TOO_COMPLEX}
        super().__init__(f"{what}: {found}, at most {limit:,} allowed.", node, path=path, extensions=extensions)


class TooExpensive(LimitExceeded):
    """The estimated cost of an operation exceeds the limit; names the page or list that costs most."""

    def __init__(self, cost: int, limit: int, path: tuple[str, ...]) -> None:
        super().__init__("Cost of the operation", cost, limit)
        where = ".".join(path[:MOST_NAMES]) + ("…" if len(path) > MOST_NAMES else "")
        self.message += f" Its dearest part is {where}: ask" if where else " Ask"
        self.message += " for shorter pages, or for fewer fields there." if where else " for fewer fields."
        assert self.extensions is not None
        self.extensions.update(cost=cost, limit=limit, path=list(path[:MOST_NAMES]))


@dataclass(slots=True)
class _Definition:
    """An operation or fragment: first its own figures, then, if `expanded`, with those of its fragments."""

    node: _DefinitionNode
    selections: int = 0
    depth: int = 0
    introspection_depth: int = 0
    spreads: list[tuple[FragmentSpreadNode, int, int]] = field(default_factory=list)
    is_open: bool = False
    is_expanded: bool = False

    def deepen(self, depth: int, introspection_depth: int) -> None:
        """Record a field at this depth; it belongs to introspection unless `introspection_depth` is 0."""
        if introspection_depth:
            self.introspection_depth = max(self.introspection_depth, introspection_depth)
        else:
            self.depth = max(self.depth, depth)


class Survey:
    """One walk over a document, then one over the expanded roots, which the first has found to be small.

    `visited` counts the selections visited: each once, and then for each operation at most as many again. A spread that
    closes a cycle is skipped, because graphql-core has a better message for it; so are spreads of unknown fragments. Of
    two fragments with one name the last counts, as in graphql-core.
    """

    def __init__(self, document: DocumentNode, limits: QueryLimits) -> None:
        self.visited = 0
        self._limits = limits
        self._definitions = [_Definition(node) for node in document.definitions if isinstance(node, _DefinitionNode)]
        self._fragments = {
            d.node.name.value: d for d in self._definitions if isinstance(d.node, FragmentDefinitionNode)
        }
        self._directives = 0
        self._closing: set[int] = set()
        self._once: Counter[str] = Counter()

    def check(self) -> None:
        """Raise LimitExceeded for the first limit that the document exceeds."""
        self._check_written()
        for definition in self._definitions:
            self._expand(definition)
            self._check_expanded(definition)
            if isinstance(definition.node, OperationDefinitionNode):
                self._check_root(definition)
        for name, found in self._once.items():
            if found > 1:
                raise LimitExceeded(f"Calls of {name} in the document", found, 1)

    def _check_written(self) -> None:
        limits, fragments, spreads = self._limits, 0, 0
        for definition in self._definitions:
            self._scan(definition)
            fragments += isinstance(definition.node, FragmentDefinitionNode)
            spreads += len(definition.spreads)
        for what, found, limit in (
            ("Directives in the document", self._directives, limits.directives),
            ("Operations in the document", len(self._definitions) - fragments, limits.operations),
            ("Fragments defined in the document", fragments, limits.fragments),
            ("Fragment spreads in the document", spreads, limits.spreads),
        ):
            if found > limit:
                raise LimitExceeded(what, found, limit)

    def _scan(self, definition: _Definition) -> None:
        node = definition.node
        self._directives += len(node.directives or ())
        self._directives += sum(len(variable.directives or ()) for variable in node.variable_definitions or ())
        stack = [(node.selection_set, 0, 0)]
        while stack:
            selection_set, depth, introspection_depth = stack.pop()
            for selection in selection_set.selections:
                self.visited += 1
                self._directives += len(selection.directives or ())
                definition.selections += 1
                if isinstance(selection, FragmentSpreadNode):
                    definition.spreads.append((selection, depth, introspection_depth))
                    continue
                below, below_introspection = depth, introspection_depth
                if isinstance(selection, FieldNode):
                    below += 1
                    if introspection_depth or selection.name.value in {"__schema", "__type"}:
                        below_introspection += 1
                    definition.deepen(below, below_introspection)
                inner: SelectionSetNode | None = getattr(selection, "selection_set", None)
                if inner:
                    stack.append((inner, below, below_introspection))

    def _expand(self, definition: _Definition) -> None:
        """Add the figures of the fragments, each expanded once; `limits.fragments` limits the recursion."""
        if definition.is_expanded:
            return
        definition.is_open = True
        for spread, depth, introspection_depth in definition.spreads:
            fragment = self._fragments.get(spread.name.value)
            if fragment is None:
                continue
            if fragment.is_open:
                self._closing.add(id(spread))
                continue
            self._expand(fragment)
            definition.selections = min(SATURATED, definition.selections + fragment.selections)
            if introspection_depth:
                deepest = max(fragment.depth, fragment.introspection_depth)
                definition.deepen(0, introspection_depth + deepest)
            else:
                definition.deepen(depth + fragment.depth, 0)
                definition.deepen(0, fragment.introspection_depth)
        definition.is_open, definition.is_expanded = False, True

    def _check_expanded(self, definition: _Definition) -> None:
        """Check the figures of one definition; a fragment's depth counts where it is spread."""
        limits = self._limits
        checks = [("Selections, fragments expanded", definition.selections, limits.selections)]
        if isinstance(definition.node, OperationDefinitionNode):
            checks += [
                ("Depth of nested fields", definition.depth, limits.depth),
                ("Depth of nested introspection fields", definition.introspection_depth, limits.introspection_depth),
            ]
        for what, found, limit in checks:
            if found > limit:
                raise LimitExceeded(what, found, limit, definition.node)

    def _check_root(self, definition: _Definition) -> None:
        fields = self._collect(definition.node.selection_set)
        if len(fields) > self._limits.root_fields:
            raise LimitExceeded("Root fields of an operation", len(fields), self._limits.root_fields, definition.node)
        self._once.update(
            node.name.value for same in fields.values() for node in same if node.name.value in self._limits.once
        )

    def _collect(self, root: SelectionSetNode) -> dict[str, list[FieldNode]]:
        """Return the fields of a selection set by response name (the specification's CollectFields)."""
        fields: dict[str, list[FieldNode]] = {}
        seen: set[str] = set()
        queue = [root]
        for selection_set in queue:  # grows during the loop
            for selection in selection_set.selections:
                self.visited += 1
                if isinstance(selection, FieldNode):
                    fields.setdefault((selection.alias or selection.name).value, []).append(selection)
                elif isinstance(selection, FragmentSpreadNode):
                    name = selection.name.value
                    if name in self._fragments and name not in seen and id(selection) not in self._closing:
                        seen.add(name)
                        queue.append(self._fragments[name].node.selection_set)
                else:
                    queue.append(selection.selection_set)  # type: ignore[attr-defined]
        return fields


def check_values(variables: object, limits: QueryLimits) -> None:
    """Raise LimitExceeded if the variables hold too many values; stops counting there."""
    found, stack = 0, [variables]
    while stack:
        value = stack.pop()
        below = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
        found += len(below)
        if found > limits.values:
            raise LimitExceeded("Values in the variables", f"over {limits.values:,}", limits.values)
        stack.extend(below)
