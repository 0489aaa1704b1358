// The tabs that are ready to run, and the one that a link opens.
import { storage } from "./storage.js";

const json = (value) => JSON.stringify(value, null, 2);

const SIGN_IN = `# Run it: the button, or Ctrl-Enter.
# An answer is a success, or a refusal that says why. The token goes along from now on.
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

const SEND = `# A message to bob; several users are a group.
# A refusal names everybody who was wrong.
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

const SEND_FILE = `# notes.txt goes along: see below the answer.
# The panel with the paper clip takes others.
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

const LISTEN = `# Run it: each new message comes as it is sent.
# Have bob write, in another window, or by: ./sotto send --as bob alice hi --data data-demo
# A cursor as $after brings what was missed.
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

const BLOCK = `# Mutations run in order: block somebody, try to write to them, take the block back.
# A block stops both sides, and the other is not told.
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

/** The five of them; `demo` is what /page.json says of the demo's people, null elsewhere. */
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
 * The tab of `/graphql#query=…&variables=…&operationName=…`, or of the same behind a `?`; null without a query. The
 * address is cleared of it. What stands behind a `#` is sent to no server, and stands in no log of one.
 */
export function takeLink() {
  const parameters = new URLSearchParams(location.hash.slice(1) || location.search);
  const query = parameters.get("query");
  if (!query) return null;
  history.replaceState(null, "", location.pathname);
  return { query, variables: pretty(parameters.get("variables")), operationName: parameters.get("operationName") };
}

/** What GraphiQL begins with: the link's tab before all others, else where this browser's tab was left. */
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
