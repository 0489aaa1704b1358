"""The text that the server prints at startup: its URLs, and for the demo what to try first."""

from server.build import npm
from server.page import EXPLORER
from server.setting.settings import Settings

_CURL = """\
  curl -s {url}/graphql -H 'Content-Type: application/json' -H 'Authorization: Bearer {token}' \\
    -d '{{"query":"mutation {{ sendPrivateMessage(input: {{to: {{users: [{{username: \\"bob\\"}}]}}, \
text: \\"Hello\\"}}) {{ __typename }} }}"}}'
"""


def addresses(url: str, settings: Settings) -> str:
    """The URLs that are served with these settings, as a tree."""
    lines = [f"{url}/graphql", f"ws{url.removeprefix('http')}/graphql"]
    notes = [
        "GraphQL, and GraphiQL in a browser" if settings.has_explorer else "GraphQL",
        "subscriptions (graphql-transport-ws)",
    ]
    if settings.trusted_documents is not None:
        notes[0] += "; only trusted documents"
    if settings.has_chat_page:
        lines.insert(0, f"{url}/")
        notes.insert(0, "the chat page")
    if settings.introspection:
        lines.append(f"{url}/schema.graphql")
        notes.append("the schema, for code generation")
    lines += [f"{url}/healthz", f"{url}/readyz"]
    notes += ["liveness check", "readiness check"]
    width = max(map(len, lines))
    marks = ["├─"] * (len(lines) - 1) + ["└─"]
    tree = [f"  {mark} {line:{width}}  {note}" for mark, line, note in zip(marks, lines, notes, strict=True)]
    return "\n".join(["Sotto", *tree])


def explorer() -> str:
    """How to make GraphiQL work offline; empty if it has been built, or if there is no Node to build it."""
    if (EXPLORER / "index.html").exists() or npm() is None:
        return ""
    return "\n  GraphiQL is loaded from a public CDN. To make it work offline, run `./sotto explorer` and restart.\n"


def demo(url: str, token: str) -> str:
    """The logins of the demo, and a request that works without changes."""
    return "\n".join(
        [
            "",
            "  alice, bob and carol sign in with the password `demo`; the bot `echo` answers every message.",
            "  Send a message from alice to bob:",
            "",
            _CURL.format(url=url, token=token),
            "  These passwords are public: use the demo on this machine only. For production, run",
            "  ./sotto serve --data ./data behind a proxy with TLS; see docs/deploy.md.",
            "",
        ]
    )
