// The right side: the open conversation, its messages by day, and where one writes.

import { attempt, sentence } from "./dialog.js";
import { Composer } from "./composer.js";
import { button, h, keep } from "./dom.js";
import { Gate } from "./gate.js";
import { Header } from "./header.js";
import { messageElement } from "./message.js";
import { day, dayKey, size, t } from "./text.js";

const NEAR = 120; // pixels: whoever is this close to the end wants to stay there

export class ConversationView {
  #shown = null;
  #length = 0;
  #first = null;

  constructor(store) {
    this.store = store;
    this.header = new Header(store);
    this.list = h("ol");
    this.log = h("div", { class: "log", role: "log", "aria-label": t("messages"), tabindex: "0" }, this.list);
    this.newest = button(t("newest"), () => attempt(() => store.open(store.thread.id)), { class: "newest" });
    this.failed = button(t("again"), () => attempt(() => store.thread.load()), { class: "newest" });
    this.gate = new Gate(store);
    this.composer = new Composer(store);
    this.pane = h(
      "section",
      { class: "pane", "aria-label": t("conversation") },
      this.header.element,
      this.log,
      this.newest,
      this.failed,
      this.gate.element,
      this.composer.element,
    );
    this.empty = h("section", { class: "pane empty" }, h("p", {}, t("choose")));
    this.element = h("div", { class: "side" }, this.empty);
    this.log.addEventListener("scroll", () => this.#scrolled());
    this.pane.addEventListener("dragover", (event) => (event.preventDefault(), this.pane.classList.add("dropping")));
    this.pane.addEventListener(
      "dragleave",
      (event) => this.pane.contains(event.relatedTarget) || this.pane.classList.remove("dropping"),
    );
    this.pane.addEventListener("drop", (event) => {
      event.preventDefault();
      this.pane.classList.remove("dropping");
      this.composer.add(event.dataTransfer.files);
    });
  }

  render() {
    const { thread } = this.store;
    const wanted = thread ? this.pane : this.empty;
    if (this.element.firstChild !== wanted) this.element.replaceChildren(wanted);
    if (!thread) {
      this.#shown = null;
      return;
    }
    this.header.render();
    this.#renderMessages();
    this.composer.element.hidden = !this.gate.render();
    this.composer.render();
  }

  #renderMessages() {
    const { store } = this;
    const { thread } = store;
    const isNew = this.#shown !== thread;
    const { scrollTop, scrollHeight, clientHeight } = this.log;
    const wasAtEnd = isNew || scrollHeight - scrollTop - clientHeight < NEAR;
    const isGroup = thread.others.length > 1;
    const last = thread.messages.findLast(({ sender }) => sender?.id === store.me.id)?.id;
    keep(this.list, this.#entries(), {
      key: (entry) => entry.key,
      sign: (entry) =>
        JSON.stringify([
          entry.message ??
            entry.day ?? [entry.item.state, entry.item.error?.code, entry.item.uploads.map(({ state }) => state)],
          entry.message?.id === last,
          isGroup,
          thread.found === entry.message?.id,
        ]),
      make: (entry) => this.#entry(entry, isGroup, last),
    });
    const [first] = thread.messages;
    const wasPaged = !isNew && this.#first && first && first.sequence < this.#first.sequence;
    if (thread.found && !thread.isLoading && isNew)
      document.getElementById(`m-${thread.found}`)?.scrollIntoView({ block: "center" });
    else if (wasPaged) this.log.scrollTop = scrollTop + this.log.scrollHeight - scrollHeight;
    else if (wasAtEnd && !thread.hasAfter) this.log.scrollTop = this.log.scrollHeight;
    this.#first = first;
    if (!thread.isLoading) this.#shown = thread;
    this.newest.hidden = !thread.hasAfter;
    this.#length = thread.messages.length;
    this.log.setAttribute("aria-busy", String(thread.isLoading));
    this.failed.hidden = !thread.hasFailed;
    this.#look();
  }

  /** Days, messages and what waits to be sent, in the order of the page. */
  #entries() {
    const { thread, outbox } = this.store;
    const entries = [];
    const under = (at) => {
      const key = `day-${dayKey(at)}`;
      if (!entries.some((entry) => entry.key === key)) entries.push({ key, day: day(at) });
    };
    for (const message of thread.messages) {
      under(message.createdAt);
      entries.push({ key: message.id, message });
    }
    for (const item of thread.hasAfter ? [] : outbox.of(thread)) {
      under(item.at);
      entries.push({ key: item.clientMessageId, item });
    }
    return entries;
  }

  #entry({ message, item, day: words }, isGroup, last) {
    if (message) return messageElement(this.store, message, { isGroup, isLast: message.id === last });
    return item ? this.#pending(item) : h("li", { class: "day" }, h("span", {}, words));
  }

  #pending(item) {
    const { outbox } = this.store;
    const hasFailed = item.state === "failed";
    return h(
      "li",
      { class: `message mine ${item.state}` },
      h(
        "div",
        { class: "bubble" },
        item.text && h("p", { class: "text", dir: "auto" }, item.text),
        item.uploads.map(({ file }) => h("p", { class: "file" }, `${file.name} ${size(file.size)}`)),
        h(
          "p",
          { class: "meta" },
          hasFailed
            ? h("span", { class: "problem", role: "alert" }, `${t("notSent")} ${sentence(item.error)}`)
            : t("sending"),
        ),
        hasFailed &&
          h(
            "div",
            { class: "answers" },
            button(t("again"), () => outbox.retry(item)),
            button(t("discard"), () => this.#takeBack(item)),
          ),
        !hasFailed &&
          item.uploads.length > 0 &&
          h(
            "div",
            { class: "answers" },
            button(t("cancel"), () => this.#takeBack(item)),
          ),
      ),
    );
  }

  #takeBack(item) {
    this.composer.takeBack(item, this.store.outbox.release(item));
  }

  /** What is at the end is on the screen of whoever stands there. */
  #look() {
    const { thread } = this.store;
    thread.isAtEnd = this.log.scrollHeight - this.log.scrollTop - this.log.clientHeight < NEAR;
    thread.read();
  }

  #scrolled() {
    const { thread } = this.store;
    if (!thread || thread.isLoading || this.#length === 0) return;
    this.#look();
    if (this.log.scrollTop < NEAR && thread.hasBefore) attempt(() => thread.loadBefore());
    if (this.log.scrollHeight - this.log.scrollTop - this.log.clientHeight < NEAR && thread.hasAfter)
      attempt(() => thread.loadAfter());
  }
}
