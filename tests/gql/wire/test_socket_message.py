"""Messages: a malformed one closes the socket with the protocol's code, an error in an operation ends only that."""

import json

import pytest

from tests.gql.conftest import Site
from tests.gql.raw_socket import wire
from tests.gql.witness import HEAR, is_usable, subscribe, undisturbed

INIT = {"type": "connection_init"}
DEEP = "[" * 100_000 + "]" * 100_000


def raw(query: str = '"{ __typename }"', **payload: str) -> str:
    """A `subscribe` with this raw payload, valid JSON or not."""
    members = ", ".join(f'"{key}": {value}' for key, value in {"query": query, **payload}.items())
    return '{"id": "1", "type": "subscribe", "payload": {' + members + "}}"


def ping(value: str) -> str:
    """A `ping` with this raw payload, valid JSON or not."""
    return '{"type": "ping", "payload": {"a": ' + value + "}}"


UNREADABLE: dict[str, object] = {
    "empty": "", "blank": " ", "NUL": "\x00", "half an object": "{", "two objects": '{"type":"ping"}{"type":"ping"}',
    "null": "null", "array": "[]", "batch": '[{"type": "ping"}]', "string": '"ping"', "number": "1", "true": "true",
    "byte order mark": "\ufeff" + '{"type": "ping"}', "raw newline in a string": '{"type": "pi\nng"}',
    "deep array": DEEP, "open array": "[" * 100_000, "deep object": '{"a":' * 100_000 + "1" + "}" * 100_000,
    "deep variables": raw(variables='{"a": ' + DEEP + "}"), "deep ping": ping(DEEP),
    "deep surrogate": raw('"\\ud800"', variables='{"a": ' + DEEP + "}"),
    "NaN": ping("NaN"), "Infinity": raw(variables='{"a": Infinity}'),
    "-Infinity": raw(variables='{"a": -Infinity}'), "surrogate in a ping": ping('"\\ud800"'),
    "surrogate in a type": '{"type": "\\ud800"}',
    "digits and half a character": raw('"\\ud800"', variables="1" * 5_000),
    "400 digits": ping("1" * 400), "1e999": raw(variables='{"a": 1e999}'),
}  # fmt: skip
MALFORMED: dict[str, object] = {
    "no type": {}, "type null": {"type": None}, "type number": {"type": 1}, "type array": {"type": ["ping"]},
    "type object": {"type": {}}, "type true": {"type": True}, "type unknown": {"type": "nonsense"},
    "type in capitals": {"type": "PING"}, "type with a blank": {"type": "ping "},
    "the server's next": {"type": "next", "id": "1", "payload": {}}, "the server's error": {"type": "error", "id": "1"},
    "the server's ack": {"type": "connection_ack"}, "legacy start": {"type": "start", "id": "1", "payload": {}},
    "legacy stop": {"type": "stop", "id": "1"}, "legacy terminate": {"type": "connection_terminate"},
    "the legacy server's ka": {"type": "ka"},
    "ping array": {"type": "ping", "payload": []}, "ping string": {"type": "ping", "payload": "x"},
    "ping number": {"type": "ping", "payload": 5}, "ping false": {"type": "ping", "payload": False},
    "pong array": {"type": "pong", "payload": [1]}, "pong string": {"type": "pong", "payload": "x"},
    "complete without id": {"type": "complete"}, "complete id null": {"type": "complete", "id": None},
    "complete id number": {"type": "complete", "id": 5}, "complete id object": {"type": "complete", "id": {}},
    "complete id empty": {"type": "complete", "id": ""}, "complete id long": {"type": "complete", "id": "x" * 129},
    "no id": {"type": "subscribe", "payload": {"query": "{a}"}}, "id null": subscribe(id_=None),
    "id number": subscribe(id_=1), "id true": subscribe(id_=True), "id object": subscribe(id_={}),
    "id array": subscribe(id_=["1"]), "id empty": subscribe(id_=""), "id long": subscribe(id_="x" * 129),
    "id of 30 digits": raw().replace('"1"', "1" * 30, 1),
    "no payload": {"type": "subscribe", "id": "1"}, "payload null": {"type": "subscribe", "id": "1", "payload": None},
    "payload array": {"type": "subscribe", "id": "1", "payload": [{"query": "{a}"}]},
    "payload string": {"type": "subscribe", "id": "1", "payload": "{ __typename }"},
    "payload number": {"type": "subscribe", "id": "1", "payload": 5},
    "no query": {"type": "subscribe", "id": "1", "payload": {}}, "query null": subscribe(None),
    "query number": subscribe(5), "query array": subscribe(["{ __typename }"]), "query object": subscribe({}),
    "variables array": subscribe(variables=[]), "variables string": subscribe(variables="{}"),
    "variables number": subscribe(variables=0), "variables false": subscribe(variables=False),
    "name number": subscribe(operationName=5), "name object": subscribe(operationName={}),
    "name array": subscribe(operationName=["A"]), "name false": subscribe(operationName=False),
    "extensions array": subscribe(extensions=[]), "extensions string": subscribe(extensions="x"),
}  # fmt: skip


