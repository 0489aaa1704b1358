"""The tables of docs/errors.md, from the exception classes and the schema."""

from collections.abc import Iterator, Mapping
from typing import NamedTuple, TypeVar

from graphql import (
    GraphQLEnumType,
    GraphQLInterfaceType,
    GraphQLObjectType,
    GraphQLSchema,
    GraphQLUnionType,
    build_schema,
)

from gql.wire.schema import schema_text
from services.error import AttachmentsRejected, Refusal, RequestError, SottoError
from services.rejection import AttachmentRejectionReason

T = TypeVar("T")

# What to do about a refusal; its class has `is_retryable`. A missing entry fails the tests.
REMEDIES = {
    "INVALID_INPUT": "Correct the fields in `issues`.",
    "RECIPIENTS_REJECTED": "Leave out the recipients in `recipientRejections`.",
    "ATTACHMENTS_REJECTED": "Leave out the files in `attachmentRejections`, or upload them again.",
    "NOT_FOUND": "Forget the object.",
    "PERMISSION_DENIED": "",
    "RATE_LIMITED": "Repeat the call after `retryAfterSeconds`.",
    "IDEMPOTENCY_CONFLICT": "Use a new `clientMessageId` for different content.",
    "TOO_LATE": "",
    "CONFLICT": "Reload the object, then decide again.",
    "ALREADY_EXISTS": "Choose a different name.",
    "INVALID_CREDENTIALS": "Ask for the credentials again.",
}
RECIPIENT_REMEDIES = {
    "NOT_FOUND": "",
    "SELF": "Leave the viewer out.",
    "BLOCKED_BY_VIEWER": "It passes after `unblockUser`.",
    "NOT_ACCEPTING": "Only the recipient can change that.",
    "MUST_BE_FOLLOWED": "It passes once the recipient follows the sender.",
    "REQUEST_PENDING": "It passes once the recipient has accepted the request.",
    "UNAVAILABLE": "Only the operator can change that.",
}
ATTACHMENT_REMEDIES = {
    "NOT_FOUND": "",
    "ALREADY_USED": "Upload the file again.",
    "TYPE_NOT_ALLOWED": "",
    "EMPTY": "",
    "TOO_LARGE": "If the quota is exceeded, delete other files first.",
    "UNSAFE": "",
    "STORAGE_FAILED": "Repeat the call.",
    "NOT_READY": "Repeat the call once the upload is READY.",
    "EXPIRED": "Upload the file again.",
    "CHECKSUM_MISMATCH": "Upload the file again.",
}


class Code(NamedTuple):
    """A top-level code. `statuses` and `closes` are in addition to those of its exception class."""

    description: str
    retry: str
    statuses: tuple[int, ...] = ()
    closes: tuple[int, ...] = ()


