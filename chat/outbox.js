// What waits to be sent: each with a `clientMessageId` of its own, so that trying again never sends twice.

const KEY = "sotto.outbox";

/** `crypto.randomUUID` is only there on secure pages; this is everywhere. */
function randomId() {
  return [...crypto.getRandomValues(new Uint8Array(16))].map((byte) => byte.toString(16).padStart(2, "0")).join("");
}

/** An item: `{clientMessageId, to, threadKey, text, replyTo, uploads, state: waiting | failed, error, at}`. */
export class Outbox {
  items = [];
  #turns = new Map();

  constructor(api, store) {
    this.api = api;
    this.store = store;
  }

  /** Sends to a thread, after the files have arrived; texts of one conversation keep their order. */
  send(thread, text, uploads, replyTo) {
    const to = thread.id ? { conversationId: thread.id } : { users: thread.people.map(({ id }) => ({ id })) };
    const item = {
      clientMessageId: randomId(),
      to,
      text,
      uploads,
      replyTo,
      state: "waiting",
      at: new Date().toISOString(),
    };
    this.items = [...this.items, item];
    this.#changed();
    this.#begin(item);
  }

  /** The items of a thread. */
  of(thread) {
    const ids = (thread.people ?? []).map(({ id }) => id).join();
    return this.items.filter(({ to }) =>
      to.conversationId ? to.conversationId === thread.id : to.users.map(({ id }) => id).join() === ids,
    );
  }

  /** Tries again whatever failed for want of a network; or one item that the person chose. */
  retry(chosen) {
    for (const item of chosen ? [chosen] : this.items) {
      if (chosen || (item.state === "failed" && item.error?.isRetryable)) this.#begin(item);
    }
  }

  discard(item) {
    for (const upload of item.uploads) upload.cancel();
    this.#drop(item.clientMessageId);
  }

  /** The message has come by the stream: it was stored, whatever became of the answer. */
  arrived(clientMessageId) {
    this.#drop(clientMessageId);
  }

  /** Texts that a reload of the page found unsent. */
  restore() {
    const kept = JSON.parse(sessionStorage.getItem(KEY) ?? "[]");
    this.items = kept.map((item) => ({ ...item, uploads: [], state: "waiting" }));
    for (const item of this.items) this.#begin(item);
  }

  /** Whoever signs out takes it along: the next person at this tab is somebody else. */
  forget() {
    for (const { uploads } of this.items) for (const upload of uploads) upload.cancel();
    this.items = [];
    sessionStorage.removeItem(KEY);
  }

  #begin(item) {
    item.state = "waiting";
    item.error = null;
    this.#changed();
    const key = JSON.stringify(item.to);
    const turn = Promise.all([this.#turns.get(key), ...item.uploads.map(({ done }) => done)]).then(() =>
      this.#deliver(item),
    );
    this.#turns.set(key, turn);
  }

  async #deliver(item) {
    if (!this.items.includes(item)) return;
    const bad = item.uploads.find(({ state }) => state !== "ready");
    const key = JSON.stringify(item.to);
    const before = this.items
      .slice(0, this.items.indexOf(item))
      .find(({ to, error }) => JSON.stringify(to) === key && error?.isRetryable);
    try {
      if (bad ?? before) throw (bad ?? before).error; // what was written first goes first
      const { message, conversation } = await this.api.mutate("send", {
        to: item.to,
        text: item.text || null,
        replyToId: item.replyTo?.id,
        attachments: item.uploads.map(({ id }) => ({ uploadId: id })),
        clientMessageId: item.clientMessageId,
      });
      this.#drop(item.clientMessageId);
      this.store.made(conversation);
      if (this.store.thread?.id === conversation.id) this.store.thread.add(message);
    } catch (error) {
      item.state = "failed";
      item.error = error;
      this.#changed();
      if (error.isRetryable && !bad) this.#later(item);
    }
  }

  /** The stream may be well while one request was not: nobody should have to press a button for that. */
  #later(item) {
    item.tries = (item.tries ?? 0) + 1;
    const seconds = item.error.data.retryAfterSeconds ?? Math.min(2 ** item.tries, 30);
    setTimeout(() => item.state === "failed" && this.items.includes(item) && this.#begin(item), seconds * 1000);
  }

  #drop(clientMessageId) {
    for (const item of this.items) {
      if (item.clientMessageId === clientMessageId) item.uploads.forEach((upload) => upload.forget());
    }
    this.items = this.items.filter((item) => item.clientMessageId !== clientMessageId);
    this.#changed();
  }

  #changed() {
    const texts = this.items.filter(({ uploads }) => uploads.length === 0);
    sessionStorage.setItem(
      KEY,
      JSON.stringify(
        texts.map(({ clientMessageId, to, text, replyTo, at }) => ({ clientMessageId, to, text, replyTo, at })),
      ),
    );
    this.store.changed();
  }
}
