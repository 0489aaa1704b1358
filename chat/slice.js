// Which of the loaded messages are in the document: at most a few screens, so that long conversations stay fast.

const STEP = 40;
const MINIMUM = 160;
const PIXELS = 8; // a message is much higher than that, so this gives several screens in any window

/** A part of the message list, by sequence numbers, so that it is stable while messages are added and removed. */
export class Slice {
  #low = null; // null: one step before the end
  #high = Infinity; // Infinity: up to the newest
  #messages = [];

  get #maximum() {
    return Math.max(MINIMUM, Math.ceil(innerHeight / PIXELS));
  }

  get #start() {
    const at = this.#messages.findIndex(({ sequence }) => sequence >= this.#low);
    return at === -1 ? this.#messages.length : at;
  }

  get #end() {
    const at = this.#messages.findIndex(({ sequence }) => sequence > this.#high);
    return at === -1 ? this.#messages.length : at;
  }

  /** Whether it contains the newest loaded message. */
  get isEnd() {
    return this.#end === this.#messages.length;
  }

  /** The messages of the slice; if it is too long, `isAtEnd` decides whether the oldest or the newest are dropped. */
  of(messages, isAtEnd) {
    this.#messages = messages;
    if (this.#low === null) this.toEnd();
    if (this.#end - this.#start > this.#maximum) {
      if (isAtEnd && this.isEnd) this.#set(this.#end - this.#maximum, this.#end);
      else this.#set(this.#start, this.#start + this.#maximum);
    }
    return messages.slice(this.#start, this.#end);
  }

  /** Moves to the newest messages. */
  toEnd() {
    const { length } = this.#messages;
    this.#high = Infinity;
    this.#low = this.#messages[Math.max(0, length - STEP)]?.sequence ?? null;
  }

  /** Moves to the messages around the given one. */
  around(id) {
    const at = this.#messages.findIndex((each) => each.id === id);
    this.#set(at - STEP, at + STEP);
  }

  /** Moves a step to older messages; returns whether there were any. */
  earlier() {
    if (this.#start === 0) return false;
    const start = Math.max(0, this.#start - STEP);
    this.#set(start, Math.min(this.#end, start + this.#maximum));
    return true;
  }

  /** Moves a step to newer messages; returns whether there were any. */
  later() {
    if (this.isEnd) return false;
    const end = this.#end + STEP;
    this.#set(Math.max(this.#start, end - this.#maximum), end);
    return true;
  }

  #set(start, end) {
    this.#low = this.#messages[Math.max(0, start)]?.sequence ?? null;
    this.#high = end < this.#messages.length ? this.#messages[end - 1].sequence : Infinity;
  }
}
