"""The description of a plan, for people who want to know how their document is executed."""

from collections.abc import Iterator

from graphql import print_ast

from gql.plan.shape import Kind
from gql.plan.source import Source
from gql.plan.tree import FieldPlan, ObjectPlan, Plan

_HOW = {
    Kind.READ: "read from its object",
    Kind.CALLED: "called for each object",
    Kind.LEVEL: "loaded once for all objects of the level",
    Kind.AWAITED: "loaded for each object",
    Kind.STREAMED: "one value per event",
}


def explain(plan: Plan) -> str:
    """The tree of a plan, one line for each field: its name, type, how it is resolved, and its cost; ends in a newline.

    Below a field of an interface or a union, there is a line for each type of which something is selected.
    """
    conditions = "".join(f", ${name} = {str(value).lower()}" for name, value in sorted(plan.conditions.items()))
    head = f"{plan.kind.value}: {plan.size} fields{conditions}"
    return "\n".join([head, *_lines_of(plan.root, 1)]) + "\n"


def sources_of(plan: Plan) -> str:
    """The functions that are generated for the objects of a plan once these are rendered often, in Python."""
    return "\n".join(f"# {each.type_name}\n{Source(each).text}" for each in _objects_of(plan.root) if each.fields)


def _objects_of(plan: ObjectPlan) -> Iterator[ObjectPlan]:
    for field in plan.fields:
        for each in (field.objects or {}).values():
            yield each
            yield from _objects_of(each)


def _lines_of(plan: ObjectPlan, depth: int) -> Iterator[str]:
    indent = "  " * depth
    by_key = {field.key: field for field in plan.fields}
    for key in plan.template:
        field = by_key.get(key)
        if field is None:
            yield f"{indent}{key}: constant {plan.type_name}"
            continue
        shape = field.shape
        name = key if key == shape.name else f"{key} ({shape.name})"
        yield f"{indent}{name}{_arguments_of(field)}: {shape.definition.type}, {_HOW[shape.kind]}, cost {field.cost}"
        yield from _below(field, depth + 1)


def _below(field: FieldPlan, depth: int) -> Iterator[str]:
    plans = [each for each in (field.objects or {}).values() if each.template]
    is_abstract = len(field.objects or {}) > 1
    for each in plans:
        if is_abstract:
            yield f"{'  ' * depth}on {each.type_name}"
        yield from _lines_of(each, depth + is_abstract)


def _arguments_of(field: FieldPlan) -> str:
    arguments = field.nodes[0].arguments
    return f"({', '.join(print_ast(each) for each in arguments)})" if arguments else ""
