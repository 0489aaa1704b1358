// The messages of the open conversation by day, followed by unsent ones, with a button that jumps to the latest.

import { attempt, sentence } from "./dialog.js";
import { button, h, keep } from "./dom.js";
import { messageElement } from "./message.js";
import { Scroller } from "./scroller.js";
import { Slice } from "./slice.js";
import { day, dayKey, size, t } from "./text.js";

const ANNOUNCED = 3; // messages kept for the screen reader

export class MessageLog {
  #shown = null;
  #slice = new Slice();
  #mayLoad = true; // false after an error, until the reader scrolls

  /** Calls `takeBack` with an outbox item that the user cancels. */
  constructor(store, takeBack) {
    this.store = store;
    this.takeBack = takeBack;
    this.list = h("ol");
    this.earlier = button(t("earlier"), () => this.#loadEarlier(), { class: "earlier" });
    // The list changes with every scroll, so new messages are announced in a separate element.
    const words = { role: "log", "aria-live": "off", "aria-label": t("messages"), tabindex: "0" };
    this.log = h("div", { class: "log", ...words }, this.earlier, this.list);
    this.said = h("div", { class: "spoken", "aria-live": "polite" });
    this.newest = button("", () => attempt(() => store.thread.goToEnd()), { class: "newest" });
    this.failed = button(t("again"), () => attempt(() => store.thread.load()), { class: "newest" });
    this.element = h("div", { class: "messages" }, this.log, this.said, this.newest, this.failed);
    this.scroller = new Scroller(this.log, this.list, () => this.#moved());
  }

  /** Called when no conversation is open. */
  clear() {
    this.#shown = null;
  }

  render() {
    const { store, scroller } = this;
    const { thread } = store;
    if (this.#shown !== thread) this.#openThread(thread);
    scroller.hold();
    const messages = this.#messages(thread);
    scroller.hasEnd = this.#slice.isEnd && !thread.hasAfter;
    const isGroup = thread.others.length > 1;
    const last = thread.messages.findLast(({ sender }) => sender?.id === store.me.id)?.id;
    const hasFocus = this.list.contains(document.activeElement);
    keep(this.list, this.#entries(messages), {
      key: (entry) => entry.key,
      sign: (entry) => signOf(entry, { isGroup, last, thread }),
      make: (entry) => this.#entry(entry, isGroup, last),
    });
    if (hasFocus && !this.list.contains(document.activeElement)) this.#focus();
    this.#show(this.earlier, thread.hasBefore || messages[0] !== thread.messages[0]);
    this.log.setAttribute("aria-busy", String(thread.isLoading));
    this.#show(this.failed, thread.hasFailed);
    this.#go(thread);
    this.#say(thread);
    this.#look();
    this.#reach();
  }

  #openThread(thread) {
    this.#shown = thread;
    this.#slice = new Slice();
    this.#mayLoad = true;
    this.said.replaceChildren();
  }

  /** The messages to render; a goal changes which, before their elements are created. */
  #messages(thread) {
    const { goal, messages, isLoading } = thread;
    const slice = this.#slice;
    const shown = slice.of(messages, this.scroller.isAtEnd);
    if (isLoading || !goal) return shown;
    if (goal === "end") slice.toEnd();
    else slice.around(goal);
    return slice.of(messages, goal === "end");
  }

