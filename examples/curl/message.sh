#!/usr/bin/env bash
# Signs in, sends a file, and shows what the recipient receives, with curl only.
#
#   ./message.sh [file] [from] [to]      with ./sotto demo running and its password
#
# Set SOTTO to use another server. Prints the response to the send, then the message that the recipient receives.
set -euo pipefail

SOTTO=${SOTTO:-http://127.0.0.1:8000}
file=${1:-$0}
from=${2:-alice}
to=${3:-bob}

# graphql TOKEN QUERY: sends a request; the token can be empty.
graphql() {
    curl -sS "$SOTTO/graphql" -H 'Content-Type: application/json' ${1:+-H "Authorization: Bearer $1"} --data-binary "$2"
}

sign_in() {
    graphql '' '{"query":"mutation { signIn(input: {username: \"'"$1"'\", password: \"demo\"}) { ... on SignInSuccess { token } ... on UserError { detail } } }"}' |
        sed -n 's/.*"token":"\([^"]*\)".*/\1/p' || true
}

mine=$(sign_in "$from")
theirs=$(sign_in "$to")
[ -n "$mine" ] && [ -n "$theirs" ] || { echo "The sign-in failed. Check that ./sotto demo is running at $SOTTO." >&2; exit 1; }

# The current end of the recipient's event stream: a later subscription gets every message after it.
cursor=$(graphql "$theirs" '{"query":"{ viewer { eventCursor } }"}' | sed -n 's/.*"eventCursor":"\([^"]*\)".*/\1/p')

# A multipart request with a file: the variable is null, `map` names its path, and the file follows.
curl -sS "$SOTTO/graphql" -H "Authorization: Bearer $mine" \
    -F operations='{
      "query": "mutation ($input: SendPrivateMessageInput!) { sendPrivateMessage(input: $input) { __typename ... on SendPrivateMessageSuccess { message { id attachments { filename mimeType byteSize } } } ... on RecipientsRejectedError { recipientRejections { index reason } } ... on AttachmentsRejectedError { attachmentRejections { reason detail } } ... on UserError { detail code } } }",
      "variables": { "input": { "to": { "users": [{ "username": "'"$to"'" }] }, "text": "A file for you", "attachments": [{ "file": null }] } } }' \
    -F map='{ "0": ["variables.input.attachments.0.file"] }' \
    -F 0=@"$file"
echo

# An event stream: messages after the cursor, then live ones. Stops at the first message.
curl -sN --max-time 30 "$SOTTO/graphql" -H "Authorization: Bearer $theirs" -H 'Accept: text/event-stream' \
    -H 'Content-Type: application/json' \
    -d '{"query":"subscription ($after: EventCursor) { privateMessageReceived(after: $after) { message { text sender { username } attachments { filename url } } } }", "variables": {"after": "'"$cursor"'"}}' |
    sed -n '/^data: {/{s/^data: //p;q;}' || true # curl fails when sed closes the pipe
