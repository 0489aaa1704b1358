"""Rendering: from the views of the services to dictionaries for JSON, as far as nothing must be awaited."""

from collections.abc import Sequence
from typing import Any

from graphql.execution.values import VariableValues, get_argument_values

from gql.context import Context
from gql.document.cost import ERROR, ITEM, LOCATED
from gql.document.spending import LOCATION_BYTES
from gql.pace import pace_of_loop
from gql.plan.error import NullValue
from gql.plan.failure import Failure, null_error
from gql.plan.leaf import json_bytes_of
from gql.plan.shape import Shapes
from gql.plan.source import HOT, compile_hot
from gql.plan.tree import FieldPlan, ObjectPlan
from gql.selection import Selection

_LISTS = (list, tuple)

Waiting = tuple[dict[str, Any], Any]  # an object of the response, and its source


class PlanInfo:
    """What resolvers get as `info`: the context, what is selected below their field, and the variables, coerced."""

    __slots__ = ("context", "selection", "variable_values")

    def __init__(self, context: Context, selection: Selection, variable_values: dict[str, Any]) -> None:
        self.context = context
        self.selection = selection
        self.variable_values = variable_values


class Renderer:
    """Makes the objects of a response from their sources.

    A source becomes a dictionary at once, with its leaves and the objects below it. Its lists are queued in `lists`, so
    that the event loop can be served between two items, and what must be awaited is queued in `deferred`, by field, so
    that one call can load it for all objects. `left` is what the execution may still cost, `size_bytes` about the
    length of the response so far.
    """

    __slots__ = (
        "_arguments",
        "_context",
        "_pace",
        "_shapes",
        "_variables",
        "deferred",
        "failures",
        "left",
        "lists",
        "size_bytes",
    )

    def __init__(self, shapes: Shapes, context: Context, variables: VariableValues, budget: int) -> None:
        self._shapes = shapes
        self._context = context
        self._variables = variables
        self._pace = pace_of_loop()
        self._arguments: dict[FieldPlan, dict[str, Any] | Exception] = {}
        self.left = budget
        self.size_bytes = 0
        self.lists: list[tuple[FieldPlan, list[Any], Sequence[Any]]] = []
        self.deferred: dict[FieldPlan, list[Waiting]] = {}
        self.failures: list[Failure] = []

    def render(self, plan: ObjectPlan, source: Any) -> dict[str, Any]:
        """The object of a source; never raises."""
        if plan.function is not None:
            left, size_bytes = self.left, self.size_bytes
            try:
                return plan.function(self, source)
            except Exception:  # noqa: BLE001 -- raised again below, and recorded at its field
                self.left, self.size_bytes = left, size_bytes
        elif not plan.is_large:
            plan.rendered += 1
            if plan.rendered >= HOT and not self._pace.is_over():
                compile_hot(plan)
        return self._render(plan, source)

    def _render(self, plan: ObjectPlan, source: Any) -> dict[str, Any]:
        """What the compiled function of a plan does, for plans that have none, and where it fails."""
        self.left -= plan.weight
        self.size_bytes += plan.size_bytes
        out = plan.template.copy()
        try:
            self._read(plan, source, out)
        except Exception:  # noqa: BLE001 -- raised again, and recorded at its field
            self._read_one_by_one(plan, source, out)
        for field in plan.nested:
            try:
                value = field.shape.resolve(source)
            except Exception as error:  # noqa: BLE001 -- recorded
                self.fail(field, out, field.key, error)
            else:
                self.put(field, out, value)
        for field in plan.called:
            self.call(field, out, source)
        for field in plan.deferred:
            self.defer(field, out, source)
        return out

    def _read(self, plan: ObjectPlan, source: Any, out: dict[str, Any]) -> None:
        """Read the leaves; raises what one of them raises."""
        for key, get, is_required in plan.plain:
            value = out[key] = get(source)
            if value is None and is_required:
                raise NullValue
        for key, get, is_required in plan.texts:
            value = out[key] = get(source)
            if value is not None:
                self.size_bytes += len(value) if value.isascii() else len(value.encode(errors="replace"))
            elif is_required:
                raise NullValue
        for key, get, convert, is_required in plan.converted:
            value = get(source)
            if value is not None:
                out[key] = convert(value)
            elif is_required:
                raise NullValue

    def _read_one_by_one(self, plan: ObjectPlan, source: Any, out: dict[str, Any]) -> None:
        """Read the leaves of an object of which at least one fails."""
        leaves = {key for key, *_ in (*plan.plain, *plan.texts, *plan.converted)}
        for field in plan.fields:
            if field.key not in leaves:
                continue
            out[field.key] = None
            try:
                value = field.shape.resolve(source)
            except Exception as error:  # noqa: BLE001 -- recorded
                self.fail(field, out, field.key, error)
            else:
                self.put(field, out, value)

    def call(self, field: FieldPlan, out: dict[str, Any], source: Any) -> None:
        """Resolve a field that takes arguments or the context, and complete its value."""
        arguments = self.arguments_of(field)
        if isinstance(arguments, Exception):
            self.fail(field, out, field.key, arguments)
            return
        try:
            value = field.shape.resolve(source, **arguments)
        except Exception as error:  # noqa: BLE001 -- recorded
            self.fail(field, out, field.key, error)
        else:
            self.put(field, out, value)

    def defer(self, field: FieldPlan, out: dict[str, Any], source: Any) -> None:
        """Queue a field that must be awaited."""
        waiting = self.deferred.get(field)
        if waiting is None:
            waiting = self.deferred[field] = []
        waiting.append((out, source))

    def put(self, field: FieldPlan, out: dict[str, Any], value: Any) -> None:
        """Complete the value of a field; never raises."""
        if value is None:
            if not field.shape.is_nullable:
                self.fail(field, out, field.key, null_error(field))
        elif isinstance(value, Exception):
            self.fail(field, out, field.key, value)
        elif field.shape.is_list:
            self._put_list(field, out, value)
        else:
            try:
                out[field.key] = self._completed(field, value)
            except Exception as error:  # noqa: BLE001 -- recorded
                self.fail(field, out, field.key, error)

    def _put_list(self, field: FieldPlan, out: dict[str, Any], values: Any) -> None:
        if not isinstance(values, _LISTS):
            if isinstance(values, str) or not hasattr(values, "__iter__"):
                self.fail(field, out, field.key, TypeError(f"{field.shape.name} is no list."))
                return
            values = list(values)
        items: list[Any] = []
        out[field.key] = items
        if field.objects is not None:
            self.left -= ITEM * len(values)
        if values:
            self.lists.append((field, items, values))

    def put_item(self, field: FieldPlan, items: list[Any], value: Any) -> None:
        """Complete the next item of a list; never raises."""
        error: Exception | None = None
        items.append(None)
        if value is None:
            error = None if field.shape.has_nullable_items else null_error(field)
        elif isinstance(value, Exception):
            error = value
        else:
            try:
                items[-1] = self._completed(field, value)
            except Exception as raised:  # noqa: BLE001 -- recorded
                error = raised
        if error is not None:
            self.fail(field, items, len(items) - 1, error)

    def _completed(self, field: FieldPlan, value: Any) -> Any:
        """A value or an item that is not null, as JSON."""
        if field.objects is not None:
            plan = field.objects.get(type(value))
            if plan is None:
                raise TypeError(f"{type(value).__name__} is no possible type of {field.shape.named}.")
            return self.render(plan, value)
        if field.shape.is_json:
            self.size_bytes += json_bytes_of(value)
        elif isinstance(value, str):
            self.size_bytes += len(value) if value.isascii() else len(value.encode(errors="replace"))
        convert = field.shape.convert
        return value if convert is None else convert(value)

    def fail(self, field: FieldPlan, container: dict[str, Any] | list[Any], key: str | int, error: Exception) -> None:
        """Record a failure; the value stays null until `settle` decides what else does."""
        self.left -= ERROR + len(field.nodes) // LOCATED
        self.size_bytes += len(str(error)) + LOCATION_BYTES * len(field.nodes)
        self.failures.append(Failure(container, key, field, error))

    def arguments_of(self, field: FieldPlan) -> dict[str, Any] | Exception:
        """The arguments of a field's resolver in this execution, `info` among them; or why there are none."""
        known = self._arguments.get(field)
        if known is not None:
            return known
        shape, found = field.shape, field.arguments
        if found is None:
            try:
                coerced = get_argument_values(shape.definition, field.nodes[0], self._variables)
                found = self._shapes.arguments_of(shape, coerced)
            except Exception as error:  # noqa: BLE001 -- the error of the field, wherever it is shown
                self._arguments[field] = error
                return error
        if shape.info_name is not None:
            found = {**found, shape.info_name: self.info_of(field)}
        self._arguments[field] = found
        return found

    def info_of(self, field: FieldPlan) -> PlanInfo:
        """The `info` for a field's resolver."""
        return PlanInfo(self._context, field.selection, self._variables.coerced)
