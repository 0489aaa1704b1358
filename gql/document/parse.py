"""Parsing: a text becomes a document, within the limits of bytes, tokens and nesting."""

from graphql import DocumentNode, GraphQLSyntaxError, Lexer, Token
from graphql.language.parser import MAX_NESTING_DEPTH, Parser

from gql.document.quick import parse_quickly
from gql.document.source import DocumentText
from gql.document.survey import LimitExceeded, QueryLimits

_DEFAULT = QueryLimits()


def check_size(text: str, limits: QueryLimits = _DEFAULT) -> None:
    """Raise GraphQLError if the document has too many bytes (UTF-8); transports call it before they parse."""
    # A character has at least one byte, so a text that is far too long need not be encoded.
    found = len(text) if len(text) > limits.document_bytes else len(text.encode(errors="surrogatepass"))
    if found > limits.document_bytes:
        raise LimitExceeded("Bytes of the document", found, limits.document_bytes)


def read(text: str, limits: QueryLimits = _DEFAULT) -> DocumentNode:
    """Parse a document; raises GraphQLSyntaxError, or GraphQLError past the limits of bytes, tokens and nesting."""
    check_size(text, limits)
    source = DocumentText(text)
    document = parse_quickly(source, limits.tokens)
    return document if document is not None else _parse(source, limits)


def _parse(source: DocumentText, limits: QueryLimits) -> DocumentNode:
    """Parse with graphql-core."""
    lexer = Lexer(source)
    first = lexer.token
    try:
        return Parser(lexer.source, max_tokens=limits.tokens, lexer=lexer).parse_document()
    except GraphQLSyntaxError as error:
        # graphql-core has no class of its own for the two limits of its parser.
        if "tokens. Parsing aborted" in error.message:
            raise LimitExceeded("Tokens of the document", f"over {limits.tokens:,}", limits.tokens) from None
        if "nested too deeply" in error.message:
            raise LimitExceeded("Nesting of the document", f"over {MAX_NESTING_DEPTH}", MAX_NESTING_DEPTH) from None
        raise
    except RecursionError:  # the stack was already deep; `parse` of graphql-core raises the same error
        raise LimitExceeded("Nesting of the document", f"over {MAX_NESTING_DEPTH}", MAX_NESTING_DEPTH) from None
    finally:
        _unlink(first)


def _unlink(token: Token | None) -> None:
    """Unlink the tokens, which refer to each other: freeing them by garbage collection would take a pause of 50 ms."""
    while token is not None:
        following = token.next
        token.next = token.prev = None
        token = following
