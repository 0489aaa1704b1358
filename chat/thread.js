// The open conversation: a stretch of its messages without a gap, the newest at the end.

const PAGE = 40;

export class Thread {
  messages = [];
  replyTo = null;
  editing = null;
  found = null; // the id of a message that was searched for
  isLoading = true;
  #before = null;
  #after = null;
  #receipts = 0;
  #isClosed = false;

  /** `id` of a conversation, or `people` of one that is not there yet. */
  constructor(store, { id = null, people = null }) {
    this.store = store;
    this.id = id;
    this.people = people;
    this.isLoading = id !== null;
    this.onseen = () => this.read();
    document.addEventListener("visibilitychange", this.onseen);
    addEventListener("focus", this.onseen);
  }

  close() {
    this.#isClosed = true;
    clearTimeout(this.#receipts);
    document.removeEventListener("visibilitychange", this.onseen);
    removeEventListener("focus", this.onseen);
  }

  get conversation() {
    return this.id ? this.store.conversations.get(this.id) : null;
  }

  get hasBefore() {
    return this.#before !== null;
  }

  get hasAfter() {
    return this.#after !== null;
  }

  /** Whether a conversation is the one that this thread was to begin. */
  isWith(conversation) {
    const ids = conversation.otherParticipants.map(({ user }) => user.id);
    return ids.length === this.people.length && this.people.every(({ id }) => ids.includes(id));
  }

  /** Loads the newest page, or the one around a message. */
  async load(around) {
    this.isLoading = true;
    this.found = around ?? null;
    const name = around ? "messagesAround" : "messages";
    const variables = around ? { id: this.id, around } : { id: this.id, last: PAGE };
    try {
      const { conversation } = await this.store.api.query(name, variables);
      if (this.#isClosed || !conversation) return;
      const { nodes, pageInfo } = conversation.messages;
      const newer = around || pageInfo.hasNextPage ? [] : this.messages.filter((each) => isBehind(each, nodes.at(-1)));
      this.messages = [...nodes, ...newer];
      this.#before = pageInfo.hasPreviousPage ? pageInfo.startCursor : null;
      this.#after = pageInfo.hasNextPage ? pageInfo.endCursor : null;
    } finally {
      this.isLoading = false;
      this.store.changed();
    }
    this.read();
  }

  async loadBefore() {
    const before = this.#before;
    if (!before || this.isLoading) return;
    await this.#page("messages", { id: this.id, last: PAGE, before }, (nodes, pageInfo) => {
      this.messages = [...nodes, ...this.messages];
      this.#before = pageInfo.hasPreviousPage ? pageInfo.startCursor : null;
    });
  }

  async loadAfter() {
    const after = this.#after;
    if (!after || this.isLoading) return;
    await this.#page("messagesAfter", { id: this.id, after }, (nodes, pageInfo) => {
      this.messages = [...this.messages, ...nodes];
      this.#after = pageInfo.hasNextPage ? pageInfo.endCursor : null;
    });
  }

  async #page(name, variables, take) {
    this.isLoading = true;
    try {
      const { conversation } = await this.store.api.query(name, variables);
      if (!this.#isClosed && conversation) take(conversation.messages.nodes, conversation.messages.pageInfo);
    } finally {
      this.isLoading = false;
      this.store.changed();
    }
  }

  /** A new message: at the end, unless the stretch that is shown ends before it. */
  add(message) {
    if (this.messages.some(({ id }) => id === message.id)) return this.replace(message);
    if (!this.hasAfter && !(this.isLoading && this.messages.length === 0)) {
      this.messages = [...this.messages, message].sort((a, b) => a.sequence - b.sequence);
    } else if (this.isLoading) this.messages = [message];
    this.read();
    this.store.changed();
  }

  /**
   * What changed of a message, in itself and where it is quoted; pictures that are shown keep their addresses, so that
   * they do not blink.
   */
  replace(message) {
    this.messages = this.messages.map((old) => {
      if (old.replyTo?.id === message.id) {
        const { id, state, text, sender } = message;
        return { ...old, replyTo: { ...old.replyTo, id, state, sender, preview: text ?? old.replyTo.preview } };
      }
      if (old.id !== message.id) return old;
      const attachments = message.attachments.map((file) => {
        const shown = old.attachments.find(({ id }) => id === file.id)?.thumbnail;
        return shown && file.thumbnail ? { ...file, thumbnail: shown } : file;
      });
      return { ...message, attachments };
    });
    this.store.changed();
  }

  remove(id) {
    const left = this.messages.filter((each) => each.id !== id);
    this.messages = left.map((each) => (each.replyTo?.id === id ? { ...each, replyTo: null } : each));
    if (this.replyTo?.id === id) this.replyTo = null;
    if (this.editing?.id === id) this.editing = null;
    this.store.changed();
  }

  /** Asks how far one's own messages have come: at once for a burst of receipts. */
  askReceipts() {
    clearTimeout(this.#receipts);
    this.#receipts = setTimeout(() => this.#loadReceipts().catch(() => {}), 150); // the next receipt asks again
  }

  async #loadReceipts() {
    const { me, api } = this.store;
    const mine = this.messages.filter((each) => each.sender?.id === me.id && each.deliveryStatus !== "READ");
    const ids = mine.slice(-50).map(({ id }) => id);
    if (ids.length === 0) return;
    const { nodes } = await api.query("receipts", { ids });
    const status = new Map(nodes.filter(Boolean).map((each) => [each.id, each.deliveryStatus]));
    this.messages = this.messages.map((each) => ({
      ...each,
      deliveryStatus: status.get(each.id) ?? each.deliveryStatus,
    }));
    this.store.changed();
  }

  /** Marks as read what is on the screen of somebody who looks. */
  read() {
    const { conversation } = this;
    const last = this.messages.at(-1);
    if (this.#isClosed || this.hasAfter || !conversation?.isUnread || !last || this.store.isRequest(conversation))
      return;
    if (document.visibilityState !== "visible" || !document.hasFocus()) return;
    this.store.api
      .mutate("read", { conversationId: this.id, upToMessageId: last.id })
      .then(({ conversation: now }) => this.store.putConversation(now))
      .catch(() => {});
  }
}

const isBehind = (message, last) => !last || message.sequence > last.sequence;
