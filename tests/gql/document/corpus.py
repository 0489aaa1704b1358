"""Documents for the schema of the server, valid and invalid, and random changes of them: most of these are invalid."""

import random
import re
from collections.abc import Iterator

from graphql import get_introspection_query

from tests.contract.test_chat import documents

VALID = [
    *documents().values(),
    get_introspection_query(),
    "{ __typename }",
    "query A { viewer { id } } query B($id: ID!) { node(id: $id) { __typename id } }",
    (
        "query ($n: Int = 3, $c: Boolean!) { conversations(first: $n) @include(if: $c) { nodes { ...C"
        " @skip(if: $c) } } } fragment C on Conversation { id messages(last: 2) { nodes { ...M } } }"
        " fragment M on Message { text }"
    ),
    '{ nodes(ids: ["a", "b"]) { ... on Message { id text } ... on User { id username } ... { id } } }',
    "{ node(id: 5) { id ... on Message { sender { ... on User { id } } attachments { id filename } } } }",
    (
        "mutation ($input: SendPrivateMessageInput!) { sendPrivateMessage(input: $input) { __typename"
        " ... on SendPrivateMessageSuccess { message { id } } ... on UserError { code detail } } }"
    ),
    (
        "mutation ($t: String, $u: [UserReference!]!) { sendPrivateMessage(input: {to: {users: $u}, text: $t}) {"
        " ... on SendPrivateMessageSuccess { message { id } } } }"
    ),
    'mutation { sendPrivateMessage(input: {to: {users: [{username: "bob"}]}, text: """a\n block"""}) { __typename } }',
    "mutation { a: signOut(input: {}) { __typename } other: signOut(input: {}) { __typename } }",
    (
        "subscription ($after: EventCursor) { events(after: $after) { cursor event { __typename ... on MessageCreated {"
        " message { id } } } } }"
    ),
    "query Unused { a: viewer { id } b: viewer { ...V } } fragment V on Viewer { id ...W } fragment W on Viewer { id }",
    '{ searchMessages(query: "a", first: 2) { nodes { id } } users: messageableUsers(search: "b") { nodes { id } } }',
    '{ __type(name: "Message") { name fields(includeDeprecated: true) { name } } }',
]

# Each breaks one rule or more; the first ones in the order of graphql-core's `specified_rules`.
INVALID = [
    "type A { a: Int } { __typename }",
    "query A { __typename } query A { __typename }",
    "{ __typename } query A { __typename }",
    "subscription { a: privateMessageReceived { cursor } b: privateMessageReceived { cursor } }",
    "subscription { __typename }",
    "query ($a: Nothing) { __typename ... on Nobody { id } }",
    "{ viewer { ... on EventCursor { id } } } fragment F on ID { a }",
    "query ($a: Message) { __typename }",
    "{ viewer } ",
    "{ viewer { id { a } } }",
    "{ viewer { idd nickname } viewr { id } }",
    "{ ...F } fragment F on Query { __typename } fragment F on Query { __typename }",
    "{ ...Missing }",
    "{ __typename } fragment F on Query { __typename }",
    "{ viewer { ... on Message { id } ...F } } fragment F on Message { id }",
    "{ ...F } fragment F on Query { ...G } fragment G on Query { ...F ...G }",
    "query ($a: Int, $a: Int) { conversations(first: $a) { nodes { id } } }",
    "{ conversations(first: $missing) { nodes { id } } ...F } fragment F on Query { node(id: $lost) { id } }",
    "query ($unused: Int) { __typename }",
    "{ __typename @nothing @deprecated } query @skip(if: true) { __typename }",
    "{ __typename @skip(if: true) @skip(if: true) }",
    "{ conversations(firs: 1, second: 2) { nodes { id } } __typename @skip(iff: true) }",
    "{ conversations(first: 1, first: 2) { nodes { id } } }",
    '{ conversations(first: "a") { nodes { id } } node(id: null) { id } nodes(ids: [1, {a: 1}]) { id } }',
    "{ conversations(first: 99999999999) { nodes { id } } node(id: 1.5) { id } nodes(ids: true) { id } }",
    'mutation { sendPrivateMessage(input: {text: "a", wrong: 1}) { __typename } }',
    "{ node { id } __typename @include }",
    "query ($a: String) { conversations(first: $a) { nodes { id } } node(id: $a) { id } }",
    "query ($a: [ID]) { nodes(ids: $a) { id } }",
    "{ viewer { id id: eventCursor } }",
    '{ node(id: "a") { id } node(id: "b") { id } }',
    '{ node(id: "a") { ... on Message { a: text } ... on User { a: username } ... on Upload { a: id } } }',
    'mutation { sendPrivateMessage(input: {text: "a", text: "b", to: {users: []}}) { __typename } }',
    "{ __schema { types { fields { type { fields { type { fields { type { fields { name } } } } } } } } } }",
    'mutation { sendPrivateMessage(input: {to: {users: [], conversationId: "a"}}) { __typename } }',
    "mutation { sendPrivateMessage(input: {to: {}}) { __typename } }",
    "query ($u: ID) { conversationWith(users: [{id: $u}]) { id } }",
    "fragment A on Query { __typename } fragment B on Query { ...A }",
    "{ viewer { " + "a " * 105 + "} }",
    "query " + "@a " * 201 + "{ __typename }",
    "{ a { b { c } } } query { d }",
    'mutation { signIn(input: {username: "a"}) { __typename } a: signIn(input: 5) { __typename } }',
]

WORDS = [
    "id", "text", "viewer", "user", "nodes", "sender", "User", "Message", "Conversation", "Query", "Int", "ID", "first",
    "last", "if", "skip", "include", "on", "input", "A", "F", "a", "query", "mutation", "fragment", "null", "true",
    "__typename", "__schema", "name", "EventCursor", "MessageCreated", "node", "users", "to", "username",
]  # fmt: skip
MARKS = ["{", "}", "(", ")", "[", "]", ":", "!", "...", "@", "$", "=", "&", "|", "5", "-1", "1.5", '"s"', '""']
_TOKEN = re.compile(r'"""(?s:.*?)"""|"(?:[^"\\\n]|\\.)*"|\.\.\.|[\w-]+|[^\s,]|[\s,]+')


def changed(text: str, draw: random.Random) -> str:
    """The text with one to three tokens dropped, repeated, swapped or replaced."""
    tokens = _TOKEN.findall(text)
    for _ in range(draw.choice([1, 1, 1, 2, 3])):
        at = draw.randrange(len(tokens))
        way = draw.random()
        if way < 0.2:
            del tokens[at]
        elif way < 0.35:
            tokens.insert(at, tokens[at])
        elif way < 0.45 and at:
            tokens[at - 1], tokens[at] = tokens[at], tokens[at - 1]
        elif way < 0.55:
            tokens.insert(at, f" {draw.choice(MARKS)} ")
        elif re.fullmatch(r"\w+", tokens[at]):
            names = [each for each in tokens if re.fullmatch(r"[A-Za-z_]\w*", each)]
            tokens[at] = draw.choice(names if draw.random() < 0.6 and names else WORDS)
        else:
            tokens[at] = draw.choice([*MARKS, *tokens])
        if not tokens:
            return ""
    return "".join(tokens)


def many(count: int, seed: int = 1) -> Iterator[str]:
    """All of the corpus, then this many random changes."""
    yield from VALID
    yield from INVALID
    draw = random.Random(seed)
    for _ in range(count):
        yield changed(draw.choice([*VALID, *VALID, *INVALID]), draw)