@pytest.mark.asyncio(loop_scope="module")
@pytest.mark.parametrize("name", [*UNREADABLE, *MALFORMED])
async def test_a_malformed_message_closes_with_4400(
    module_site: Site, caplog: pytest.LogCaptureFixture, name: str
) -> None:
    """Never 1006, nothing in the log, nobody else affected; the client learns what was wrong."""
    async with undisturbed(module_site, caplog) as token, wire(module_site.graphql, token=token) as socket:
        socket.send({**UNREADABLE, **MALFORMED}[name])

        assert await socket.closing() == 4400


@pytest.mark.asyncio(loop_scope="module")
@pytest.mark.parametrize(
    ("sent", "code"),
    [
        ([subscribe()], 4401),
        ([subscribe(HEAR)], 4401),
        ([INIT, INIT], 4429),
        ([INIT, {**INIT, "payload": {"authorization": "nonsense"}}], 4429),
        ([{**INIT, "payload": []}], 4400),
        ([{**INIT, "payload": "Bearer x"}], 4400),
        ([{**INIT, "payload": 5}], 4400),
        ([{**INIT, "payload": False}], 4400),
        ([{**INIT, "payload": {"authorization": {}}}], 4401),
        ([{**INIT, "payload": {"authorization": ["Bearer x"]}}], 4401),
        ([{**INIT, "payload": {"authorization": ""}}], 4401),
        ([{**INIT, "payload": {"authorization": "Bearer \x00"}}], 4401),
        ([{**INIT, "payload": {"authorization": "Bearer " + "x" * 100_000}}], 4401),
        ([INIT, subscribe("subscription { typing { isTyping } }", "a" * 128)] * 2, 4429),
        ([{"type": "complete"}], 4400),
    ],
)
async def test_a_handshake_of_the_protocol_has_its_codes(
    module_site: Site, caplog: pytest.LogCaptureFixture, sent: list[object], code: int
) -> None:
    """4401 before the acknowledgement and for invalid credentials, 4429 for a second connection_init."""
    async with undisturbed(module_site, caplog), wire(module_site.graphql, init=False) as socket:
        for each in sent:
            socket.send(each)

        assert await socket.closing() == code


@pytest.mark.asyncio(loop_scope="module")
async def test_an_id_in_use_closes_with_4409(module_site: Site, caplog: pytest.LogCaptureFixture) -> None:
    """The reason names the id, cut to fit a control frame."""
    async with undisturbed(module_site, caplog) as token, wire(module_site.graphql, token=token) as socket:
        for _ in range(2):
            socket.send(subscribe(HEAR, "😀" * 128))

        assert await socket.closing() == 4409


REFUSED: dict[str, tuple[object, str]] = {
    "query empty": (subscribe(""), "BAD_REQUEST"),
    "query blank": (subscribe(" \n\t"), "BAD_REQUEST"),
    "a syntax error": (subscribe("{"), "GRAPHQL_PARSE_FAILED"),
    "NUL in the query": (subscribe("{ \x00 }"), "GRAPHQL_PARSE_FAILED"),
    "only a comment": (subscribe("# nothing"), "GRAPHQL_PARSE_FAILED"),
    "an unknown field": (subscribe("{ nothing }"), "GRAPHQL_VALIDATION_FAILED"),
    "only a fragment": (subscribe("fragment A on Query { __typename }"), "BAD_REQUEST"),
    "query of 100 kB": (subscribe("{ __typename }" + " " * 100_000), "QUERY_TOO_COMPLEX"),
    "query of nearly 1 MiB": (subscribe("{ __typename }" + " " * 1_000_000), "QUERY_TOO_COMPLEX"),
    "deep query": (subscribe("{ a " * 10_000 + "}" * 10_000), "QUERY_TOO_COMPLEX"),
    "an unknown operation": (subscribe("query A { __typename }", operationName="B"), "BAD_REQUEST"),
    "one without a name": (subscribe(operationName="A"), "BAD_REQUEST"),
    "several operations": (subscribe("query A { __typename } query B { __typename }"), "BAD_REQUEST"),
    "half a character in the query": (raw('"{ a(b: \\"\\ud83d\\") }"'), "BAD_REQUEST"),
    "half a character in a variable": (raw(variables='{"a": "\\ude00"}'), "BAD_REQUEST"),
    "half a character in extensions": (raw(extensions='{"\\ud800": 1}'), "BAD_REQUEST"),
}


@pytest.mark.asyncio(loop_scope="module")
@pytest.mark.parametrize("name", REFUSED)
async def test_a_wrong_operation_gets_an_error_and_the_socket_goes_on(
    module_site: Site, caplog: pytest.LogCaptureFixture, name: str
) -> None:
    """With its own id; another subscription on the same socket continues."""
    sent, code = REFUSED[name]
    async with undisturbed(module_site, caplog) as token, wire(module_site.graphql, token=token) as socket:
        socket.send(subscribe(HEAR, "live"))
        socket.send(sent)
        answer = await socket.message()

        assert (answer["id"], answer["type"]) == ("1", "error")
        assert [error["extensions"]["code"] for error in answer["payload"]] == [code]
        assert await is_usable(socket)
        assert module_site.services.pubsub.listeners() == 2  # type: ignore[attr-defined]


