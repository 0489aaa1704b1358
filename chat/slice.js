// Which of the loaded messages are in the document: never more than some screens of them, so that a long conversation
// costs no more than a short one.

const STEP = 40;
const LEAST = 160;
const PIXELS = 8; // a message needs more than that: so many of them are several screens on any window

/** A part of a list of messages, between two sequence numbers, so that it stays where it is while others come and go. */
export class Slice {
  #low = null; // null: as many as a step has, before the end
  #high = Infinity; // Infinity: up to the newest, whichever that is
  #messages = [];

  get #most() {
    return Math.max(LEAST, Math.ceil(innerHeight / PIXELS));
  }

  get #start() {
    const at = this.#messages.findIndex(({ sequence }) => sequence >= this.#low);
    return at === -1 ? this.#messages.length : at;
  }

  get #end() {
    const at = this.#messages.findIndex(({ sequence }) => sequence > this.#high);
    return at === -1 ? this.#messages.length : at;
  }

  /** Whether the newest of the loaded messages is in it. */
  get isEnd() {
    return this.#end === this.#messages.length;
  }

  /** The messages that are in it; `isAtEnd` is whether the reader stands at its end and leaves the others behind. */
  of(messages, isAtEnd) {
    this.#messages = messages;
    if (this.#low === null) this.toEnd();
    if (this.#end - this.#start > this.#most) {
      if (isAtEnd && this.isEnd) this.#set(this.#end - this.#most, this.#end);
      else this.#set(this.#start, this.#start + this.#most);
    }
    return messages.slice(this.#start, this.#end);
  }

  /** The newest ones. */
  toEnd() {
    const { length } = this.#messages;
    this.#high = Infinity;
    this.#low = this.#messages[Math.max(0, length - STEP)]?.sequence ?? null;
  }

  /** Those around one of them. */
  around(id) {
    const at = this.#messages.findIndex((each) => each.id === id);
    this.#set(at - STEP, at + STEP);
  }

  /** A step to older messages; whether there were any. */
  earlier() {
    if (this.#start === 0) return false;
    const start = Math.max(0, this.#start - STEP);
    this.#set(start, Math.min(this.#end, start + this.#most));
    return true;
  }

  /** A step to newer messages; whether there were any. */
  later() {
    if (this.isEnd) return false;
    const end = this.#end + STEP;
    this.#set(Math.max(this.#start, end - this.#most), end);
    return true;
  }

  #set(start, end) {
    this.#low = this.#messages[Math.max(0, start)]?.sequence ?? null;
    this.#high = end < this.#messages.length ? this.#messages[end - 1].sequence : Infinity;
  }
}
