// The tabs that are ready to run, and the one that a link opens.
import { storage } from "./storage.js";

const json = (value) => JSON.stringify(value, null, 2);

const SIGN_IN = `# Run it: the button above, or Ctrl-Enter. Every mutation answers with a union: a success, or a refusal that says
# what is wrong. The token goes along from now on; who is signed in stands below, and in the panel on the left.
mutation SignIn($input: SignInInput!) {
  signIn(input: $input) {
    __typename
    ... on SignInSuccess { token viewer { user { username displayName } unreadMessageCount } }
    ... on UserError { detail code }
  }
}
`;

const SEND = `# A message to bob. Several users are one group; a refusal names every recipient that was wrong.
# With a clientMessageId the same message is sent once, however often it is tried.
mutation Send($input: SendPrivateMessageInput!) {
  sendPrivateMessage(input: $input) {
    __typename
    ... on SendPrivateMessageSuccess { message { id text createdAt deliveryStatus } conversation { id } }
    ... on RecipientsRejectedError { recipientRejections { index reason detail } }
    ... on UserError { detail code }
  }
}
`;

const SEND_FILE = `# An example goes along, as the line below the answer says. The panel Files (a paper clip, on the left) takes others:
# it suggests the variables that are files, and sends what the GraphQL multipart request specification describes.
mutation SendFile($input: SendPrivateMessageInput!) {
  sendPrivateMessage(input: $input) {
    __typename
    ... on SendPrivateMessageSuccess {
      message { id attachments { filename mimeType byteSize sha256 url } }
    }
    ... on AttachmentsRejectedError { attachmentRejections { index reason detail } }
    ... on UserError { detail code }
  }
}
`;

const LISTEN = `# Run it and leave it open: it shows each message as it comes, those of this person's other devices included.
# Have somebody write, in another window, or by: ./sotto send --as bob alice "hi" --data data-demo
# The cursor as $after brings all that was missed, in order, and then goes on live.
subscription Listen($after: EventCursor) {
  privateMessageReceived(after: $after) {
    cursor
    isReplay
    message { id text createdAt sender { username } attachments { filename mimeType byteSize sha256 url } }
  }
}
`;

const BLOCK = `# A block stands in the way of both, and the other is not told. Mutations run in order: block, try to write, unblock.
# What the refused one was to send is not delivered later.
mutation Block($block: BlockUserInput!, $message: SendPrivateMessageInput!, $unblock: UnblockUserInput!) {
  blockUser(input: $block) {
    ... on BlockUserSuccess { user { username viewerHasBlocked } }
    ... on UserError { detail code }
  }
  sendPrivateMessage(input: $message) {
    __typename
    ... on RecipientsRejectedError { recipientRejections { index reason detail } }
    ... on UserError { detail code }
  }
  unblockUser(input: $unblock) {
    ... on UnblockUserSuccess { user { username viewerHasBlocked } }
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

/** The tab of `/graphql?query=…&variables=…&operationName=…`; null without a query. The address is cleared of it. */
export function takeLink() {
  const parameters = new URLSearchParams(location.search);
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
