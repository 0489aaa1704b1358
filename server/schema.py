"""What is public together with introspection: the schema, its possible types, and the page about its scalars."""

import asyncio
import html
import json
import re
from collections.abc import Callable
from itertools import pairwise

from aiohttp import web

from gql.wire.schema import SottoSchema
from server.page import ROOT, Text, csp_hash_of

SCALARS = ROOT / "docs" / "scalars.md"
_STYLE = (
    ":root{color-scheme:light dark}"
    "body{font:16px/1.5 system-ui,sans-serif;margin:2rem auto;max-width:46rem;padding:0 1rem}"
    "h2{margin-top:2.5rem}h2:target{outline:2px solid;outline-offset:.3rem}"
    "table{border-collapse:collapse;display:block;margin:1rem 0;overflow-x:auto}"
    "td,th{border:1px solid #8888;padding:.3rem .6rem;text-align:left;vertical-align:top}th:empty{border:0;padding:0}"
    "code,pre{font:.9em/1.5 ui-monospace,monospace;overflow-wrap:anywhere}"
)
SCALARS_POLICY = (
    f"default-src 'none'; style-src {csp_hash_of(_STYLE)}; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
_PAGE = """\
<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width">
<title>{title} - Sotto</title>
<style>{style}</style>
<body>
{body}</body>
</html>
"""


class SchemaPages:
    """`/schema.graphql`, `/possible-types.json`, and `/docs/scalars`, to which `@specifiedBy` refers."""

    def __init__(self, schema: SottoSchema) -> None:
        self._served = schema
        self._texts: dict[str, Text] = {}
        self._making = asyncio.Lock()

    def add_to(self, router: web.UrlDispatcher) -> None:
        router.add_get("/schema.graphql", self._schema)
        router.add_get("/possible-types.json", self._possible_types)
        router.add_get("/docs/scalars", self._scalars)

    async def _schema(self, request: web.Request) -> web.Response:
        text = await self._text_of(request.path, self._served.text)
        return text.respond(request, _headers("text/plain"))

    async def _possible_types(self, request: web.Request) -> web.Response:
        text = await self._text_of(request.path, lambda: f"{json.dumps(self._served.possible_types(), indent=2)}\n")
        return text.respond(request, _headers("application/json"))

    async def _scalars(self, request: web.Request) -> web.Response:
        text = await self._text_of(request.path, lambda: page_of(SCALARS.read_text(encoding="utf-8")))
        headers = {**_headers("text/html"), "Content-Security-Policy": SCALARS_POLICY}
        return text.respond(request, headers)

    async def _text_of(self, path: str, make: Callable[[], str]) -> Text:
        """The text at this path, made at the first request in a thread: it takes up to 0.15 s."""
        async with self._making:
            if path not in self._texts:
                self._texts[path] = await asyncio.to_thread(lambda: Text.compressed(make().encode()))
            return self._texts[path]


def _headers(content_type: str) -> dict[str, str]:
    return {"Content-Type": f"{content_type}; charset=utf-8", "Cache-Control": "no-cache"}


def page_of(markdown: str) -> str:
    """The page in HTML; its headings have the anchors that GitHub gives them."""
    from markdown_it import MarkdownIt  # noqa: PLC0415 - only for this page, which few people open

    renderer = MarkdownIt("commonmark", {"html": False}).enable("table")
    tokens = renderer.parse(markdown)
    headings = [(token, inline.content) for token, inline in pairwise(tokens) if token.type == "heading_open"]
    for token, text in headings:
        token.attrSet("id", re.sub(r"[^\w\- ]", "", text.lower()).replace(" ", "-"))
    body = renderer.renderer.render(tokens, renderer.options, {})
    return _PAGE.format(title=html.escape(headings[0][1]), style=_STYLE, body=body)
