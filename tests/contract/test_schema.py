"""The schema is committed, described and consistent."""

from pathlib import Path

import pytest
from graphql import (
    GraphQLEnumType,
    GraphQLInputObjectType,
    GraphQLInterfaceType,
    GraphQLNamedType,
    GraphQLObjectType,
    GraphQLUnionType,
    is_specified_directive,
)

from tests.contract.served import SERVED, TEXT

ROOT = Path(__file__).parents[2]
TYPES = [
    type_
    for name, type_ in SERVED.type_map.items()
    if not name.startswith("__") and name not in {"String", "Int", "Float", "Boolean", "ID"}
]
MUTATIONS = SERVED.mutation_type.fields if SERVED.mutation_type else {}
UNIONS = [type_ for type_ in TYPES if isinstance(type_, GraphQLUnionType)]


def test_the_committed_schema_is_the_one_that_is_served() -> None:
    """Front-end code generation reads the file."""
    committed = (ROOT / "schema.graphql").read_text(encoding="utf-8")

    assert committed == TEXT, "run: ./sotto schema > schema.graphql"


def undescribed_in(type_: GraphQLNamedType) -> list[str]:
    """The type and what is in it, as far as it has no description."""
    missing = [] if type_.description else [type_.name]
    if isinstance(type_, GraphQLObjectType | GraphQLInterfaceType):
        for name, field in type_.fields.items():
            missing += [] if field.description else [f"{type_.name}.{name}"]
            missing += [f"{type_.name}.{name}({key}:)" for key, each in field.args.items() if not each.description]
    elif isinstance(type_, GraphQLInputObjectType):
        missing += [f"{type_.name}.{name}" for name, each in type_.fields.items() if not each.description]
    elif isinstance(type_, GraphQLEnumType):
        missing += [f"{type_.name}.{name}" for name, each in type_.values.items() if not each.description]
    return missing


def test_everything_is_described() -> None:
    """Every type, field, argument and enum value has a description."""
    assert [place for type_ in TYPES for place in undescribed_in(type_)] == []


@pytest.mark.parametrize("name", MUTATIONS)
def test_a_mutation_takes_one_input_and_answers_with_a_result(name: str) -> None:
    """name(input: NameInput!): NameResult!"""
    noun = name[0].upper() + name[1:]
    field = MUTATIONS[name]

    assert {key: str(each.type) for key, each in field.args.items()} == {"input": f"{noun}Input!"}
    assert str(field.type) == f"{noun}Result!"


@pytest.mark.parametrize("union", [each for each in UNIONS if each.name.endswith("Result")], ids=lambda each: each.name)
def test_a_result_is_one_success_and_refusals(union: GraphQLUnionType) -> None:
    """The first member is the success; all others implement UserError, so that clients can handle new ones."""
    first, *others = union.types

    assert first.name == f"{union.name.removesuffix('Result')}Success"
    assert [each.name for each in others if "UserError" not in {face.name for face in each.interfaces}] == []


@pytest.mark.parametrize("union", UNIONS, ids=lambda each: each.name)
def test_members_of_a_union_do_not_quarrel_over_a_name(union: GraphQLUnionType) -> None:
    """Fields with the same name and different types cannot be selected together."""
    seen: dict[str, str] = {}
    quarrels = [
        f"{member.name}.{name}"
        for member in union.types
        for name, field in member.fields.items()
        if seen.setdefault(name, str(field.type)) != str(field.type)
    ]

    assert quarrels == []


def test_optional_arguments_are_not_printed_as_null() -> None:
    """`= null` in the schema makes code generators treat the argument as given."""
    assert "= null" not in TEXT
    assert [each.name for each in SERVED.directives if not is_specified_directive(each)] in ([], ["oneOf"])
