// All GraphQL operations of this page, complete with their fragments, so that they can be pasted into GraphiQL.

const USER = `fragment U on User { id username displayName isBot viewerHasBlocked presence { status lastActiveAt } }`;

const VIEWER = `fragment V on Viewer { id unmutedUnreadMessageCount messageRequestCount }`;

const CONVERSATION = `fragment C on Conversation {
  id type folder unreadCount isUnread isMuted isPinned requestState viewerCanSend sendRestriction lastActivityAt
  viewerCanAnswerRequest deliveredToAllSequence readByAllSequence
  requestedBy { ...U }
  otherParticipants(first: 200) { user { ...U } }
  lastMessage { id preview sender { id } state }
}`;

const MESSAGE = `fragment M on Message {
  id sequence text state createdAt editedAt revision clientMessageId
  viewerCanEdit viewerCanDeleteForEveryone
  conversation { id }
  sender { id displayName }
  replyTo { id preview state sender { displayName } }
  attachments { id kind state filename mimeType byteSize durationSeconds thumbnail { url width height } }
  reactions { emoji count viewerHasReacted users(first: 20) { nodes { displayName } } }
}`;

const FRAGMENTS = { U: USER, V: VIEWER, C: CONVERSATION, M: MESSAGE };
const refusal = "... on UserError { detail code isRetryable }";

/** Appends the fragments that the document uses. */
function withFragments(document) {
  const wanted = new Set();
  const add = (text) => {
    for (const [, name] of text.matchAll(/\.\.\.([UVCM])\b/g)) {
      if (!wanted.has(name)) add(FRAGMENTS[wanted.add(name) && name]);
    }
  };
  add(document);
  return [document, ...[...wanted].map((name) => FRAGMENTS[name])].join("\n\n");
}

