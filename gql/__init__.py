"""The GraphQL face: request in, one service call, types out; no rule, no SQL."""