_RESUME = "Yes; over tus, continue from the offset."
TOP = {
    "UNAUTHENTICATED": Code("The credentials are missing, invalid or expired.", "After signing in again."),
    "ACCOUNT_SUSPENDED": Code("The account is suspended.", "Once the operator has restored it."),
    "ACCOUNT_DEACTIVATED": Code("The account is deactivated.", "Once the operator has restored it."),
    "DEVICE_UNTRUSTED": Code(
        "The device is not trusted yet: it can only read its own user and sign out.",
        "Once another device has trusted it.",
    ),
    "PERMISSION_DENIED": Code(
        "The credentials do not allow this: an API key lacks a scope, is used by a web page, or needs `X-Act-As`.",
        "No.",
    ),
    "ACT_AS_NOT_FOUND": Code(
        "The user in `X-Act-As` does not exist; the message repeats the name.", "Once the user exists."
    ),
    "NOT_FOUND": Code(
        "The object does not exist, or the viewer cannot see it. For an upload, 410 means that it has expired.",
        "No.",
        (404, 410),
    ),
    "RATE_LIMITED": Code(
        "Too many requests in a short time, or too many at the same time.",
        "Yes, after `retryAfterSeconds` or `Retry-After`.",
    ),
    "BAD_REQUEST": Code(
        "The request, a variable or an argument is malformed; the message says what is expected.",
        "No.",
        (400, 404, 405, 406, 412, 415, 417, 426, 431),
        (4400,),
    ),
    "DOCUMENT_NOT_TRUSTED": Code(
        "The server executes only the documents of the manifest in `SOTTO_TRUSTED_DOCUMENTS`. Neither the id nor the "
        "text of the request is in it, or they name two documents.",
        "Once the operator has deployed a manifest that has the document.",
    ),
    "PERSISTED_QUERY_NOT_FOUND": Code(
        "A hash was sent instead of the document, and no document is registered under it. 200 for `application/json`.",
        "With the document and the hash; the links of Apollo and urql then send both automatically.",
        (200, 400),
    ),
    "PERSISTED_QUERY_NOT_SUPPORTED": Code(
        "A hash was sent instead of the document, and `SOTTO_PERSISTED_QUERIES` is off. 200 for `application/json`.",
        "With the document; the links of Apollo and urql then send it automatically.",
        (200, 400),
    ),
    "BAD_MULTIPART": Code("The multipart request does not follow the specification.", "No.", (400,)),
    "GRAPHQL_PARSE_FAILED": Code("The document has a syntax error.", "No.", (400,)),
    "GRAPHQL_VALIDATION_FAILED": Code("The document does not match the schema.", "No.", (400,)),
    "QUERY_TOO_COMPLEX": Code("The document exceeds a limit in limits.md.", "No. Request less.", (400,)),
    "CSRF_BLOCKED": Code(
        "The request comes from a page of another origin, or is a multipart request that a form could have sent.",
        "With `Authorization` or `GraphQL-Require-Preflight`, and from an origin in `SOTTO_ALLOWED_ORIGINS`.",
        (403,),
    ),
    "PAYLOAD_TOO_LARGE": Code("The body, or one of its parts, is larger than `limitBytes`.", "No.", (413,)),
    "TIMEOUT": Code("The body took too long to arrive.", _RESUME, (408,)),
    "CONFLICT": Code(
        "Over tus: the part does not start where the last one ended.", "Yes, from `Upload-Offset`.", (409,)
    ),
    "CHECKSUM_MISMATCH": Code(
        "Over tus: the part (460) or the complete file (422) does not match its checksum.",
        "Send the part again; after 422, create a new upload.",
        (422, 460),
    ),
    "TYPE_NOT_ALLOWED": Code("Over tus: files of this type are not accepted.", "No.", (422,)),
    "UNSAFE": Code("Over tus: the file is malformed, or too expensive to decode.", "No.", (422,)),
    "STORAGE_FAILED": Code("Over tus: the server could not store the bytes.", _RESUME, (422, 503)),
    "CURSOR_INVALID": Code("The cursor is malformed or belongs to another user.", "No. Reload to get a new cursor."),
    "CURSOR_EXPIRED": Code("The events after the cursor have been deleted.", "No. Reload to get a new cursor."),
    "STORAGE_FULL": Code(
        "The disk of the server is full. Nothing was stored; reading still works.", "Once there is room."
    ),
    "UNAVAILABLE": Code(
        "The server is overloaded, shutting down, or cannot use its disk. Nothing was stored, unless the message says "
        "that it may have been.",
        "Yes, after `retryAfterSeconds`, with the same `clientMessageId`.",
    ),
    "INTERNAL": Code("An internal error; the log of the server has its `errorId`.", "Perhaps.", (500,), (1011,)),
}


def error_tables() -> dict[str, list[str]]:
    """The Markdown lines of each table, by name."""
    schema = build_schema(schema_text())
    return {
        "refusals": list(_refusals(schema)),
        "mutations": list(_mutations(schema)),
        "input issues": _reasons(schema, "InputIssueReason"),
        "recipient rejections": _reasons(schema, "RecipientRejectionReason", RECIPIENT_REMEDIES),
        "attachment rejections": list(_attachment_reasons(schema)),
        "top-level codes": list(_top_level()),
        "reset reasons": _reasons(schema, "StreamResetReason"),
        "revocation reasons": _reasons(schema, "SessionRevocationReason"),
    }


