// Search for people and messages.

import { attempt } from "./dialog.js";
import { button, h } from "./dom.js";
import { avatar, namesOf, personRow } from "./person.js";
import { moment, t } from "./text.js";

const PAUSE_MS = 250;

export class Search {
  #query = "";
  #timer = 0;

  /** Calls `changed` when the results change; `isOpen` is whether they are shown. */
  constructor(store, changed) {
    this.store = store;
    this.changed = changed;
    this.isOpen = false;
    this.results = h("div", { class: "results", "aria-live": "polite" });
    const words = { placeholder: t("search"), "aria-label": t("search") };
    this.field = h("input", { type: "search", ...words, oninput: () => this.#typed() });
  }

  #typed() {
    clearTimeout(this.#timer);
    this.#query = this.field.value.trim();
    if (!this.#query) return this.#show(null);
    this.#timer = setTimeout(() => attempt(() => this.#ask(this.#query)), PAUSE_MS);
  }

  async #ask(query) {
    const { api } = this.store;
    const [people, messages] = await Promise.all([
      api.query("people", { search: query }),
      api.query("searchMessages", { query }),
    ]);
    if (query !== this.#query) return; // the input has changed since
    this.#show({ people: people.messageableUsers.nodes, messages: messages.searchMessages.nodes });
  }

  #show(found) {
    this.isOpen = found !== null;
    this.results.replaceChildren(...(found ? this.#parts(found) : []));
    this.changed();
  }

  #parts({ people, messages }) {
    if (!people.length && !messages.length) return [h("p", { class: "none" }, t("search.none"))];
    const rows = people.map((user) => personRow(user, () => this.#leave(() => this.store.openWith([user]))));
    const hits = messages.map((message) => this.#hit(message));
    const part = (title, items) =>
      items.length ? [h("h2", {}, title), h("ul", { class: "conversations" }, items)] : [];
    return [...part(t("search.people"), rows), ...part(t("search.messages"), hits)];
  }

  #hit(message) {
    const { store } = this;
    const { id, otherParticipants } = message.conversation;
    const people = otherParticipants.map(({ user }) => user);
    const open = async () => {
      if (!store.conversations.has(id)) await store.refresh(id);
      await store.open(id, message.id);
    };
    const words = [
      avatar(null, namesOf(people)),
      h("span", { class: "name" }, namesOf(people)),
      h("time", { datetime: message.createdAt }, moment(message.createdAt)),
      h("span", { class: "preview" }, `${message.sender?.displayName ?? t("erased")}: ${message.preview}`),
    ];
    return h(
      "li",
      {},
      button(words, () => this.#leave(open)),
    );
  }

  #leave(act) {
    clearTimeout(this.#timer);
    this.field.value = this.#query = "";
    this.#show(null);
    attempt(act);
  }
}
