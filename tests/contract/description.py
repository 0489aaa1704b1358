"""Finds descriptions of the schema that do not help a reader; prints them: `python -m tests.contract.description`."""

import re
from collections.abc import Iterator
from dataclasses import dataclass

from graphql import (
    GraphQLEnumType,
    GraphQLInputObjectType,
    GraphQLInterfaceType,
    GraphQLNonNull,
    GraphQLObjectType,
    GraphQLSchema,
    GraphQLType,
    is_specified_scalar_type,
)

# What a nullable place must mention.
OUTPUT_NULL = re.compile(r"\bnull\b", re.IGNORECASE)
INPUT_NULL = re.compile(r"\bnull\b|\bomit|\bleft out\b|\bleave (it |them )?out\b|\bdefault", re.IGNORECASE)

# Elements with one meaning everywhere have one sentence; the first pattern that matches the whole path counts.
FIXED = (
    (r"Mutation\.(\w+)\(input:\)", r"The input of `{}`."),
    (r"(\w+)Result", r"The result of `{}`."),
    (r"\w+Edge\.cursor", "An opaque cursor of this edge, valid for this viewer only."),
    (r"\w+Error\.detail", "A human-readable explanation: what is wrong and how to fix it."),
    (r"\w+Error\.code", "A stable code for programs."),
    (r"Node\.id", "Globally unique, opaque and permanent."),
    (
        r"\w+\.\w+\(last:\)",
        "Return the last n items: 1 to 200. If omitted or null, `first` applies; sending both is an error.",
    ),
    (r"\w+\.\w+\(before:\)", "Return items before this cursor. Up to the end if omitted or null."),
)
FIRST = re.compile(r"Return the first n \w+\b.*: 1 to \d+")
AFTER = "Return items after this cursor. From the start if omitted or null."

# Phrases of former descriptions that readers stumbled over.
FORBIDDEN = (
    "What becomes of", "At most so many", "Only what comes", "Marks the place", "Opaque and lasting",
    "What is wrong and what would be right", "The stable name of", "does not want to be called", "put away",
    "puts it away", "bad lines", "in the main", "by no particular order", "begin again", "what was said",
    "its time is over", "where one left off", "where to go on", "it stands",
)  # fmt: skip
# Words that add nothing to a name.
FILLER = re.compile(
    "a|an|and|are|as|at|be|by|for|from|has|have|how|id|if|in|is|it|its|not|of|on|one|or|so|that|the|their|them|they|this|"
    "those|to|was|what|when|where|whether|which|who|whom|why|will|with"
)


@dataclass(frozen=True)
class Offender:
    """A description, where it is, and what is wrong with it."""

    path: str
    problem: str
    description: str

    def __str__(self) -> str:
        return f"{self.path} · {self.problem} · {self.description}"


@dataclass(frozen=True)
class Place:
    """An element of the schema; `null` is what its description must mention, if it may be null."""

    path: str
    description: str
    null: re.Pattern[str] | None = None


def offenders(schema: GraphQLSchema) -> list[Offender]:
    """Every description that breaks a rule, in the order of the schema."""
    return [
        Offender(place.path, problem, place.description)
        for place in places_of(schema)
        for problem in problems_of(place)
    ]


def places_of(schema: GraphQLSchema) -> Iterator[Place]:
    """Types, fields, arguments, input fields and enum values, but those of GraphQL itself."""
    for name, type_ in schema.type_map.items():
        if name.startswith("__") or is_specified_scalar_type(type_):
            continue
        yield Place(name, type_.description or "")
        if isinstance(type_, GraphQLEnumType):
            yield from (Place(f"{name}.{key}", each.description or "") for key, each in type_.values.items())
        elif isinstance(type_, GraphQLInputObjectType):
            null = None if type_.is_one_of else INPUT_NULL  # a member of a @oneOf input is given, or another one is
            for key, input_field in type_.fields.items():
                yield Place(f"{name}.{key}", input_field.description or "", _if_nullable(input_field.type, null))
        elif isinstance(type_, GraphQLObjectType | GraphQLInterfaceType):
            for key, field in type_.fields.items():
                yield Place(f"{name}.{key}", field.description or "", _if_nullable(field.type, OUTPUT_NULL))
                for argument, each in field.args.items():
                    null = _if_nullable(each.type, INPUT_NULL)
                    yield Place(f"{name}.{key}({argument}:)", each.description or "", null)


def _if_nullable(type_: GraphQLType, pattern: re.Pattern[str] | None) -> re.Pattern[str] | None:
    return None if isinstance(type_, GraphQLNonNull) else pattern


def problems_of(place: Place) -> Iterator[str]:
    """The rules that the description breaks; the last is about what a nullable place says of null."""
    text = place.description
    if not re.match(r"[A-Z`]", text):
        yield "begins with neither a capital nor a backtick"
    if not text.endswith("."):
        yield "does not end with a full stop"
    yield from (f"says `{phrase}`" for phrase in FORBIDDEN if re.search(rf"\b{phrase}\b", text, re.IGNORECASE))
    if repeats_the_name(place):
        yield "says no more than the name"
    elif len(text.split()) < 3:
        yield "is too short to help"
    expected = _expected(place.path, text)
    if expected is not None:
        yield f"should be `{expected}`"
    if place.null is not None and not place.null.search(text):
        yield "does not say when it is null" if place.null is OUTPUT_NULL else "does not say what null or omission does"


def repeats_the_name(place: Place) -> bool:
    """Fewer than four words, of which the path has all but fillers."""
    words = re.findall(r"[a-z0-9]+", place.description.lower())
    if len(words) >= 4:
        return False
    names = re.findall(r"[A-Z]?[a-z0-9]+|[A-Z]+", place.path)
    known = {_stem(name.lower()) for name in names}
    return all(FILLER.fullmatch(word) or _stem(word) in known for word in words)


def _stem(word: str) -> str:
    """Without the ending of a plural or of a verb."""
    return re.sub(r"(ies|es|s|ed|ing|e|y)$", "", word)


def _expected(path: str, text: str) -> str | None:
    """The sentence that this element should have, if it has another."""
    for pattern, sentence in FIXED:
        if match := re.fullmatch(pattern, path):
            name = match[1] if match.groups() else ""
            wanted = sentence.format(name[:1].lower() + name[1:])
            return None if text == wanted else wanted
    if path.endswith("(first:)") and not FIRST.match(text):
        return "Return the first n items: 1 to 200, 50 if omitted or null."
    if path.endswith("(after:)") and "Deliver" not in text and "events" not in path and text != AFTER:
        return AFTER
    return None


if __name__ == "__main__":
    from tests.contract.served import SERVED

    print(*offenders(SERVED), sep="\n")
