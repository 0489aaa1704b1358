"""Exceptions of plans: decisions, which no client sees."""


class Unplannable(Exception):
    """The operation has something that plans do not know; the message says what, and graphql-core executes it."""


class NullValue(Exception):
    """A value is null that must not be; where it is caught, the fields of the object are resolved one by one."""