const DOCUMENTS = {
  signIn: `mutation SignIn($input: SignInInput!) {
  signIn(input: $input) { __typename ... on SignInSuccess { token viewer { user { username } } } ${refusal} }
}`,
  signUp: `mutation SignUp($input: SignUpInput!) {
  signUp(input: $input) {
    __typename ... on SignUpSuccess { token viewer { user { username } } } ${refusal}
    ... on InvalidInputError { issues { path detail } }
  }
}`,
  signOut: `mutation SignOut($input: SignOutInput!) {
  signOut(input: $input) { __typename ... on SignOutSuccess { endedSessions } ${refusal} }
}`,
  welcome: `query Welcome { serverInfo { features } }`,
  start: `query Start {
  viewer { eventCursor user { ...U } ...V }
  serverInfo { limits { maxTextLength maxAttachments maxAttachmentBytes } }
  conversations(first: 50) {
    nodes { ...C viewerParticipant { lastDeliveredMessage { id } } } pageInfo { hasNextPage endCursor }
  }
  requests: conversations(filter: { folder: REQUESTS }, first: 50) { nodes { ...C } }
}`,
  moreConversations: `query MoreConversations($after: String!) {
  conversations(first: 50, after: $after) { nodes { ...C } pageInfo { hasNextPage endCursor } }
}`,
  conversation: `query Conversation($id: ID!) { conversation(id: $id) { ...C } }`,
  conversationWith: `query ConversationWith($users: [UserReference!]!) { conversationWith(users: $users) { ...C } }`,
  messages: `query Messages($id: ID!, $last: Int, $before: String) {
  conversation(id: $id) { messages(last: $last, before: $before) { nodes { ...M } pageInfo { hasPreviousPage startCursor } } }
}`,
  messagesAround: `query MessagesAround($id: ID!, $around: ID!) {
  conversation(id: $id) {
    messages(first: 50, around: $around) {
      nodes { ...M } pageInfo { hasPreviousPage startCursor hasNextPage endCursor }
    }
  }
}`,
  messagesAfter: `query MessagesAfter($id: ID!, $after: String!) {
  conversation(id: $id) { messages(first: 50, after: $after) { nodes { ...M } pageInfo { hasNextPage endCursor } } }
}`,
  thumbnail: `query Thumbnail($id: ID!) { node(id: $id) { ... on Attachment { thumbnail { url width height } } } }`,
  fileUrl: `query FileUrl($id: ID!, $disposition: ContentDisposition!) {
  node(id: $id) { ... on Attachment { url(disposition: $disposition) } }
}`,
  people: `query People($search: String!) { messageableUsers(search: $search, first: 8) { nodes { ...U } } }`,
  find: `query Find($words: String!) {
  messageableUsers(search: $words, first: 8) { nodes { ...U } }
  conversations(filter: { search: $words, folder: ALL }, first: 8) { nodes { ...C } }
  searchMessages(query: $words, first: 20) {
    edges {
      excerpt { text isMatch }
      node { id createdAt sender { displayName } conversation { id type otherParticipants(first: 200) { user { ...U } } } }
    }
  }
}`,
  uploadType: `query UploadType($id: ID!) { node(id: $id) { ... on UploadSession { mimeType } } }`,
  send: `mutation Send($input: SendPrivateMessageInput!) {
  sendPrivateMessage(input: $input) {
    __typename
    ... on SendPrivateMessageSuccess { message { ...M } conversation { ...C } viewer { ...V } wasDuplicate }
    ${refusal}
    ... on InvalidInputError { issues { path detail } }
    ... on RecipientsRejectedError { recipientRejections { reason detail user { displayName } } }
    ... on AttachmentsRejectedError { attachmentRejections { index reason filename detail isRetryable } }
    ... on RateLimitedError { retryAfterSeconds }
  }
}`,
  edit: `mutation Edit($input: EditMessageInput!) {
  editMessage(input: $input) { __typename ... on EditMessageSuccess { message { ...M } } ${refusal} }
}`,
  remove: `mutation Delete($input: DeleteMessageInput!) {
  deleteMessage(input: $input) {
    __typename
    ... on DeleteMessageSuccess { deletedMessageId message { ...M } conversation { ...C } viewer { ...V } }
    ${refusal}
  }
}`,
  react: `mutation React($input: SetReactionInput!) {
  setReaction(input: $input) { __typename ... on SetReactionSuccess { message { ...M } } ${refusal} }
}`,
  delivered: `mutation Delivered($input: AcknowledgeDeliveryInput!) {
  acknowledgeDelivery(input: $input) { __typename ... on AcknowledgeDeliverySuccess { conversation { id } } ${refusal} }
}`,
  read: `mutation Read($input: MarkConversationReadInput!) {
  markConversationRead(input: $input) {
    __typename ... on MarkConversationReadSuccess { conversation { ...C } viewer { ...V } } ${refusal}
  }
}`,
  typing: `mutation Typing($input: SetTypingInput!) {
  setTyping(input: $input) { __typename ... on SetTypingSuccess { expiresAt } ${refusal} }
}`,
  block: `mutation Block($input: BlockUserInput!) {
  blockUser(input: $input) { __typename ... on BlockUserSuccess { user { ...U } viewer { ...V } } ${refusal} }
}`,
  unblock: `mutation Unblock($input: UnblockUserInput!) {
  unblockUser(input: $input) { __typename ... on UnblockUserSuccess { user { ...U } viewer { ...V } } ${refusal} }
}`,
  report: `mutation Report($input: ReportMessageInput!) {
  reportMessage(input: $input) { __typename ... on ReportMessageSuccess { reportId viewer { ...V } } ${refusal} }
}`,
  accept: `mutation Accept($input: AcceptMessageRequestInput!) {
  acceptMessageRequest(input: $input) {
    __typename ... on AcceptMessageRequestSuccess { conversation { ...C } viewer { ...V } } ${refusal}
  }
}`,
  decline: `mutation Decline($input: DeclineMessageRequestInput!) {
  declineMessageRequest(input: $input) {
    __typename ... on DeclineMessageRequestSuccess { conversationId viewer { ...V } } ${refusal}
  }
}`,
  prefer: `mutation Prefer($input: SetConversationPreferencesInput!) {
  setConversationPreferences(input: $input) {
    __typename ... on SetConversationPreferencesSuccess { conversation { ...C } viewer { ...V } } ${refusal}
  }
}`,
  clear: `mutation Clear($input: ClearConversationInput!) {
  clearConversation(input: $input) {
    __typename ... on ClearConversationSuccess { conversation { ...C } viewer { ...V } } ${refusal}
  }
}`,
  leave: `mutation Leave($input: LeaveConversationInput!) {
  leaveConversation(input: $input) {
    __typename ... on LeaveConversationSuccess { conversationId viewer { ...V } } ${refusal}
  }
}`,
  devices: `query Devices { viewer { devices { id name isTrusted isCurrent } } }`,
  users: `query Users($ids: [ID!]!) { nodes(ids: $ids) { ...U } }`,
  presences: `query Presences($ids: [ID!]!) {
  nodes(ids: $ids) { ... on User { id presence { status lastActiveAt } } }
}`,
  trust: `mutation Trust($input: TrustDeviceInput!) {
  trustDevice(input: $input) { __typename ... on TrustDeviceSuccess { device { id } } ${refusal} }
}`,
  revoke: `mutation Revoke($input: RevokeDeviceInput!) {
  revokeDevice(input: $input) { __typename ... on RevokeDeviceSuccess { deviceId } ${refusal} }
}`,
  createUpload: `mutation CreateUpload($input: CreateUploadInput!) {
  createUpload(input: $input) {
    __typename
    ... on CreateUploadSuccess { upload { id uploadUrl } }
    ${refusal}
    ... on AttachmentsRejectedError { attachmentRejections { reason filename detail isRetryable } }
    ... on InvalidInputError { issues { path detail } }
  }
}`,
  cancelUpload: `mutation CancelUpload($input: CancelUploadInput!) {
  cancelUpload(input: $input) { __typename ... on CancelUploadSuccess { uploadId } ${refusal} }
}`,
  events: `subscription Events($after: EventCursor) {
  events(after: $after) {
    cursor
    viewer { ...V }
    conversation { ...C }
    event {
      __typename
      ... on StreamReset { cursor }
      ... on MessageCreated { clientMessageId message { ...M } }
      ... on MessageUpdated { message { ...M } }
      ... on MessageRemoved { messageId conversationId }
      ... on ConversationCreated { conversation { id } }
      ... on ConversationRemoved { conversationId }
      ... on TypingChanged { conversation { id } user { id displayName } isTyping expiresAt }
      ... on PresenceChanged { user { id } presence { status lastActiveAt } }
      ... on BlocksChanged { user { ...U } }
      ... on UserUpdated { user { ...U } }
      ... on DeviceAdded { device { id name isTrusted } }
      ... on SessionRevoked { revocationReason }
    }
  }
}`,
};

export const QUERIES = Object.fromEntries(Object.entries(DOCUMENTS).map(([name, text]) => [name, withFragments(text)]));
