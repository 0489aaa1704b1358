"""`./sotto explain`: the plan of an operation, without a server."""

import asyncio
from pathlib import Path
from typing import Any

import orjson
import typer
from graphql import get_variable_values, print_ast
from graphql.execution.values import VariableValues

from gql.plan.compiler import compile_plan
from gql.plan.error import Unplannable
from gql.plan.explain import explain, sources_of
from gql.plan.tree import Plan
from gql.wire.schema import build_schema
from server.output import StartError


async def explained(path: Path, name: str | None, variables: str, *, source: bool = False) -> None:
    """Print the plan of an operation in a file, or the `source` that is generated for it.

    Raises StartError if the document is not valid, or if graphql-core executes it.
    """
    try:
        text = await asyncio.to_thread(path.read_text, encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise StartError(f"{path} cannot be read: {error}") from error
    plan = plan_of(text, name, variables_of(variables))
    typer.echo(sources_of(plan) if source else explain(plan), nl=False)


def variables_of(text: str) -> dict[str, Any]:
    """The variables in JSON; raises StartError."""
    try:
        found = orjson.loads(text)
    except orjson.JSONDecodeError as error:
        raise StartError(f"--variables is not JSON: {error}") from error
    if not isinstance(found, dict):
        raise StartError("--variables must be a JSON object.")
    return found


def plan_of(text: str, name: str | None, raw: dict[str, Any]) -> Plan:
    """The plan of an operation; raises StartError."""
    schema = build_schema()
    reading = schema.documents.get(text)
    if reading.errors:
        raise StartError("the document is not valid: " + "; ".join(error.message for error in reading.errors))
    prepared = reading.prepare(schema.core, name)
    if prepared is None:
        raise StartError("the document has no such operation.")
    # Only the variables of `@skip` and `@include` decide about the plan, so the others can be missing.
    conditions = [each for each in prepared.node.variable_definitions or () if "Boolean" in print_ast(each.type)]
    variables = get_variable_values(schema.core, conditions, raw)
    if not isinstance(variables, VariableValues):
        raise StartError("; ".join(error.message for error in variables) + " Pass it with --variables.")
    try:
        return compile_plan(schema.planner.shapes, prepared, variables.coerced)
    except Unplannable as error:
        raise StartError(f"graphql-core executes this operation as a whole: {error}.") from None
