// Unsent messages. Each has its own `clientMessageId`, so that a retry never sends it twice.

import { ApiError } from "./api.js";
import { keyOfPeople } from "./thread.js";

const KEY = "sotto.outbox";

/** `crypto.randomUUID` exists only in secure contexts. */
function randomId() {
  return [...crypto.getRandomValues(new Uint8Array(16))].map((byte) => byte.toString(16).padStart(2, "0")).join("");
}

/** The message type for these files; null if they are of different kinds, because FILE would send images as files. */
function typeOf(uploads) {
  const [kind = "TEXT", other] = new Set(uploads.map((upload) => upload.kind));
  return other === undefined ? kind : null;
}

/** Items: `{clientMessageId, to, key, text, replyTo, uploads, state: waiting | failed, error, at}`. */
export class Outbox {
  items = [];
  #queues = new Map(); // the last delivery of each thread

  constructor(api, store) {
    this.api = api;
    this.store = store;
  }

  /** Sends to a thread after the uploads have finished; messages of a conversation keep their order. */
  send(thread, text, uploads, replyTo) {
    const to = thread.id ? { conversationId: thread.id } : { users: thread.people.map(({ id }) => ({ id })) };
    const item = {
      clientMessageId: randomId(),
      to,
      key: thread.key,
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
    const people = keyOfPeople(thread.others);
    return this.items.filter(({ key }) => key === thread.id || key === people);
  }

  /** Retries the given item, or all items that failed with a retryable error. */
  retry(only) {
    for (const item of only ? [only] : this.items) {
      if (only || (item.state === "failed" && item.error?.isRetryable)) this.#begin(item);
    }
  }

  /** Removes an item without cancelling its uploads, and returns them. */
  release(item) {
    this.#refuse(item);
    const { uploads } = item;
    item.uploads = [];
    this.#drop(item.clientMessageId);
    return uploads;
  }

  /** The stream has delivered the message, so it was stored, even if the response was lost. */
  arrived(clientMessageId) {
    this.#drop(clientMessageId);
  }

  /** Restores unsent texts after a reload of the page. */
  restore() {
    const { owner, items = [] } = JSON.parse(sessionStorage.getItem(KEY) ?? "{}");
    if (owner !== this.store.me.id) return;
    this.items = items.map((item) => ({ ...item, uploads: [], state: "waiting" }));
    for (const item of this.items) this.#begin(item);
  }

  #begin(item) {
    this.#refuse(item);
    item.state = "waiting";
    item.error = null;
    for (const upload of item.uploads) if (upload.state === "failed") upload.restart();
    this.#changed();
    const { key } = item;
    const delivery = Promise.all([this.#queues.get(key), ...item.uploads.map(({ done }) => done)]).then(() =>
      this.#deliver(item),
    );
    this.#queues.set(key, delivery);
  }

  /** Marks the uploads that the server rejected as failed. */
  #refuse({ error, uploads }) {
    for (const rejection of error?.data?.attachmentRejections ?? []) {
      const upload = uploads[rejection.index];
      if (upload?.state === "ready" && !rejection.isRetryable)
        upload.refuse(new ApiError("ATTACHMENTS_REJECTED", "", { attachmentRejections: [rejection] }));
    }
  }

  async #deliver(item) {
    if (!this.items.includes(item)) return;
    const bad = item.uploads.find(({ state }) => state !== "ready");
    const earlier = this.items.slice(0, this.items.indexOf(item));
    const before = earlier.find(({ key, error, isStuck }) => key === item.key && error?.isRetryable && !isStuck);
    item.isStuck = Boolean(bad); // a failed upload does not block later messages
    try {
      if (bad ?? before) throw (bad ?? before).error; // keeps the order
      const { message, conversation } = await this.#post(item);
      this.#drop(item.clientMessageId);
      this.store.made(conversation);
      if (this.store.thread?.id === conversation.id) this.store.thread.add(message);
    } catch (error) {
      item.state = "failed";
      item.error = error;
      this.#changed();
      if (error.isRetryable) this.#later(item);
    }
  }

  /** For files of different kinds, sends a type only if the server requires one. */
  async #post(item) {
    const input = {
      to: item.to,
      text: item.text || null,
      replyToId: item.replyTo?.id,
      attachments: item.uploads.map(({ id }) => ({ uploadId: id })),
      type: typeOf(item.uploads),
      clientMessageId: item.clientMessageId,
    };
    try {
      return await this.store.mutate("send", input);
    } catch (error) {
      if (!error.data?.issues?.some(({ path }) => path.join() === "type")) throw error;
      return this.store.mutate("send", { ...input, type: "FILE" });
    }
  }

  /** Retries automatically, because the stream may be fine, and then no `live` event triggers a retry. */
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
    const items = texts.map(({ clientMessageId, to, key, text, replyTo, at }) => ({
      clientMessageId,
      to,
      key,
      text,
      replyTo,
      at,
    }));
    sessionStorage.setItem(KEY, JSON.stringify({ owner: this.store.me.id, items }));
    this.store.changed();
  }
}