  /** Scrolls to the goal of the thread; without one, keeps the position. */
  #go(thread) {
    const { goal, isLoading } = thread;
    if (isLoading || !goal) return this.scroller.settle();
    thread.goal = null;
    if (goal === "end") this.scroller.toEnd();
    else this.scroller.show(document.getElementById(`m-${goal}`));
  }

  /** Day separators, messages and unsent items, in display order. */
  #entries(messages) {
    const { thread, outbox } = this.store;
    const entries = [];
    const days = new Set();
    const add = (at, entry) => {
      const key = `day-${dayKey(at)}`;
      if (!days.has(key)) entries.push({ key, day: day(at) });
      days.add(key);
      entries.push(entry);
    };
    for (const message of messages) add(message.createdAt, { key: message.id, message });
    if (this.scroller.hasEnd) for (const item of outbox.of(thread)) add(item.at, { key: item.clientMessageId, item });
    return entries;
  }

  #entry({ message, item, day: words }, isGroup, last) {
    if (message) return messageElement(this.store, message, { isGroup, isLast: message.id === last });
    return item ? this.#pending(item) : h("li", { class: "day" }, h("span", {}, words));
  }

  #pending(item) {
    const { outbox } = this.store;
    const hasFailed = item.state === "failed";
    const answers = hasFailed
      ? [
          !item.error.isFinal && button(t("again"), () => outbox.retry(item)),
          button(t("discard"), () => this.takeBack(item)),
        ]
      : item.uploads.length > 0 && [button(t("cancel"), () => this.takeBack(item))];
    const words = hasFailed
      ? h("span", { class: "problem", role: "alert" }, `${t("notSent")} ${sentence(item.error)}`)
      : t("sending");
    return h(
      "li",
      { class: `message mine ${item.state}` },
      h(
        "div",
        { class: "bubble" },
        item.text && h("p", { class: "text", dir: "auto" }, item.text),
        item.uploads.map(({ file }) => h("p", { class: "file" }, `${file.name} ${size(file.size)}`)),
        h("p", { class: "meta" }, words),
        answers && h("div", { class: "answers" }, answers),
      ),
    );
  }

  /** Announces new messages to screen readers; the list itself cannot, because old messages are added to it too. */
  #say(thread) {
    for (const { sender, text, attachments } of thread.arrived.splice(0)) {
      const words = [text, ...attachments.map(({ filename }) => filename)].filter(Boolean).join(", ");
      this.said.append(h("p", {}, `${sender?.displayName ?? t("erased")}: ${words}`));
    }
    while (this.said.children.length > ANNOUNCED) this.said.firstElementChild.remove();
  }

  /** At the end, new messages are seen; elsewhere the button counts them. */
  #look() {
    const { thread } = this.store;
    const { isAtEnd, below } = this.scroller;
    thread.isAtEnd = isAtEnd && this.log.clientHeight > 0;
    if (thread.isAtEnd) thread.unseen.clear();
    const count = thread.unseen.size;
    const isFar = !this.scroller.hasEnd || below > this.log.clientHeight;
    this.#show(this.newest, !thread.hasFailed && (count > 0 || isFar));
    const words = count ? t("newest.count", { count }) : t("newest");
    if (this.newest.textContent !== words) this.newest.textContent = words;
    thread.read();
  }

  #moved() {
    if (!this.store.thread) return;
    this.#mayLoad = true;
    this.#look();
    this.#reach();
  }

  /** Keeps a screen of messages ready on either side: of those that are loaded, then of those that can be. */
  #reach() {
    const { thread } = this.store;
    const { log, scroller } = this;
    const screen = log.clientHeight;
    if (!screen || thread.isLoading) return;
    if (scroller.above < screen) {
      if (this.#slice.earlier()) return this.render();
      if (thread.hasBefore) return this.#load(() => thread.loadBefore());
    }
    if (scroller.below < screen) {
      if (this.#slice.later()) return this.render();
      if (thread.hasAfter) this.#load(() => thread.loadAfter());
    }
  }

  #loadEarlier() {
    this.#mayLoad = true;
    if (this.#slice.earlier()) this.render();
    else this.#load(() => this.store.thread.loadBefore());
  }

  #load(act) {
    if (!this.#mayLoad) return;
    this.#mayLoad = false;
    attempt(async () => {
      await act();
      this.#mayLoad = true;
      if (this.store.thread) this.#reach();
    });
  }

  /** Moves the focus to the list when the focused element disappears. */
  #focus() {
    this.log.focus({ preventScroll: true });
  }

  #show(element, isShown) {
    if (!isShown && element === document.activeElement) this.#focus();
    element.hidden = !isShown;
  }
}

/** Everything that an entry shows, as a string. */
function signOf({ message, item, day: words }, { isGroup, last, thread }) {
  if (words) return words;
  if (item) return JSON.stringify([item.state, item.error?.code, item.uploads.map(({ state }) => state)]);
  return JSON.stringify([message, thread.statusOf(message), message.id === last, isGroup, thread.found === message.id]);
}
