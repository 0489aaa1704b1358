"""The text of a document, with fast look-up of lines and columns: every error in a response names some."""

import re
from array import array
from bisect import bisect_left

from graphql import Source, SourceLocation
from graphql.language import location

_LINE_END = re.compile(r"\r\n|[\n\r]")


class DocumentText(Source):
    """A source that indexes its lines at the first look-up.

    graphql-core scans the whole text for each error: a hundred errors after 90,000 empty lines took 1.5 seconds of the
    event loop, at each request.
    """

    _lines: "tuple[array[int], array[int]] | None" = None

    def get_location(self, position: int) -> SourceLocation:
        """The line and column of a character, both from 1."""
        if self._lines is None:
            ends = [match.span() for match in _LINE_END.finditer(self.body)]
            self._lines = array("I", (start for start, _ in ends)), array("I", (end for _, end in ends))
        line_ends, line_starts = self._lines
        line = bisect_left(line_ends, position)  # ends of the lines before it
        return SourceLocation(line + 1, position + 1 - (line_starts[line - 1] if line else 0))


def _get_locations(locations: list[tuple[Source, int]]) -> list[SourceLocation]:
    return [source.get_location(start) for source, start in locations]


# For errors of several nodes graphql-core scans the text itself, without using the source.
location.get_locations = _get_locations  # type: ignore[assignment]