def _refusals(schema: GraphQLSchema) -> Iterator[str]:
    yield "| code | type | description | additional fields | `isRetryable` | what to do |"
    yield "|---|---|---|---|---|---|"
    types, common = _object_types(schema), _interface(schema, "UserError").fields
    classes = {each.code: each for each in Refusal.__subclasses__()}
    for code in _enum(schema, "UserErrorCode").values:
        type_ = types[_type_name(code)]
        extra = ", ".join(f"`{name}`" for name in type_.fields if name not in common)
        retryable = (
            "if all rejections are" if classes[code] is AttachmentsRejected else _word(classes[code].is_retryable)
        )
        yield f"| `{code}` | {type_.name} | {type_.description} | {extra} | {retryable} | {REMEDIES[code]} |"


def _type_name(code: str) -> str:
    """The type of a refusal: InvalidInputError for INVALID_INPUT."""
    return "".join(word.capitalize() for word in code.split("_")) + "Error"


def _mutations(schema: GraphQLSchema) -> Iterator[str]:
    yield "| mutation | errors |"
    yield "|---|---|"
    codes = {_type_name(code): code for code in _enum(schema, "UserErrorCode").values}
    for name, field in schema.mutation_type.fields.items() if schema.mutation_type else ():
        union = schema.type_map[str(field.type).rstrip("!")]
        assert isinstance(union, GraphQLUnionType)
        refusals = ", ".join(f"`{codes[each.name]}`" for each in union.types if each.name in codes)
        yield f"| `{name}` | {refusals or 'none'} |"


def _attachment_reasons(schema: GraphQLSchema) -> Iterator[str]:
    yield "| reason | description | `isRetryable` | what to do |"
    yield "|---|---|---|---|"
    for reason, value in _enum(schema, "AttachmentRejectionReason").values.items():
        retryable = _word(AttachmentRejectionReason[reason].is_retryable)
        yield f"| `{reason}` | {value.description} | {retryable} | {ATTACHMENT_REMEDIES[reason]} |"


def _word(is_retryable: bool) -> str:
    return "**true**" if is_retryable else "false"


def _reasons(schema: GraphQLSchema, name: str, remedies: Mapping[str, str] | None = None) -> list[str]:
    head = ["| reason | description |", "|---|---|"]
    if remedies is not None:
        head = ["| reason | description | what to do |", "|---|---|---|"]
    lines = [
        f"| `{reason}` | {value.description} |" + ("" if remedies is None else f" {remedies[reason]} |")
        for reason, value in _enum(schema, name).values.items()
    ]
    return head + lines


def _top_level() -> Iterator[str]:
    yield "| code | description | HTTP status | WebSocket close code | retry |"
    yield "|---|---|---|---|---|"
    classes = [each for each in _below(SottoError) if issubclass(each, RequestError) or "http_status" in vars(each)]
    for code in sorted({*TOP, *(each.code for each in classes)}):
        known, ours = TOP[code], [each for each in classes if each.code == code]
        statuses = sorted({*known.statuses, *(each.http_status for each in ours)})
        closes = sorted({*known.closes, *(each.close_code for each in ours if each.close_code != 4400)})
        cells = [f"`{code}`", known.description, *(", ".join(map(str, each)) or "–" for each in (statuses, closes))]
        yield f"| {' | '.join(cells)} | {known.retry} |"


def _below(kind: type[T]) -> Iterator[type[T]]:
    for each in kind.__subclasses__():
        yield each
        yield from _below(each)


def _enum(schema: GraphQLSchema, name: str) -> GraphQLEnumType:
    found = schema.type_map[name]
    assert isinstance(found, GraphQLEnumType)
    return found


def _interface(schema: GraphQLSchema, name: str) -> GraphQLInterfaceType:
    found = schema.type_map[name]
    assert isinstance(found, GraphQLInterfaceType)
    return found


def _object_types(schema: GraphQLSchema) -> dict[str, GraphQLObjectType]:
    return {name: each for name, each in schema.type_map.items() if isinstance(each, GraphQLObjectType)}
