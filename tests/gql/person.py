"""A person who uses the API over HTTP."""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from tests.gql.conftest import Site

SEND = """
mutation ($input: SendPrivateMessageInput!) {
  sendPrivateMessage(input: $input) {
    __typename
    ... on SendPrivateMessageSuccess { message { id text attachments { filename mimeType byteSize sha256 } } }
    ... on UserError { detail code }
    ... on AttachmentsRejectedError { attachmentRejections { index reason filename } }
    ... on InvalidInputError { issues { path reason } }
  }
}
"""
ERRORS = "... on UserError { code detail } ... on InvalidInputError { issues { path reason limit } }"
# Of each mutation: whether the union of its results has InvalidInputError.
UNIONS = {
    "editMessage": "InvalidInputError", "setReaction": "InvalidInputError", "reportMessage": "InvalidInputError",
    "setConversationPreferences": "InvalidInputError", "followUser": "InvalidInputError",
    "muteUser": "InvalidInputError", "updateMessagingSettings": "InvalidInputError",
    "deleteMessage": "", "acknowledgeDelivery": "", "markConversationRead": "", "markConversationUnread": "",
    "setTyping": "", "clearConversation": "", "leaveConversation": "", "acceptMessageRequest": "",
    "declineMessageRequest": "", "unfollowUser": "", "unmuteUser": "",
}  # fmt: skip


class Person:
    """A client of the API."""

    def __init__(self, site: "Site", token: str) -> None:
        self.site = site
        self.token = token

    async def ask(self, query: str, **variables: Any) -> Any:
        """The data; there are no top-level errors."""
        status, answer = await self.site.post({"query": query, "variables": variables}, self.token)
        assert (status, "errors" in answer) == (200, False), answer
        return answer["data"]

    async def do(self, mutation: str, selection: str = "", **given: Any) -> Any:
        """The result of a mutation."""
        name = mutation[0].upper() + mutation[1:]
        errors = ERRORS if "InvalidInputError" in UNIONS[mutation] else "... on UserError { code detail }"
        query = (
            f"mutation ($input: {name}Input!) {{ {mutation}(input: $input) "
            f"{{ __typename {f'... on {name}Success {{ {selection} }}' if selection else ''} {errors} }} }}"
        )
        return (await self.ask(query, input=given))[mutation]

    async def send(self, *names: str, text: str = "Hello", **draft: Any) -> str:
        """Sends a message, and returns its id."""
        draft = {"to": {"users": [{"username": name} for name in names]}, "text": text, **draft}
        sent = (await self.ask(SEND, input=draft))["sendPrivateMessage"]
        assert sent["__typename"] == "SendPrivateMessageSuccess", sent
        return str(sent["message"]["id"])

    async def place_of(self, message_id: str) -> str:
        """The id of its conversation."""
        found = await self.ask("query ($id: ID!) { message(id: $id) { conversation { id } } }", id=message_id)
        return str(found["message"]["conversation"]["id"])
