// The state of the page: people, conversations and the open thread, kept up to date by the event stream.

import { askAboutDevice } from "./device.js";
import { Outbox } from "./outbox.js";
import { QUERIES } from "./query.js";
import { EventStream } from "./socket.js";
import { Thread } from "./thread.js";

const PRESENCES = 100;
const BURST_MS = 150;
const RELOAD_MS = 2_000;

export class Store extends EventTarget {
  me = null;
  viewer = null; // the counters
  limits = null;
  users = new Map();
  conversations = new Map();
  typing = new Map(); // conversation id → Map of user id → { name, until }
  thread = null;
  isLive = false;
  wasLive = false;
  #stream = null;
  #more = null;
  #delivered = new Map(); // conversation id → the latest message to acknowledge
  #isChanged = false;

  constructor(api) {
    super();
    this.api = api;
    this.outbox = new Outbox(api, this);
  }

  /** Notifies the views, once for all changes in a task. */
  changed() {
    if (this.#isChanged) return;
    this.#isChanged = true;
    queueMicrotask(() => {
      this.#isChanged = false;
      this.dispatchEvent(new Event("changed"));
    });
  }

  /** Loads the lists, then subscribes to the events after them. */
  async start(lists) {
    const cursor = await this.#load(lists);
    this.#stream = new EventStream(QUERIES.events, this.api.authorization, cursor);
    this.api.note("events", { after: cursor });
    this.#stream.addEventListener("live", () => {
      if (this.wasLive) this.#refreshPresences().catch(() => {}); // presence is not replayed
      if (this.thread?.hasFailed) this.thread.load().catch(() => {});
      this.isLive = this.wasLive = true;
      this.outbox.retry();
      this.changed();
    });
    this.#stream.addEventListener("lost", () => {
      this.isLive = false;
      this.changed();
    });
    this.#stream.addEventListener("ended", () => this.end("SESSION_ENDED"));
    this.#stream.addEventListener("event", ({ detail }) => this.#apply(detail));
    this.outbox.restore();
  }

  /** Stops listening; `reason` is shown to the user. */
  end(reason) {
    this.#stream?.close();
    this.dispatchEvent(new CustomEvent("ended", { detail: reason }));
  }

  async #load(lists = this.api.query("start")) {
    const data = await lists;
    this.me = this.put(data.viewer.user);
    this.viewer = data.viewer;
    this.limits = data.serverInfo.limits;
    const open = this.thread?.conversation;
    this.conversations.clear();
    if (open) this.conversations.set(open.id, open);
    for (const each of [...data.conversations.nodes, ...data.requests.nodes]) this.putConversation(each);
    for (const { id, lastMessage, viewerParticipant } of data.conversations.nodes) {
      const isNew = lastMessage && lastMessage.id !== viewerParticipant.lastDeliveredMessage?.id;
      if (isNew && lastMessage.sender?.id !== this.me.id) this.#deliver(id, lastMessage.id); // arrived while away
    }
    this.#more = data.conversations.pageInfo;
    this.changed();
    return data.viewer.eventCursor;
  }

  get hasMore() {
    return Boolean(this.#more?.hasNextPage);
  }

  async loadMore() {
    const more = this.#more;
    this.#more = null; // prevents a second request
    try {
      const { conversations } = await this.api.query("moreConversations", { after: more.endCursor });
      for (const each of conversations.nodes) this.putConversation(each);
      this.#more = conversations.pageInfo;
    } finally {
      this.#more ??= more;
      this.changed();
    }
  }

  async #refreshPresences() {
    const people = new Set(this.listed().flatMap((each) => each.others));
    const { nodes } = await this.api.query("presences", { ids: [...people].slice(0, PRESENCES) });
    for (const user of nodes.filter(Boolean)) this.put(user);
    this.changed();
  }

  /** Merges the fields of a user into the stored user, and returns it. */
  put(user) {
    const merged = { ...this.users.get(user.id), ...user };
    this.users.set(user.id, merged);
    return merged;
  }

  putConversation(conversation) {
    const others = conversation.otherParticipants.map(({ user }) => this.put(user).id);
    const requestedBy = conversation.requestedBy && this.put(conversation.requestedBy).id;
    this.conversations.set(conversation.id, { ...conversation, others, requestedBy });
    this.changed();
    return this.conversations.get(conversation.id);
  }

  /** The other people of a conversation. */
  othersOf(conversation) {
    return conversation.others.map((id) => this.users.get(id));
  }

  /** The conversations of a folder, and in the inbox the open one; pinned ones first, then by latest activity. */
  listed(folder = "INBOX") {
    const isOpen = (each) => folder === "INBOX" && each.folder === null && each.id === this.thread?.id;
    return [...this.conversations.values()]
      .filter((each) => each.folder === folder || isOpen(each))
      .sort((a, b) => b.isPinned - a.isPinned || b.lastActivityAt.localeCompare(a.lastActivityAt));
  }

  /** Runs a mutation, and takes the conversation and the counters of its result. */
  async mutate(name, input) {
    const result = await this.api.mutate(name, input);
    this.#take(result);
    return result;
  }

  /** What results and envelopes bring with them. */
  #take({ viewer, conversation }) {
    if (viewer) this.viewer = viewer;
    if (conversation) this.putConversation(conversation);
    this.changed();
  }

  /** Opens a conversation at its end, or at a message. */
  async open(id, around) {
    this.thread?.close();
    this.thread = new Thread(this, { id });
    this.changed();
    await this.thread.load(around);
  }

  /** Opens the conversation with these people; if there is none, an empty thread: the first message creates it. */
  async openWith(people) {
    const users = people.map(({ id }) => ({ id }));
    const { conversationWith } = await this.api.query("conversationWith", { users });
    if (conversationWith) return this.open(this.putConversation(conversationWith).id);
    this.thread?.close();
    this.thread = new Thread(this, { people: people.map((user) => this.put(user)) });
    this.changed();
  }

  closeThread() {
    this.thread?.close();
    this.thread = null;
    this.changed();
  }

  async refresh(id) {
    const { conversation } = await this.api.query("conversation", { id });
    if (conversation) this.putConversation(conversation);
  }

  /** The first message has created the conversation of an empty thread. */
  made(conversation) {
    this.putConversation(conversation);
    if (this.thread && !this.thread.id && this.thread.isWith(conversation)) {
      this.thread.id = conversation.id;
      this.thread.load().catch(() => {});
    }
  }

  #apply({ event, viewer, conversation }) {
    this.#take({ viewer, conversation });
    this[`on${event.__typename}`]?.(event, conversation);
  }

  onMessageCreated({ message, clientMessageId }, conversation) {
    if (clientMessageId) this.outbox.arrived(clientMessageId);
    if (!conversation) return; // the viewer has left it since
    this.made(conversation);
    this.#stopTyping(conversation.id, message.sender?.id);
    if (this.thread?.id === conversation.id) this.thread.add(message);
    if (message.sender?.id === this.me.id) return;
    if (!conversation.viewerCanAnswerRequest) this.#deliver(conversation.id, message.id);
  }

  /** Acknowledges delivery once for a burst of messages. */
  #deliver(conversationId, upToMessageId) {
    const isWaiting = this.#delivered.has(conversationId);
    this.#delivered.set(conversationId, upToMessageId);
    if (isWaiting) return;
    setTimeout(() => {
      const input = { conversationId, upToMessageId: this.#delivered.get(conversationId) };
      this.#delivered.delete(conversationId);
      this.api.mutate("delivered", input).catch(() => {});
    }, BURST_MS);
  }

  onMessageUpdated({ message }) {
    this.thread?.replace(message);
  }

  onMessageRemoved({ messageId }) {
    this.thread?.remove(messageId);
  }

  onConversationCreated(_event, conversation) {
    if (conversation) this.made(conversation);
  }

  onConversationRemoved({ conversationId }) {
    this.conversations.delete(conversationId);
    if (this.thread?.id === conversationId) this.closeThread();
  }

  onTypingChanged({ conversation, user, isTyping, expiresAt }) {
    if (!isTyping) return this.#stopTyping(conversation.id, user.id);
    const inThis = this.typing.get(conversation.id) ?? new Map();
    this.typing.set(conversation.id, inThis.set(user.id, { name: user.displayName, until: Date.parse(expiresAt) }));
    setTimeout(() => this.changed(), Math.max(0, Date.parse(expiresAt) - Date.now()) + 50);
  }

  /** The names of the people who are typing in a conversation. */
  typingIn(id) {
    return [...(this.typing.get(id)?.values() ?? [])].filter(({ until }) => until > Date.now()).map(({ name }) => name);
  }

  #stopTyping(conversationId, userId) {
    this.typing.get(conversationId)?.delete(userId);
  }

  onPresenceChanged({ user, presence }) {
    if (this.users.has(user.id)) this.put({ id: user.id, presence });
  }

  onBlocksChanged({ user }) {
    this.put(user);
    for (const each of this.conversations.values()) {
      if (each.others.includes(user.id)) this.refresh(each.id).catch(() => {});
    }
  }

  /** The person may have been suspended or restored, which decides whether the viewer can write to them. */
  onUserUpdated(event) {
    this.onBlocksChanged(event);
  }

  /** Offline too long for a replay: reloads everything, with retries; the stream continues from its new cursor. */
  async onStreamReset() {
    try {
      await this.#load();
      if (!this.thread?.id) return;
      if (!this.conversations.has(this.thread.id)) await this.refresh(this.thread.id);
      if (this.conversations.has(this.thread.id)) await this.thread.load();
      else this.closeThread();
    } catch {
      setTimeout(() => this.onStreamReset(), RELOAD_MS);
    }
  }

  onDeviceAdded({ device }) {
    askAboutDevice(this.api, device).catch(() => {});
  }

  onSessionRevoked({ revocationReason }) {
    this.end(revocationReason);
  }
}
