#!/usr/bin/env bash
# Signs in, listens, sends a file, and shows what is heard; with curl alone.
#
#   ./message.sh [file] [from] [to]      with ./sotto demo running; the password is the demo's
#
# SOTTO names another server. Prints the answer to the send, then what the other person hears of it.
set -euo pipefail

SOTTO=${SOTTO:-http://127.0.0.1:8000}
file=${1:-$0}
from=${2:-alice}
to=${3:-bob}

# graphql TOKEN QUERY: one request; the token may be empty.
graphql() {
    curl -sS "$SOTTO/graphql" -H 'Content-Type: application/json' ${1:+-H "Authorization: Bearer $1"} --data-binary "$2"
}

sign_in() {
    graphql '' '{"query":"mutation { signIn(input: {username: \"'"$1"'\", password: \"demo\"}) { ... on SignInSuccess { token } ... on UserError { detail } } }"}' |
        sed -n 's/.*"token":"\([^"]*\)".*/\1/p' || true
}

mine=$(sign_in "$from")
theirs=$(sign_in "$to")
[ -n "$mine" ] && [ -n "$theirs" ] || { echo "Nobody signed in: does ./sotto demo run at $SOTTO?" >&2; exit 1; }

# Where the other's stream of events ends now: what is sent from here on is heard, however late one begins to listen.
cursor=$(graphql "$theirs" '{"query":"{ viewer { eventCursor } }"}' | sed -n 's/.*"eventCursor":"\([^"]*\)".*/\1/p')

# A file inside the request: null where it goes, `map` says so, then the file.
curl -sS "$SOTTO/graphql" -H "Authorization: Bearer $mine" \
    -F operations='{
      "query": "mutation ($input: SendPrivateMessageInput!) { sendPrivateMessage(input: $input) { __typename ... on SendPrivateMessageSuccess { message { id attachments { filename mimeType byteSize } } } ... on RecipientsRejectedError { recipientRejections { index reason } } ... on AttachmentsRejectedError { attachmentRejections { reason detail } } ... on UserError { detail code } } }",
      "variables": { "input": { "to": { "users": [{ "username": "'"$to"'" }] }, "text": "A file for you", "attachments": [{ "file": null }] } } }' \
    -F map='{ "0": ["variables.input.attachments.0.file"] }' \
    -F 0=@"$file"
echo

# An event stream: first what came after the cursor, then live, until the first message.
curl -sN --max-time 30 "$SOTTO/graphql" -H "Authorization: Bearer $theirs" -H 'Accept: text/event-stream' \
    -H 'Content-Type: application/json' \
    -d '{"query":"subscription ($after: EventCursor) { privateMessageReceived(after: $after) { message { text sender { username } attachments { filename url } } } }", "variables": {"after": "'"$cursor"'"}}' |
    sed -n '/^data: {/{s/^data: //p;q;}' || true # curl ends unhappily: nobody reads on
