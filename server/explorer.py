"""The explorer: GraphiQL at `/graphql`, from our own build where there is one, else from Strawberry, which says how."""

from pathlib import Path

from aiohttp import web
from strawberry.http.ides import get_graphql_ide_html

from server.page import Folder

# The names are those of the policies that Monaco makes for itself; `default` is explorer/src/policy.js, which cleans
# what no policy made, `dompurify` what it cleans with. Monaco writes style elements and attributes while it runs.
EXPLORER_POLICY = (
    "default-src 'none'; script-src 'self'; worker-src 'self'; style-src 'self' 'unsafe-inline'; "
    "img-src 'self' data:; font-src 'self' data:; connect-src 'self'; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'; require-trusted-types-for 'script'; "
    "trusted-types default dompurify defaultWorkerFactory diffEditorWidget diffReview domLineBreaksComputer "
    "editorGhostText editorViewLayer standaloneColorizer stickyScrollViewLayer tokenizeToString"
)
_HASHED = "public, max-age=31536000, immutable"  # the name of an asset changes with its content

_HINT = """\
<style>#graphiql { height: calc(100vh - 36px) !important }</style>
<p style="box-sizing: border-box; font: 14px/20px sans-serif; height: 36px; margin: 0; overflow: hidden; padding: 8px">
This page comes from a public CDN. <code>./sotto explorer</code>, and a restart, make it work offline, with signing in
and files (needs Node).</p>
"""


class Explorer:
    """The page for people who read the API; its files are listed when the server starts."""

    def __init__(self, folder: Path) -> None:
        self._page = Folder(folder, EXPLORER_POLICY)
        self._assets = Folder(folder / "assets", EXPLORER_POLICY, _HASHED)
        self.is_built = "index.html" in self._page

    def add_to(self, router: web.UrlDispatcher) -> None:
        """Its addresses beside `/graphql`: none where it has not been built."""
        if self.is_built:
            router.add_get("/explorer/assets/{name:.+}", self._assets.get)

    async def page(self, request: web.Request) -> web.StreamResponse:
        """What a browser is shown at `/graphql`."""
        if self.is_built:
            return self._page.file(request, "index.html")
        head, body = get_graphql_ide_html(graphql_ide="graphiql").split("<body>")
        return web.Response(text=f"{head}<body>\n{_HINT}{body}", content_type="text/html")
