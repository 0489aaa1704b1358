"""Descriptions help those who read them in GraphiQL; `python -m tests.contract.description` lists what does not."""

import pytest
from graphql import build_schema

from tests.contract.description import Place, offenders, problems_of
from tests.contract.served import SERVED

GOOD = '''
"""A person with an account."""
type Person {
  """The name to show."""
  name: String!
  """When it was deleted. Null if it was not."""
  deletedAt: String
  """Their messages, newest first. Null only together with an error."""
  messages(
    """Return the first n messages: 1 to 200, 50 if omitted or null."""
    first: Int
    """Return items after this cursor. From the start if omitted or null."""
    after: String
    """Only those with a file. All if omitted or null."""
    withFile: Boolean
  ): [String!]
}
"""Names a person in one of two ways."""
input PersonBy @oneOf {
  """By the id from `Person.id`."""
  id: ID
  """By the username, in any case."""
  username: String
}
"""Which people to return."""
input PersonFilter {
  """Only people who are online. No effect if null."""
  isOnline: Boolean
  """The beginning of a name."""
  name: String!
}
"""How a file is shown."""
enum Disposition {
  """In the browser."""
  INLINE
}
"""The entry points of queries."""
type Query {
  """A person, by id or username. Null if there is none."""
  person("""How to find the person.""" by: PersonBy!, """Which of them. All if null.""" filter: PersonFilter): Person
}
'''


def test_every_description_helps_its_reader() -> None:
    """They say what the name does not, when a place is null, and what null or omission does."""
    assert [str(each) for each in offenders(SERVED)] == []


def test_good_descriptions_pass() -> None:
    """Members of a @oneOf input need not mention null: exactly one is given."""
    assert offenders(build_schema(GOOD)) == []


@pytest.mark.parametrize(
    ("old", "new", "path", "problem"),
    [
        ("The name to show.", "The name.", "Person.name", "says no more than the name"),
        ("The name to show.", "Its names.", "Person.name", "says no more than the name"),
        ("The name to show.", "What.", "Person.name", "says no more than the name"),
        ("In the browser.", "Opened.", "Disposition.INLINE", "is too short to help"),
        ("In the browser.", "Inline.", "Disposition.INLINE", "says no more than the name"),
        ("The name to show.", "the name to show.", "Person.name", "begins with neither a capital nor a backtick"),
        ("The name to show.", "The name to show", "Person.name", "does not end with a full stop"),
        ("The name to show.", "What becomes of it later.", "Person.name", "says `What becomes of`"),
        ("When it was deleted. Null if it was not.", "When it was deleted.", "Person.deletedAt",
         "does not say when it is null"),
        ("Their messages, newest first. Null only together with an error.", "Their messages, newest first.",
         "Person.messages", "does not say when it is null"),
        ("Only those with a file. All if omitted or null.", "Only those with a file.", "Person.messages(withFile:)",
         "does not say what null or omission does"),
        ("Only people who are online. No effect if null.", "Only people who are online.", "PersonFilter.isOnline",
         "does not say what null or omission does"),
        ("Which of them. All if null.", "Which of them to return.", "Query.person(filter:)",
         "does not say what null or omission does"),
        ("Return items after this cursor. From the start if omitted or null.", "Items after this one, or null.",
         "Person.messages(after:)", "should be `Return items after this cursor. From the start if omitted or null.`"),
        ("Return the first n messages: 1 to 200, 50 if omitted or null.", "At least so many, by default 50.",
         "Person.messages(first:)", "should be `Return the first n items: 1 to 200, 50 if omitted or null.`"),
    ],
)  # fmt: skip
def test_a_description_that_does_not_help_is_noticed(old: str, new: str, path: str, problem: str) -> None:
    """Each rule can fail, and names the element."""
    assert GOOD.count(f'"""{old}"""') == 1
    schema = build_schema(GOOD.replace(f'"""{old}"""', f'"""{new}"""'))

    assert [(each.path, each.problem, each.description) for each in offenders(schema)] == [(path, problem, new)]


@pytest.mark.parametrize(
    ("path", "sentence"),
    [
        ("Mutation.blockUser(input:)", "The input of `blockUser`."),
        ("BlockUserResult", "The result of `blockUser`."),
        ("BlockEdge.cursor", "An opaque cursor of this edge, valid for this viewer only."),
        ("UserError.code", "A stable code for programs."),
    ],
)
def test_what_means_the_same_everywhere_has_one_sentence(path: str, sentence: str) -> None:
    """By its path; another sentence is refused."""
    assert list(problems_of(Place(path, sentence))) == []
    assert list(problems_of(Place(path, "Another good sentence of this."))) == [f"should be `{sentence}`"]
