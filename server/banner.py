"""The banner: where everything is, and what to try first."""

from server.build import npm
from server.page import EXPLORER
from server.setting.settings import Settings

_CURL = """\
  curl -s {url}/graphql -H 'Content-Type: application/json' -H 'Authorization: Bearer {token}' \\
    -d '{{"query":"mutation {{ sendPrivateMessage(input: {{to: {{users: [{{username: \\"bob\\"}}]}}, \
text: \\"Hello\\"}}) {{ __typename }} }}"}}'
"""


def addresses(url: str, settings: Settings) -> str:
    """A tree of the addresses that these settings serve."""
    lines = [f"{url}/graphql", f"ws{url.removeprefix('http')}/graphql"]
    notes = [
        "GraphQL, and GraphiQL in a browser" if settings.explorer else "GraphQL",
        "subscriptions (graphql-transport-ws)",
    ]
    if settings.chat_page:
        lines.insert(0, f"{url}/")
        notes.insert(0, "the chat page")
    if settings.introspection:
        lines.append(f"{url}/schema.graphql")
        notes.append("the schema, for code generation")
    lines += [f"{url}/healthz", f"{url}/readyz"]
    notes += ["whether the process lives", "whether it can serve"]
    width = max(map(len, lines))
    marks = ["├─"] * (len(lines) - 1) + ["└─"]
    tree = [f"  {mark} {line:{width}}  {note}" for mark, line, note in zip(marks, lines, notes, strict=True)]
    return "\n".join(["Sotto", *tree])


def explorer() -> str:
    """The way to a GraphiQL that works offline; nothing where it has been built, or cannot be."""
    if (EXPLORER / "index.html").exists() or npm() is None:
        return ""
    return "\n  GraphiQL comes from a public CDN; `./sotto explorer`, and a restart, make it work offline.\n"


def demo(url: str, token: str) -> str:
    """What to try: the logins, and a request that works as it stands."""
    return "\n".join(
        [
            "",
            "  alice, bob and carol sign in with the password `demo`; the bot `echo` answers whoever writes to it.",
            "  Alice writes to bob:",
            "",
            _CURL.format(url=url, token=token),
            "  Everybody knows these passwords: this is for trying out, on this machine alone. For the real thing:",
            "  ./sotto serve --data ./data, behind a proxy with TLS; docs/deploy.md says how.",
            "",
        ]
    )
