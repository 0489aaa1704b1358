// What waits to be sent: each with a `clientMessageId` of its own, so that trying again never sends twice.

import { ApiError } from "./api.js";
import { keyOfPeople } from "./thread.js";

const KEY = "sotto.outbox";

/** `crypto.randomUUID` is only there on secure pages; this is everywhere. */
function randomId() {
  return [...crypto.getRandomValues(new Uint8Array(16))].map((byte) => byte.toString(16).padStart(2, "0")).join("");
}

/** The type of a message with these files; none where they are of several kinds: FILE would send pictures as files. */
function typeOf(uploads) {
  const [kind = "TEXT", other] = new Set(uploads.map((upload) => upload.kind));
  return other === undefined ? kind : null;
}

/** An item: `{clientMessageId, to, key, text, replyTo, uploads, state: waiting | failed, error, at}`; `key` is its thread's. */
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

  /** Tries again whatever failed for want of a network; or one item that the person chose. */
  retry(chosen) {
    for (const item of chosen ? [chosen] : this.items) {
      if (chosen || (item.state === "failed" && item.error?.isRetryable)) this.#begin(item);
    }
  }

  /** Takes an item back whole: its text and its files are the caller's again. */
  release(item) {
    this.#refuse(item);
    const { uploads } = item;
    item.uploads = [];
    this.#drop(item.clientMessageId);
    return uploads;
  }

  /** The message has come by the stream: it was stored, whatever became of the answer. */
  arrived(clientMessageId) {
    this.#drop(clientMessageId);
  }

  /** Texts that a reload of the page found unsent. */
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
    const turn = Promise.all([this.#turns.get(key), ...item.uploads.map(({ done }) => done)]).then(() =>
      this.#deliver(item),
    );
    this.#turns.set(key, turn);
  }

  /** Uploads that the server has refused, each for its own reason, are of no use any more. */
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
    item.isStuck = Boolean(bad); // a file that does not get through holds up nothing else
    try {
      if (bad ?? before) throw (bad ?? before).error; // what was written first goes first
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

  /** Files of several kinds have a type only where the server asks for one. */
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
      return await this.api.mutate("send", input);
    } catch (error) {
      if (!error.data?.issues?.some(({ path }) => path.join() === "type")) throw error;
      return this.api.mutate("send", { ...input, type: "FILE" });
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
