// The default tabs, and the tab that a link opens.
import { storage } from "./storage.js";

const json = (value) => JSON.stringify(value, null, 2);

const SIGN_IN = `# Run this operation with the button or Ctrl-Enter.
# The result is a success or an error with a reason. The token is sent from now on.
mutation SignIn($input: SignInInput!) {
  signIn(input: $input) {
    __typename
    ... on SignInSuccess {
      token
      viewer {
        user { username displayName }
        unreadMessageCount
      }
    }
    ... on UserError { detail code }
  }
}
`;

const SEND = `# Sends a message to bob; several users make a group.
# An error lists every recipient that was rejected.
mutation Send($input: SendPrivateMessageInput!) {
  sendPrivateMessage(input: $input) {
    __typename
    ... on SendPrivateMessageSuccess {
      message { id text createdAt }
      conversation { id }
    }
    ... on RecipientsRejectedError {
      recipientRejections { index reason detail }
    }
    ... on UserError { detail code }
  }
}
`;

const SEND_FILE = `# Sends notes.txt, as shown below the response.
# Add other files in the panel with the paper clip.
mutation SendFile($input: SendPrivateMessageInput!) {
  sendPrivateMessage(input: $input) {
    __typename
    ... on SendPrivateMessageSuccess {
      message {
        id
        attachments {
          filename
          mimeType
          byteSize
          sha256
          url
        }
      }
    }
    ... on AttachmentsRejectedError {
      attachmentRejections { index reason detail }
    }
    ... on UserError { detail code }
  }
}
`;

const LISTEN = `# Run this operation: new messages appear as they are sent.
# Send one as bob, in another window or with: ./sotto send --as bob alice hi --data data-demo
# Pass a cursor as $after to get the messages since then.
subscription Listen($after: EventCursor) {
  privateMessageReceived(after: $after) {
    cursor
    isReplay
    message {
      text
      createdAt
      sender { username }
      attachments { filename byteSize sha256 url }
    }
  }
}
`;

const BLOCK = `# Mutations run in order: block a user, try to send them a message, unblock them.
# A block stops messages in both directions, and the other user is not notified.
mutation Block(
  $block: BlockUserInput!
  $message: SendPrivateMessageInput!
  $unblock: UnblockUserInput!
) {
  blockUser(input: $block) {
    ... on BlockUserSuccess {
      user { username viewerHasBlocked }
    }
    ... on UserError { detail code }
  }
  sendPrivateMessage(input: $message) {
    __typename
    ... on RecipientsRejectedError {
      recipientRejections { index reason detail }
    }
    ... on UserError { detail code }
  }
  unblockUser(input: $unblock) {
    ... on UnblockUserSuccess {
      user { username viewerHasBlocked }
    }
    ... on UserError { detail code }
  }
}
`;

/** The default tabs; `demo` is the `demo` of /page.json, null outside the demo. */
export function tabsFor(demo) {
  const [me, other, third] = demo?.usernames ?? ["", "", ""];
  const to = (username) => ({ users: [{ username }] });
  const tab = (query, variables) => ({ query, variables: json(variables) });
  return [
    tab(SIGN_IN, { input: { username: me, password: demo?.password ?? "", deviceName: "GraphiQL" } }),
    tab(SEND, { input: { to: to(other), text: `Hello, ${other || "there"}` } }),
    tab(SEND_FILE, { input: { to: to(other), text: "See the notes", attachments: [{ file: null }] } }),
    tab(LISTEN, { after: null }),
    tab(BLOCK, {
      block: { user: { username: third } },
      message: { to: to(third), text: "Can you read this?" },
      unblock: { user: { username: third } },
    }),
  ];
}

/**
 * The tab of `/graphql#query=…&variables=…&operationName=…`, or the same with `?`; null without a query. Clears the
 * URL. The part after `#` is not sent to the server, so it is not logged.
 */
export function takeLink() {
  const parameters = new URLSearchParams(location.hash.slice(1) || location.search);
  const query = parameters.get("query");
  if (!query) return null;
  history.replaceState(null, "", location.pathname);
  return { query, variables: pretty(parameters.get("variables")), operationName: parameters.get("operationName") };
}

/** The initial tabs of GraphiQL: the tab of the link first, otherwise the tabs as they were left. */
export function beginning(tabs, link) {
  if (link) return { defaultTabs: [link, ...tabs], initialQuery: link.query, initialVariables: link.variables };
  const { query, variables } = lastTab() ?? tabs[0];
  return { defaultTabs: tabs, initialQuery: query ?? "", initialVariables: variables ?? "" };
}

function lastTab() {
  try {
    const { tabs, activeTabIndex } = JSON.parse(storage.getItem("graphiql:tabState"));
    return tabs[activeTabIndex];
  } catch {
    return null;
  }
}

function pretty(variables) {
  try {
    return json(JSON.parse(variables ?? "{}"));
  } catch {
    return variables;
  }
}