@pytest.mark.asyncio(loop_scope="module")
@pytest.mark.parametrize(
    ("query", "variables"),
    [
        ("query ($n: Int) { conversations(first: $n) { totalCount } }", {"n": "x"}),
        ("query ($n: Int) { conversations(first: $n) { totalCount } }", {"n": 10**30}),
        ("query ($n: Int) { conversations(first: $n) { totalCount } }", {"n": [1]}),
        ("query ($i: ID!) { node(id: $i) { id } }", None),
        ("query ($i: ID!) { node(id: $i) { id } }", {"i": {}}),
    ],
)
async def test_variables_that_do_not_fit_are_a_result_without_data(
    module_site: Site, caplog: pytest.LogCaptureFixture, query: str, variables: object
) -> None:
    """As over HTTP (GraphQL §7.1): nothing was executed."""
    async with undisturbed(module_site, caplog) as token, wire(module_site.graphql, token=token) as socket:
        socket.send(subscribe(query, variables=variables))
        answer, done = await socket.message(), await socket.message()

        assert (answer["type"], list(answer["payload"])) == ("next", ["errors"])
        assert [error["extensions"]["code"] for error in answer["payload"]["errors"]] == ["BAD_REQUEST"]
        assert done == {"id": "1", "type": "complete"}
        assert await is_usable(socket)


TYPENAME = {"data": {"__typename": "Query"}}
FINE: dict[str, tuple[object, object]] = {
    "ping": ({"type": "ping"}, {"type": "pong"}),
    "ping null": ({"type": "ping", "payload": None}, {"type": "pong", "payload": None}),
    "ping with numbers": (
        '{"type": "ping", "payload": {"a": 1e308, "b": 18446744073709551615}}',
        {"type": "pong", "payload": {"a": 1e308, "b": 18446744073709551615}},
    ),
    "duplicate keys": ('{"type": "subscribe", "type": "ping"}', {"type": "pong"}),
    "a key unknown": ({"type": "ping", "x": 1, "id": []}, {"type": "pong"}),
    "a blank around": (' \r\n\t{"type": "ping"}\n', {"type": "pong"}),
    "an id of 128": (subscribe(id_="x" * 128), {"id": "x" * 128, "type": "next", "payload": TYPENAME}),
    "an id of NUL": (subscribe(id_="\x00"), {"id": "\x00", "type": "next", "payload": TYPENAME}),
    "an id of emoji": (subscribe(id_="😀"), {"id": "😀", "type": "next", "payload": TYPENAME}),
    "an id of markup": (subscribe(id_="<\n\u2028>"), {"id": "<\n\u2028>", "type": "next", "payload": TYPENAME}),
    "nulls": (
        subscribe(variables=None, operationName=None, extensions=None),
        {"id": "1", "type": "next", "payload": TYPENAME},
    ),
    "a variable unknown": (subscribe(variables={"x": 1}), {"id": "1", "type": "next", "payload": TYPENAME}),
    "a variable 1,000 deep": (
        raw(variables='{"x": ' + "[" * 1_000 + "]" * 1_000 + "}"),
        {"id": "1", "type": "next", "payload": TYPENAME},
    ),
    "extensions unknown": (subscribe(extensions={"x": {}}), {"id": "1", "type": "next", "payload": TYPENAME}),
    "a whole character in two escapes": (
        raw('"query A { __typename } # \\ud83d\\ude00"'),
        {"id": "1", "type": "next", "payload": TYPENAME},
    ),
}


@pytest.mark.asyncio(loop_scope="module")
@pytest.mark.parametrize("name", FINE)
async def test_what_is_odd_but_allowed_is_answered(
    module_site: Site, caplog: pytest.LogCaptureFixture, name: str
) -> None:
    """Limits are tested from both sides: those of RFC 8259, and those of the protocol."""
    sent, answer = FINE[name]
    async with undisturbed(module_site, caplog) as token, wire(module_site.graphql, token=token) as socket:
        socket.send(sent)

        assert await socket.message() == answer


@pytest.mark.asyncio(loop_scope="module")
@pytest.mark.parametrize(
    "sent",
    [{"type": "complete", "id": "never"}, {"type": "pong"}, {"type": "pong", "payload": {"a": [1]}}],
    ids=json.dumps,
)
async def test_what_needs_no_answer_gets_none(
    module_site: Site, caplog: pytest.LogCaptureFixture, sent: dict[str, object]
) -> None:
    """A `complete` may cross with the server's own; a pong may be unsolicited. Also before connection_init."""
    async with undisturbed(module_site, caplog) as token, wire(module_site.graphql, init=False) as socket:
        socket.send(sent)
        await socket.init(token)
        socket.send(sent)

        assert await is_usable(socket)
