// The right side: the open conversation, its messages, and where one writes.

import { Composer } from "./composer.js";
import { h } from "./dom.js";
import { Gate } from "./gate.js";
import { Header } from "./header.js";
import { MessageLog } from "./log.js";
import { t } from "./text.js";

export class ConversationView {
  constructor(store, leave) {
    this.store = store;
    this.header = new Header(store, leave);
    this.messages = new MessageLog(store, (item) => this.composer.takeBack(item, store.outbox.release(item)));
    this.gate = new Gate(store);
    this.composer = new Composer(store);
    this.pane = h(
      "section",
      { class: "pane", "aria-label": t("conversation") },
      this.header.element,
      this.messages.element,
      this.gate.element,
      this.composer.element,
    );
    this.empty = h("section", { class: "pane empty" }, h("p", {}, t("choose")));
    this.element = h("div", { class: "side" }, this.empty);
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
    if (!thread) return this.messages.clear();
    this.header.render();
    this.messages.render();
    this.composer.element.hidden = !this.gate.render();
    this.composer.render();
  }
}
