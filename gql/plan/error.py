"""Exceptions of plans: decisions, which no client sees."""


class Unplannable(Exception):
    """The operation has something that plans do not know; the message says what, and graphql-core executes it.

    `size` is the number of fields that were compiled before. If it `depends_on_values` of `@skip` and `@include`, other
    requests for the same operation may have a plan.
    """

    size = 0
    depends_on_values = False


class TooLarge(Unplannable):
    """The plan would have more fields than it may."""


class NullValue(Exception):
    """A value is null that must not be; where it is caught, the fields of the object are resolved one by one."""
