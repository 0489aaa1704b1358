"""GraphiQL at `/graphql`: our own build if there is one, otherwise the page that Strawberry loads from a CDN."""

import re
from pathlib import Path

from aiohttp import web
from strawberry.http.ides import get_graphql_ide_html

from server.page import Folder, csp_hash_of

# Trusted Types: the names are those of policies that Monaco creates; `default` is explorer/src/policy.js, which cleans
# all other markup with `dompurify`. Monaco writes style elements and attributes at run time.
EXPLORER_POLICY = (
    "default-src 'none'; script-src 'self'; worker-src 'self'; style-src 'self' 'unsafe-inline'; "
    "img-src 'self' data:; font-src 'self' data:; connect-src 'self'; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'; require-trusted-types-for 'script'; "
    "trusted-types default dompurify defaultWorkerFactory diffEditorWidget diffReview domLineBreaksComputer "
    "editorGhostText editorViewLayer standaloneColorizer stickyScrollViewLayer tokenizeToString"
)
# Strawberry's page loads scripts from unpkg.com, which serves any published package. So the policy lists files, which
# the page pins by checksum, instead of the host, and the hash of the inline script. CodeMirror and the hint use inline
# styles.
CDN_POLICY = (
    "default-src 'none'; script-src {scripts}; style-src {styles} 'unsafe-inline'; img-src 'self' data:; "
    "font-src data:; connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
_LOADED = re.compile(r'<(script|link)\b[^>]*?\s(?:src|href)="(https:[^"]+)"')
_TITLE = re.compile(r"<title>.*?</title>")
_INLINE = re.compile(r"<script>(.*?)</script>", re.DOTALL)
_HASHED = "public, max-age=31536000, immutable"  # the names of assets change with their content

_HINT = """\
<style>#graphiql { height: calc(100vh - 36px) !important }</style>
<p style="box-sizing: border-box; font: 14px/20px sans-serif; height: 36px; margin: 0; overflow: hidden; padding: 8px">
This page is loaded from a public CDN. Run <code>./sotto explorer</code> and restart to make it work offline, with
sign-in and file uploads (needs Node).</p>
"""


class Explorer:
    """Serves GraphiQL; its files are listed once, at startup."""

    def __init__(self, folder: Path) -> None:
        self._page = Folder(folder, EXPLORER_POLICY)
        self._assets = Folder(folder / "assets", EXPLORER_POLICY, _HASHED)
        self.is_built = "index.html" in self._page
        head, body = get_graphql_ide_html(graphql_ide="graphiql").split("<body>")
        head = _TITLE.sub("<title>Sotto – GraphiQL</title>", head)
        self._other = f"{head}<body>\n{_HINT}{body}"
        self._other_policy = _policy_of(self._other)

    def add_to(self, router: web.UrlDispatcher) -> None:
        """Adds the routes of the assets; none if GraphiQL has not been built."""
        if self.is_built:
            router.add_get("/explorer/assets/{name:.+}", self._assets.get)

    async def page(self, request: web.Request) -> web.StreamResponse:
        """The page that browsers get at `/graphql`."""
        if self.is_built:
            return self._page.file(request, "index.html")
        headers = {"Content-Security-Policy": self._other_policy}
        return web.Response(text=self._other, content_type="text/html", headers=headers)


def _policy_of(text: str) -> str:
    """`CDN_POLICY` that allows exactly the scripts and styles of this page."""
    loaded = _LOADED.findall(text)
    hashes = [csp_hash_of(each) for each in _INLINE.findall(text)]
    scripts = [url for tag, url in loaded if tag == "script"] + hashes
    styles = [url for tag, url in loaded if tag == "link"]
    return CDN_POLICY.format(scripts=" ".join(scripts), styles=" ".join(styles))
