"""The tables of docs/errors.md: every code, from the classes and the schema that it comes of."""

from collections.abc import Iterator, Mapping
from typing import NamedTuple, TypeVar

from graphql import GraphQLEnumType, GraphQLObjectType, GraphQLSchema, GraphQLUnionType, build_schema

from gql.wire.schema import schema_text
from services.error import RequestError

T = TypeVar("T")

# Whether the same call may pass another time; a code without a line here breaks the table, and the test of it.
REFUSED_AGAIN = {
    "INVALID_INPUT": "No: change what `issues` name.",
    "RECIPIENTS_REJECTED": "No, but without those whom `recipientRejections` names.",
    "ATTACHMENTS_REJECTED": "Where `isRetryable` says so; otherwise without the files that are named.",
    "NOT_FOUND": "No.",
    "PERMISSION_DENIED": "No.",
    "RATE_LIMITED": "Yes, after `retryAfterSeconds`.",
    "IDEMPOTENCY_CONFLICT": "No: other content needs another `clientMessageId`.",
    "TOO_LATE": "No.",
    "CONFLICT": "After loading the thing anew.",
    "ALREADY_EXISTS": "With another name.",
    "INVALID_CREDENTIALS": "With others.",
}
RECIPIENT_AGAIN = {
    "NOT_FOUND": "No.",
    "SELF": "No.",
    "BLOCKED_BY_VIEWER": "After `unblockUser`.",
    "NOT_ACCEPTING_MESSAGES": "No: only they can change it.",
    "MUST_BE_FOLLOWED": "Once they follow the sender.",
    "REQUEST_PENDING": "Once they have answered the request.",
    "UNAVAILABLE": "No.",
}


class Code(NamedTuple):
    """What a top-level code means and what to do; `statuses` and `closes` beside those of its class."""

    words: str
    again: str
    statuses: tuple[int, ...] = ()
    closes: tuple[int, ...] = ()


_CUT = "Yes; over tus, go on from the offset."
TOP = {
    "UNAUTHENTICATED": Code("No credential, or one that is not good (any more).", "With another: sign in anew."),
    "ACCOUNT_SUSPENDED": Code("The account is suspended.", "Once the operator has restored it."),
    "ACCOUNT_DEACTIVATED": Code("The account was closed.", "Once the operator has restored it."),
    "DEVICE_UNTRUSTED": Code(
        "The device waits to be trusted: it sees whose it is and can sign out.", "Once another device has trusted it."
    ),
    "PERMISSION_DENIED": Code(
        "The credential is good and not for this: an API key lacks a scope, comes from a page, or needs `X-Act-As`.",
        "No.",
    ),
    "ACT_AS_NOT_FOUND": Code(
        "`X-Act-As` is well formed and names nobody who is here; the sentence repeats the name.", "Once they are here."
    ),
    "NOT_FOUND": Code(
        "There is no such thing, or it is not the viewer's to see; of an upload with 410: its time is over.",
        "No.",
        (404, 410),
    ),
    "RATE_LIMITED": Code(
        "Too often, or too many at once.", "Yes, after `retryAfterSeconds` or `Retry-After`.", (429,), (1013,)
    ),
    "BAD_REQUEST": Code(
        "The request, a variable or an argument is not what it must be; the sentence says how.",
        "No.",
        (400, 404, 405, 406, 412, 415, 417, 426, 431),
        (4400,),
    ),
    "PERSISTED_QUERY_NOT_SUPPORTED": Code(
        "The hash of a document came without the document: none are kept here. 200 to clients of `application/json`.",
        "With the document, which the links of Apollo and urql send then by themselves.",
        (200, 400),
    ),
    "BAD_MULTIPART": Code("The multipart request does not keep to its specification.", "No.", (400,)),
    "GRAPHQL_PARSE_FAILED": Code("The document is not GraphQL.", "No.", (400,)),
    "GRAPHQL_VALIDATION_FAILED": Code("The document does not fit the schema.", "No.", (400,)),
    "QUERY_TOO_COMPLEX": Code("The document is beyond a limit of limits.md.", "No: ask for less.", (400,)),
    "CSRF_BLOCKED": Code(
        "A page of a foreign origin, or a multipart request that a form could have sent.",
        "With `Authorization` or `GraphQL-Require-Preflight`; from an origin of `SOTTO_ALLOWED_ORIGINS`.",
        (403,),
    ),
    "PAYLOAD_TOO_LARGE": Code("The body, or one of its parts, has more bytes than `limitBytes`.", "No.", (413,)),
    "TIMEOUT": Code("The body took too long to arrive.", _CUT, (408,)),
    "CONFLICT": Code("Over tus: the part does not begin where the last one ended.", "From `Upload-Offset`.", (409,)),
    "CHECKSUM_MISMATCH": Code(
        "Over tus: with 460 the part, with 422 the whole file is not what its checksum says.",
        "Send the part again; with 422 begin anew.",
        (422, 460),
    ),
    "TYPE_NOT_ALLOWED": Code("Over tus: the file's content is of a type that is not accepted.", "No.", (422,)),
    "UNSAFE": Code("Over tus: the file is not what it claims to be, or costs too much to open.", "No.", (422,)),
    "STORAGE_FAILED": Code("Over tus: the server could not keep the bytes.", _CUT, (422, 503)),
    "CURSOR_INVALID": Code("The cursor was changed, or is somebody else's.", "Load anew, and take a fresh one."),
    "CURSOR_EXPIRED": Code("The events after the cursor are no longer held.", "Load anew, and take a fresh one."),
    "STORAGE_FULL": Code("The server's disk is full: nothing was stored, reading goes on.", "Once there is room."),
    "UNAVAILABLE": Code(
        "The server is too busy, stopping, or cannot use its disk: nothing was stored, unless the message says that it "
        "may have been.",
        "Yes, after `retryAfterSeconds`, with the same `clientMessageId`.",
    ),
    "INTERNAL": Code("A fault of ours; `errorId` stands in the server's log.", "Perhaps.", (500,), (1011,)),
}


