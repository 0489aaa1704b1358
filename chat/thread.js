// The open conversation: a contiguous range of its messages, the newest last.

const PAGE = 40;

export class Thread {
  messages = [];
  replyTo = null;
  editing = null;
  found = null; // the ID of a message that was opened from search or a quote
  isLoading = false;
  isAtEnd = false; // whether the newest message is visible; set by the view
  goal = "end"; // where the view scrolls after loading: "end" or the ID of a message; null once it is there
  unseen = new Set(); // IDs of new messages from others that have not been visible yet
  arrived = []; // new messages from others to announce to screen readers
  hasFailed = false; // the first page could not be loaded
  #hasLoaded = false;
  #isLoadingEnd = false;
  #late = []; // messages that arrived while the end was loading
  #changed = new Map(); // by ID: messages that changed while a page was loading; null if removed
  #request = 0; // number of the latest page request
  #before = null;
  #after = null;
  #isReading = false;
  #isClosed = false;

  /** `id` of a conversation, or `people` of one that does not exist yet. */
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

  /** The other people, with their current data. */
  get others() {
    const { conversation, store } = this;
    return conversation ? store.othersOf(conversation) : (this.people ?? []).map(({ id }) => store.users.get(id));
  }

  /** The key of the thread: its ID, or its people if it has none yet. */
  get key() {
    return this.id ?? keyOfPeople(this.people);
  }

  /** Whether a conversation has exactly the people of this thread. */
  isWith(conversation) {
    return keyOfPeople(conversation.otherParticipants.map(({ user }) => user)) === keyOfPeople(this.people);
  }

  /** Loads the newest page, or the page around a message, instead of the current one and any that is loading. */
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

  /** Scrolls to the newest message, and loads it if necessary. */
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

  /** Loads a page; the result is ignored if another page has been requested since. */
  async #page(name, variables, isEnd, take) {
    const request = (this.#request += 1);
    this.isLoading = true;
    this.#isLoadingEnd = isEnd;
    this.store.changed();
    try {
      const { conversation } = await this.store.api.query(name, variables);
      if (this.#isClosed || request !== this.#request || !conversation) return;
      const now = (node) => (this.#changed.has(node.id) ? this.#changed.get(node.id) : node);
      take(conversation.messages.nodes.map(now).filter(Boolean), conversation.messages.pageInfo);
    } finally {
      if (request === this.#request) this.#settle();
    }
  }

  /** After a page has loaded or failed, adds the messages that arrived meanwhile. */
  #settle() {
    this.isLoading = this.#isLoadingEnd = false;
    this.#changed.clear();
    const late = this.#late;
    if (this.#hasLoaded) this.#late = [];
    const isNew = ({ id }) => !this.messages.some((each) => each.id === id);
    if (this.#hasLoaded) for (const message of late.filter(isNew)) this.#place(message);
    this.store.changed();
  }

  /** Adds a new message at the end, unless newer messages have not been loaded yet. */
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

  /** Counts a new message from someone else as unseen, and has it announced. */
  #note(message) {
    const isKnown = [...this.#late, ...this.messages].some(({ id }) => id === message.id);
    if (isKnown || message.sender?.id === this.store.me.id) return;
    if (!this.isAtEnd) this.unseen.add(message.id);
    this.arrived.push(message);
  }

  /**
   * Updates a message and its quotes. Thumbnails keep their URLs, so that they do not flicker.
   */
  replace(message) {
    if (this.isLoading) this.#changed.set(message.id, message); // the page may contain the old version
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

  /** The delivery status of one's own message; null for those of others. */
  statusOf({ sequence, sender }) {
    if (sender?.id !== this.store.me.id) return null;
    const { deliveredToAllSequence = 0, readByAllSequence = 0 } = this.conversation ?? {};
    if (sequence <= readByAllSequence) return "READ";
    return sequence <= deliveredToAllSequence ? "DELIVERED" : "SENT";
  }

  /** Marks the conversation as read if its end is visible and the window has the focus. */
  read() {
    const { conversation, store } = this;
    const last = this.messages.at(-1);
    if (this.#isClosed || this.#isReading || this.hasAfter || !this.isAtEnd || !last) return;
    if (!conversation?.isUnread || conversation.viewerCanAnswerRequest) return;
    if (document.visibilityState !== "visible" || !document.hasFocus()) return;
    this.#isReading = true;
    store
      .mutate("read", { conversationId: this.id, upToMessageId: last.id })
      .catch(() => {})
      .finally(() => setTimeout(() => this.#readAgain(), 200)); // one for a burst of messages
  }

  #readAgain() {
    this.#isReading = false;
    this.read();
  }
}

/** The same key for the same people in any order. */
export const keyOfPeople = (people) =>
  people
    .map(({ id }) => id)
    .sort()
    .join();
