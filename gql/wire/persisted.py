"""Persisted documents: how a request names its document instead of sending it, and which documents are executed."""

import re
from dataclasses import replace
from functools import partial

from gql.charge import admit_refusal, charge_registration
from gql.context import Context
from gql.document.parse import check_size
from gql.document.reading import Reader
from gql.document.register import Register, digest_of
from gql.document.survey import LimitExceeded, QueryLimits
from gql.document.trusted import PREFIX, TrustedDocuments
from gql.wire.operation import Operation
from services.error import BadRequest

_SHA256 = re.compile(r"[0-9a-f]{64}", re.ASCII)


class PersistedQueryNotFound(BadRequest):
    """No document is registered under this hash: the links of Apollo and urql recognise the sentence, or the code.

    They send the document with its hash next, and that registers it.
    """

    code = "PERSISTED_QUERY_NOT_FOUND"

    def __init__(self) -> None:
        super().__init__("PersistedQueryNotFound")


class PersistedQueryNotSupported(BadRequest):
    """A hash instead of a document, and the operator has turned the register off.

    The links of Apollo and urql recognise this sentence, or the code, and send only documents from then on.
    """

    code = "PERSISTED_QUERY_NOT_SUPPORTED"

    def __init__(self) -> None:
        super().__init__("PersistedQueryNotSupported")


class DocumentNotTrusted(BadRequest):
    """The server executes only the documents of the operator's manifest, and this is not one of them."""

    code = "DOCUMENT_NOT_TRUSTED"
    http_status = 403

    def __init__(self) -> None:
        super().__init__("This server executes only the documents of its manifest, and this is not one of them.")


class Documents:
    """Decides which document a request executes: registered ones and any other, or only trusted ones."""

    def __init__(self, limits: QueryLimits, *, is_automatic: bool, trusted: TrustedDocuments | None) -> None:
        self._limits = limits
        self._register = Register() if is_automatic and trusted is None else None
        self._trusted = trusted

    def resolve(self, operation: Operation, context: Context) -> Operation:
        """Return the operation with its document; raises one of the errors of this module, or BadRequest.

        Each refusal counts against the rate of cost; raises RateLimited instead if nothing of it is left.

        A document that was sent with its hash is registered once it has passed validation and its cost is charged
        (`Context.on_prepared`); nothing else is stored.
        """
        if operation.query and self._trusted is None and not operation.extensions and not operation.document_ids:
            return operation
        try:
            return self._document_of(operation, context)
        except BadRequest:
            admit_refusal(context)
            raise

    def _document_of(self, operation: Operation, context: Context) -> Operation:
        if self._trusted is not None:
            return _resolve_trusted(operation, self._trusted)
        if self._register is None:
            if not operation.query:
                raise PersistedQueryNotSupported
            return operation
        digest = _digest_in(operation)
        if not operation.query:
            text = self._register.find(digest) if digest else None
            if text is None:
                raise PersistedQueryNotFound
            return replace(operation, query=text)
        if digest is not None and self._is_short(operation.query):
            if digest_of(operation.query) != digest:
                raise BadRequest("The hash is not the SHA-256 of `query`: send that of the exact text, in UTF-8.")
            context.on_prepared = partial(self._add, digest, operation.query, context)
        return operation

    def _is_short(self, text: str) -> bool:
        """Whether the document is within the limit; a longer one is not hashed, and the schema refuses it."""
        try:
            check_size(text, self._limits)
        except LimitExceeded:
            return False
        return True

    def _add(self, digest: str, text: str, context: Context) -> None:
        if self._register is not None and self._register.add(digest, text, Reader.of(context)):
            charge_registration(context)


def _resolve_trusted(operation: Operation, trusted: TrustedDocuments) -> Operation:
    """The document of this id, or a trusted one in full: many clients send texts over a socket."""
    ids = _ids_in(operation)
    texts = {trusted.find(each) for each in ids} | ({operation.query} if operation.query else set())
    text = texts.pop() if len(texts) == 1 else None
    if text is None or text not in trusted:
        raise DocumentNotTrusted
    return replace(operation, query=text)


def _digest_in(operation: Operation) -> str | None:
    """The hash that names the document, wherever the request has it; None if there is none. Raises BadRequest.

    A `documentId` or `doc_id` that is not a hash cannot be verified: it is ignored.
    """
    ids = {each.removeprefix(PREFIX) for each in _ids_in(operation)}
    digests = {each for each in ids if _SHA256.fullmatch(each)}
    if len(digests) > 1:
        raise BadRequest("The request names two documents: send one hash.")
    if not digests and _hash_in(operation) is not None:
        raise BadRequest("`sha256Hash` must be 64 hexadecimal digits in lower case.")
    return digests.pop() if digests else None


def _ids_in(operation: Operation) -> list[str]:
    """Everything in the request that names its document."""
    return [each for each in (*operation.document_ids, _hash_in(operation)) if each is not None]


def _hash_in(operation: Operation) -> str | None:
    """`extensions.persistedQuery.sha256Hash` (Apollo's protocol); with trusted documents it may be any id."""
    persisted = (operation.extensions or {}).get("persistedQuery")
    if persisted is None:
        return None
    if not isinstance(persisted, dict) or not isinstance(persisted.get("sha256Hash"), str):
        raise BadRequest("`extensions.persistedQuery` must be an object with `version` and `sha256Hash`.")
    version = persisted.get("version")
    if version != 1 or isinstance(version, bool):
        raise BadRequest("Only version 1 of `persistedQuery` is supported.")
    return str(persisted["sha256Hash"])
