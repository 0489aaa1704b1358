// Search for conversations, people and messages.

import { attempt } from "./dialog.js";
import { button, h } from "./dom.js";
import { avatar, namesOf, personRow } from "./person.js";
import { moment, t } from "./text.js";

const PAUSE_MS = 250;
const MOST_CHARACTERS = 200;
const HAS_WORD = /[\p{L}\p{N}]/u; // the server refuses other searches

const isDirect = ({ type }) => type === "DIRECT";

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
    this.field = h("input", { type: "search", maxlength: MOST_CHARACTERS, ...words, oninput: () => this.#typed() });
  }

  #typed() {
    clearTimeout(this.#timer);
    this.#query = this.field.value.trim();
    if (!this.#query) return this.#show(null);
    this.#timer = setTimeout(() => attempt(() => this.#ask(this.#query)), PAUSE_MS);
  }

  async #ask(words) {
    const found = HAS_WORD.test(words) ? await this.store.api.query("find", { words }) : null;
    if (words !== this.#query) return; // the input has changed since
    const conversations = found?.conversations.nodes ?? [];
    const known = new Set(conversations.filter(isDirect).map(({ otherParticipants: [other] }) => other.user.id));
    const people = found?.messageableUsers.nodes.filter(({ id }) => !known.has(id)) ?? [];
    this.#show({ conversations, people, messages: found?.searchMessages.edges ?? [] });
  }

  #show(found) {
    this.isOpen = found !== null;
    this.results.replaceChildren(...(found ? this.#parts(found) : []));
    this.changed();
  }

  #parts({ conversations, people, messages }) {
    const places = conversations.map((each) => this.#place(each));
    const rows = people.map((user) => personRow(user, () => this.#leave(() => this.store.openWith([user]))));
    const hits = messages.map((edge) => this.#hit(edge));
    const part = (title, items) =>
      items.length ? [h("h2", {}, title), h("ul", { class: "conversations" }, items)] : [];
    const parts = [
      ...part(t("conversations"), places),
      ...part(t("search.people"), rows),
      ...part(t("search.messages"), hits),
    ];
    return parts.length ? parts : [h("p", { class: "none" }, t("search.none"))];
  }

  #place({ id, otherParticipants }) {
    const people = otherParticipants.map(({ user }) => user);
    const usernames = people.map(({ username }) => `@${username}`).join(" ");
    return this.#row(id, people, null, h("span", { class: "preview" }, usernames));
  }

  #hit({ node: { id, createdAt, sender, conversation }, excerpt }) {
    const people = conversation.otherParticipants.map(({ user }) => user);
    const found = excerpt.map(({ text, isMatch }) => (isMatch ? h("mark", {}, text) : text));
    const time = h("time", { datetime: createdAt }, moment(createdAt));
    const preview = h("span", { class: "preview excerpt" }, `${sender?.displayName ?? t("erased")}: `, found);
    return this.#row(conversation.id, people, id, time, preview);
  }

  /** A list item that opens a conversation, at a message if one is given. */
  #row(id, people, messageId, ...details) {
    const { store } = this;
    const open = async () => {
      if (!store.conversations.has(id)) await store.refresh(id);
      await store.open(id, messageId ?? undefined);
    };
    const words = [avatar(null, namesOf(people)), h("span", { class: "name" }, namesOf(people)), ...details];
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