def error_tables() -> dict[str, list[str]]:
    """The lines of each table, by the name that docs/errors.md marks its place with."""
    schema = build_schema(schema_text())
    return {
        "refusals": list(_refusals(schema)),
        "mutations": list(_mutations(schema)),
        "input issues": _reasons(schema, "InputIssueReason"),
        "recipient rejections": _reasons(schema, "RecipientRejectionReason", RECIPIENT_AGAIN),
        "attachment rejections": _reasons(schema, "AttachmentRejectionReason", _ATTACHMENT_AGAIN),
        "top-level codes": list(_top_level()),
        "reset reasons": _reasons(schema, "StreamResetReason"),
        "revocation reasons": _reasons(schema, "SessionRevocationReason"),
    }


_ATTACHMENT_AGAIN = {
    "NOT_FOUND": "No.",
    "ALREADY_USED": "With an upload of its own.",
    "TYPE_NOT_ALLOWED": "No.",
    "EMPTY": "No.",
    "TOO_LARGE": "No; with a quota, once others are deleted.",
    "UNSAFE": "No.",
    "STORAGE_FAILED": "Yes.",
    "NOT_READY": "Once the upload is READY.",
    "EXPIRED": "With a new upload.",
    "CHECKSUM_MISMATCH": "With a new upload.",
}


def _refusals(schema: GraphQLSchema) -> Iterator[str]:
    yield "| code | type | what it says | further fields | may the same pass later? |"
    yield "|---|---|---|---|---|"
    types = _object_types(schema)
    for code, value in _enum(schema, "UserErrorCode").values.items():
        type_ = types[(value.description or "").removeprefix("Of ").rstrip(".")]
        extra = ", ".join(f"`{name}`" for name in type_.fields if name not in ("detail", "code"))
        yield f"| `{code}` | {type_.name} | {type_.description} | {extra} | {REFUSED_AGAIN[code]} |"


def _mutations(schema: GraphQLSchema) -> Iterator[str]:
    yield "| mutation | refusals |"
    yield "|---|---|"
    codes = {
        (value.description or "").removeprefix("Of ").rstrip("."): code
        for code, value in _enum(schema, "UserErrorCode").values.items()
    }
    for name, field in schema.mutation_type.fields.items() if schema.mutation_type else ():
        union = schema.type_map[str(field.type).rstrip("!")]
        assert isinstance(union, GraphQLUnionType)
        refusals = ", ".join(f"`{codes[each.name]}`" for each in union.types if each.name in codes)
        yield f"| `{name}` | {refusals or 'none'} |"


def _reasons(schema: GraphQLSchema, name: str, again: Mapping[str, str] | None = None) -> list[str]:
    head = ["| reason | what it says |", "|---|---|"]
    if again is not None:
        head = ["| reason | what it says | may the same pass later? |", "|---|---|---|"]
    lines = [
        f"| `{reason}` | {value.description} |" + ("" if again is None else f" {again[reason]} |")
        for reason, value in _enum(schema, name).values.items()
    ]
    return head + lines


def _top_level() -> Iterator[str]:
    yield "| code | what it says | HTTP status | closes a WebSocket with | may the same pass later? |"
    yield "|---|---|---|---|---|"
    classes = list(_below(RequestError))
    for code in sorted({*TOP, *(each.code for each in classes)}):
        known, ours = TOP[code], [each for each in classes if each.code == code]
        statuses = sorted({*known.statuses, *(each.http_status for each in ours)})
        closes = sorted({*known.closes, *(each.close_code for each in ours if each.close_code != 4400)})
        cells = [f"`{code}`", known.words, *(", ".join(map(str, each)) or "–" for each in (statuses, closes))]
        yield f"| {' | '.join(cells)} | {known.again} |"


def _below(kind: type[T]) -> Iterator[type[T]]:
    for each in kind.__subclasses__():
        yield each
        yield from _below(each)


def _enum(schema: GraphQLSchema, name: str) -> GraphQLEnumType:
    found = schema.type_map[name]
    assert isinstance(found, GraphQLEnumType)
    return found


def _object_types(schema: GraphQLSchema) -> dict[str, GraphQLObjectType]:
    return {name: each for name, each in schema.type_map.items() if isinstance(each, GraphQLObjectType)}
