"""The limits of a document: the rule that runs before graphql-core's own, and all rules of a request."""

from functools import cache
from typing import Any, ClassVar

from graphql import ASTValidationRule, DocumentNode, OverlappingFieldsCanBeMergedRule, specified_rules
from graphql.validation.validate import ValidationAbortedError
from strawberry.schema.validation_rules.maybe_null import MaybeNullValidationRule

from gql.document.merge import MergeableFields
from gql.document.one_of import OneOfInput
from gql.document.survey import LimitExceeded, QueryLimits, Survey

Rules = tuple[type[ASTValidationRule], ...]

_DEFAULT = QueryLimits()


class Limit(ASTValidationRule):
    """The rule, to be first in the list: it decides on entering the document, before any other rule visits a field."""

    limits: ClassVar[QueryLimits] = _DEFAULT

    def enter_document(self, node: DocumentNode, *_args: Any) -> None:
        """Raise if a limit is exceeded; then no other rule runs."""
        try:
            Survey(node, self.limits).check()
        except LimitExceeded as error:
            # graphql-core's `validate` catches this class and visits nothing more.
            raise ValidationAbortedError(error.message, error.nodes, extensions=error.extensions) from None


@cache
def limit_rule(limits: QueryLimits = _DEFAULT) -> type[Limit]:
    """Return the rule class for these limits; always the same one."""
    return Limit if limits == _DEFAULT else type("Limit", (Limit,), {"limits": limits})


def rules_for(limits: QueryLimits, *others: type[ASTValidationRule]) -> Rules:
    """The rules of a request: the limits first, then those of graphql-core and Strawberry, then others.

    With MergeableFields instead of the rule that compares pairs.
    """
    is_slow = OverlappingFieldsCanBeMergedRule
    specified = (MergeableFields if each is is_slow else each for each in specified_rules)
    return (limit_rule(limits), *specified, *others, MaybeNullValidationRule, OneOfInput)
