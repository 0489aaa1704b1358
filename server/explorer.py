"""The explorer: GraphiQL at `/graphql`, from our own build where there is one, else from Strawberry, which says how."""

import base64
import hashlib
import re
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
# Strawberry's page loads its scripts from unpkg.com, which serves what anybody has published: so the policy names the
# files, which the page holds to their checksums, and not the host. Its own script is known by its hash. CodeMirror and
# the hint write styles where they stand.
CDN_POLICY = (
    "default-src 'none'; script-src {scripts}; style-src {styles} 'unsafe-inline'; img-src 'self' data:; "
    "font-src data:; connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
_LOADED = re.compile(r'<(script|link)\b[^>]*?\s(?:src|href)="(https:[^"]+)"')
_INLINE = re.compile(r"<script>(.*?)</script>", re.DOTALL)
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
        head, body = get_graphql_ide_html(graphql_ide="graphiql").split("<body>")
        self._other = f"{head}<body>\n{_HINT}{body}"
        self._other_policy = _policy_of(self._other)

    def add_to(self, router: web.UrlDispatcher) -> None:
        """Its addresses beside `/graphql`: none where it has not been built."""
        if self.is_built:
            router.add_get("/explorer/assets/{name:.+}", self._assets.get)

    async def page(self, request: web.Request) -> web.StreamResponse:
        """What a browser is shown at `/graphql`."""
        if self.is_built:
            return self._page.file(request, "index.html")
        headers = {"Content-Security-Policy": self._other_policy}
        return web.Response(text=self._other, content_type="text/html", headers=headers)


def _policy_of(text: str) -> str:
    """`CDN_POLICY` for a page that loads and runs what this text names, and nothing else."""
    loaded = _LOADED.findall(text)
    hashes = [base64.b64encode(hashlib.sha256(each.encode()).digest()).decode() for each in _INLINE.findall(text)]
    scripts = [url for tag, url in loaded if tag == "script"] + [f"'sha256-{each}'" for each in hashes]
    styles = [url for tag, url in loaded if tag == "link"]
    return CDN_POLICY.format(scripts=" ".join(scripts), styles=" ".join(styles))
