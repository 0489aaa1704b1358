"""The schema that is served, read as a client reads it: once for all tests that look at it."""

from graphql import build_schema

from gql.wire.schema import schema_text

TEXT = schema_text()
SERVED = build_schema(TEXT)
