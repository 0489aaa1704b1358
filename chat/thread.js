// The open conversation: a stretch of its messages without a gap, the newest at the end.

const PAGE = 40;

export class Thread {
  messages = [];
  replyTo = null;
  editing = null;
  found = null; // the id of a message that was searched for
  isLoading = false;
  isAtEnd = false; // whether the newest message is on the screen; the view says so
  goal = "end"; // where the view is to go when it is loaded: the end or the id of a message; null once it is there
  unseen = new Set(); // ids of the messages of others that came while their place was not on the screen
  arrived = []; // messages of others that no screen reader has said yet
  hasFailed = false; // the first page did not come
  #hasLoaded = false;
  #isLoadingEnd = false;
  #late = []; // came while the end was being loaded
  #changed = new Map(); // by id: what a message became while a page was being loaded; null for one that was removed
  #turn = 0;
  #before = null;
  #after = null;
  #receipts = 0;
  #isReading = false;
  #isClosed = false;

  /** `id` of a conversation, or `people` of one that is not there yet. */
  constructor(store, { id = null, people = null }) {
    this.store = store;
    this.id = id;
    this.people = people;
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

  /** The people of it but oneself, as they are known now. */
  get others() {
    const { conversation, store } = this;
    return conversation ? store.othersOf(conversation) : (this.people ?? []).map(({ id }) => store.users.get(id));
  }

  /** What it is known by: its id, and before it has one, its people. */
  get key() {
    return this.id ?? keyOfPeople(this.people);
  }

  /** Whether a conversation is the one that this thread was to begin. */
  isWith(conversation) {
    return keyOfPeople(conversation.otherParticipants.map(({ user }) => user)) === keyOfPeople(this.people);
  }

  /** Loads the newest page, or the one around a message; what was shown gives way, also where a page is under way. */
  async load(around) {
    this.found = around ?? null;
    this.goal = around ?? "end";
    const name = around ? "messagesAround" : "messages";
    const variables = around ? { id: this.id, around } : { id: this.id, last: PAGE };
    this.hasFailed = false;
    try {
      await this.#page(name, variables, true, (nodes, pageInfo) => {
        this.messages = nodes;
        this.#hasLoaded = true;
        this.#before = pageInfo.hasPreviousPage ? pageInfo.startCursor : null;
        this.#after = pageInfo.hasNextPage ? pageInfo.endCursor : null;
      });
    } catch (error) {
      this.hasFailed = !this.#hasLoaded;
      throw error;
    }
  }

  /** Leads the view to the newest message, which is loaded where it is not yet. */
  async goToEnd() {
    if (this.hasAfter) return this.load();
    this.goal = "end";
    this.store.changed();
  }

  async loadBefore() {
    const before = this.#before;
    if (!before || this.isLoading) return;
    await this.#page("messages", { id: this.id, last: PAGE, before }, false, (nodes, pageInfo) => {
      this.messages = [...nodes, ...this.messages];
      this.#before = pageInfo.hasPreviousPage ? pageInfo.startCursor : null;
    });
  }

  async loadAfter() {
    const after = this.#after;
    if (!after || this.isLoading) return;
    await this.#page("messagesAfter", { id: this.id, after }, true, (nodes, pageInfo) => {
      this.messages = [...this.messages, ...nodes];
      this.#after = pageInfo.hasNextPage ? pageInfo.endCursor : null;
    });
  }

  /** One page at a time; a later one makes what comes of an earlier one void. */
  async #page(name, variables, isEnd, take) {
    const turn = (this.#turn += 1);
    this.isLoading = true;
    this.#isLoadingEnd = isEnd;
    this.store.changed();
    try {
      const { conversation } = await this.store.api.query(name, variables);
      if (this.#isClosed || turn !== this.#turn || !conversation) return;
      const now = (node) => (this.#changed.has(node.id) ? this.#changed.get(node.id) : node);
      take(conversation.messages.nodes.map(now).filter(Boolean), conversation.messages.pageInfo);
    } finally {
      if (turn === this.#turn) this.#settle();
    }
  }

  /** The page has come, or not: what arrived meanwhile takes its place at the end, if the end is shown. */
  #settle() {
    this.isLoading = this.#isLoadingEnd = false;
    this.#changed.clear();
    const late = this.#late;
    if (this.#hasLoaded) this.#late = [];
    const isNew = ({ id }) => !this.messages.some((each) => each.id === id);
    if (this.#hasLoaded) for (const message of late.filter(isNew)) this.#place(message);
    this.store.changed();
  }

  /** A new message: at the end, unless the stretch that is shown ends before it. */
  add(message) {
    this.#note(message);
    this.#place(message);
  }

  #place(message) {
    if (this.#isLoadingEnd || !this.#hasLoaded) this.#late.push(message);
    else if (this.messages.some(({ id }) => id === message.id)) this.replace(message);
    else if (!this.hasAfter) this.messages = [...this.messages, message].sort((a, b) => a.sequence - b.sequence);
    this.store.changed();
  }

  /** Counts a message of somebody else that comes for the first time, and has it said. */
  #note(message) {
    const isKnown = [...this.#late, ...this.messages].some(({ id }) => id === message.id);
    if (isKnown || message.sender?.id === this.store.me.id) return;
    if (!this.isAtEnd) this.unseen.add(message.id);
    this.arrived.push(message);
  }

  /**
   * What changed of a message, in itself and where it is quoted; pictures that are shown keep their addresses, so that
   * they do not blink.
   */
  replace(message) {
    if (this.isLoading) this.#changed.set(message.id, message); // the page may have been read before
    this.#late = this.#late.map((old) => (old.id === message.id ? message : old));
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
    if (this.isLoading) this.#changed.set(id, null);
    this.unseen.delete(id);
    this.#late = this.#late.filter((each) => each.id !== id);
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
    this.messages = this.messages.map((each) =>
      status.has(each.id) ? { ...each, deliveryStatus: status.get(each.id) } : each,
    );
    this.store.changed();
  }

  /** Marks as read what is on the screen of somebody who looks. */
  read() {
    const { conversation, store } = this;
    const last = this.messages.at(-1);
    if (this.#isClosed || this.#isReading || this.hasAfter || !this.isAtEnd || !last) return;
    if (!conversation?.isUnread || store.isRequest(conversation)) return;
    if (document.visibilityState !== "visible" || !document.hasFocus()) return;
    this.#isReading = true;
    store.api
      .mutate("read", { conversationId: this.id, upToMessageId: last.id })
      .then(({ conversation: now }) => store.putConversation(now))
      .catch(() => {})
      .finally(() => setTimeout(() => this.#readAgain(), 200)); // one for a burst of messages
  }

  #readAgain() {
    this.#isReading = false;
    this.read();
  }
}

/** The same for the same people, in whatever order. */
export const keyOfPeople = (people) =>
  people
    .map(({ id }) => id)
    .sort()
    .join();
