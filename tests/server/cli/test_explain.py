"""`./sotto explain`: what people see of a plan."""

from pathlib import Path

import pytest

from gql.plan.explain import explain
from server.cli.explain import explained, plan_of, variables_of
from server.output import StartError

PAGE = """\
query Page($id: ID!, $n: Int, $ticks: Boolean = false) {
  conversation(id: $id) {
    __typename
    page: messages(last: $n) { nodes { text status: deliveryStatus @include(if: $ticks) } }
  }
  node(id: $id) { ... on Message { text } ... on User { username } }
}
"""

PLAN = """\
query: 9 fields, $ticks = true
  conversation(id: $id): Conversation, loaded for each object, cost 5
    __typename: constant Conversation
    page (messages)(last: $n): MessageConnection!, loaded once for all objects of the level, cost 20
      nodes: [Message!]!, read from its object, cost 1
        text: String, read from its object, cost 1
        status (deliveryStatus): DeliveryStatus!, loaded once for all objects of the level, cost 5
  node(id: $id): Node, loaded for each object, cost 5
    on Message
      text: String, read from its object, cost 1
    on User
      username: String!, read from its object, cost 1
"""


async def test_a_plan_is_a_tree_of_fields(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """How each field is resolved, and what it costs; other variables than those of `@include` do not matter."""
    path = tmp_path / "page.graphql"
    path.write_text(PAGE)

    await explained(path, None, '{"ticks": true}')

    assert capsys.readouterr().out.splitlines() == PLAN.splitlines()


async def test_the_generated_source_can_be_read(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """It is the function that renders an object; each of its names is declared in the plan."""
    path = tmp_path / "page.graphql"
    path.write_text(PAGE)

    await explained(path, None, '{"ticks": true}', source=True)

    shown = capsys.readouterr().out
    assert "# Message\ndef render(self, source):\n    size = " in shown
    assert "out = {'text': v0, 'status': None}" in shown
    assert "self.defer(field1, out, source)" in shown


def test_the_defaults_of_variables_decide() -> None:
    """As in a request that leaves them out."""
    shown = explain(plan_of(PAGE, None, {}))

    assert shown.startswith("query: 8 fields, $ticks = false\n")
    assert "deliveryStatus" not in shown


@pytest.mark.parametrize(
    ("text", "name", "said"),
    [
        ("{ nothing }", None, "the document is not valid: Cannot query field 'nothing'"),
        ("query A { serverInfo { version } }", "B", "the document has no such operation"),
        ("{ __schema { types { name } } }", None, "graphql-core executes this operation as a whole"),
        ("query A($x: Boolean!) { serverInfo @skip(if: $x) { version } }", None, "Pass it with --variables"),
    ],
)
def test_what_has_no_plan_says_why(text: str, name: str | None, said: str) -> None:
    """One sentence, as of all commands."""
    with pytest.raises(StartError, match=said):
        plan_of(text, name, {})


@pytest.mark.parametrize("text", ["{", "[1]"])
def test_variables_are_a_json_object(text: str) -> None:
    """Anything else is refused before the document is read."""
    with pytest.raises(StartError, match="--variables"):
        variables_of(text)


async def test_a_file_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    """It may be mistyped."""
    with pytest.raises(StartError, match=r"nowhere\.graphql cannot be read"):
        await explained(tmp_path / "nowhere.graphql", None, "{}")
