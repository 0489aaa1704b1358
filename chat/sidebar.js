// The left side: conversations with what is new in them, message requests, and the search.

import { attempt, dialog } from "./dialog.js";
import { button, h, keep, spoken } from "./dom.js";
import { dayKey, list, moment, t } from "./text.js";

/** What a conversation is called: its people. */
export function titleOf(store, conversation) {
  const names = (conversation ? store.othersOf(conversation) : (store.thread?.people ?? [])).map((user) => user.displayName);
  return names.length ? list(names) : t("yourself");
}

/** A round sign with the first letter; its colour is the name's. */
export function avatar(user, name = user?.displayName ?? "?") {
  const hue = [...name].reduce((sum, letter) => (sum * 31 + letter.codePointAt(0)) % 6, 0);
  const isOnline = user?.presence?.status === "ONLINE";
  return h("span", { class: `avatar hue${hue}${isOnline ? " online" : ""}`, "aria-hidden": "true" }, [...name][0].toUpperCase());
}

export class Sidebar {
  #showsRequests = false;
  #search = "";
  #found = null;
  #timer = 0;

  constructor(store, { signOut, drawer }) {
    this.store = store;
    this.items = h("ul", { class: "conversations" });
    this.results = h("div", { class: "results", "aria-live": "polite" });
    this.requests = button("", () => this.#toggleRequests(), { class: "requests" });
    this.more = button(t("more"), () => attempt(() => store.loadMore()), { class: "more" });
    this.line = h("p", { class: "line", role: "status" });
    this.field = h("input", { type: "search", placeholder: t("search"), "aria-label": t("search"), oninput: () => this.#typed() });
    this.element = h(
      "section",
      { class: "sidebar", "aria-label": t("conversations") },
      h("header", {}, h("h1", {}, "Sotto"), button("✎", () => this.#compose(), { "aria-label": t("newMessage"), title: t("newMessage"), class: "icon" })),
      this.field,
      this.line,
      this.requests,
      this.results,
      h("nav", { "aria-label": t("conversations") }, this.items, this.more),
      h(
        "footer",
        {},
        h("span", { class: "me" }, t("signedInAs", { name: store.me.displayName })),
        button("GraphQL", drawer, { class: "code", title: t("drawer.title"), "aria-label": t("drawer.title") }),
        button(t("signOut"), signOut),
      ),
    );
    this.items.addEventListener("keydown", (event) => this.#move(event));
  }

  render() {
    const { store } = this;
    const waiting = store.listed(true).length;
    if (waiting === 0) this.#showsRequests = false;
    this.line.textContent = store.isLive ? "" : t(store.wasLive ? "reconnecting" : "connecting");
    this.requests.hidden = waiting === 0;
    this.requests.textContent = this.#showsRequests ? t("requests.back") : t("requests.count", { count: waiting });
    this.more.hidden = !store.hasMore || this.#showsRequests;
    this.items.parentElement.hidden = this.#found !== null;
    keep(this.items, store.listed(this.#showsRequests), {
      key: ({ id }) => id,
      sign: (each) => this.#signOf(each),
      make: (each) => this.#row(each),
    });
  }

  #signOf(each) {
    const { store } = this;
    const people = store.othersOf(each).map(({ displayName, presence }) => [displayName, presence?.status]);
    return JSON.stringify([
      people, each.lastMessage, each.unreadCount, each.isUnread, each.isMuted, each.isPinned, store.typingIn(each.id),
      store.thread?.id === each.id, dayKey(Date.now()),
    ]);
  }

  #row(each) {
    const { store } = this;
    const isOpen = store.thread?.id === each.id;
    const typing = store.typingIn(each.id);
    const others = store.othersOf(each);
    const mine = each.lastMessage?.sender?.id === store.me.id ? `${t("you")}: ` : "";
    const preview = each.lastMessage?.state === "DELETED" ? t("deleted") : mine + (each.lastMessage?.preview ?? "");
    return h(
      "li",
      {},
      h(
        "button",
        {
          type: "button",
          "data-focus": each.id,
          "aria-current": isOpen ? "true" : null,
          class: each.isUnread ? "unread" : null,
          onclick: () => attempt(() => store.open(each.id)),
        },
        avatar(others.length === 1 ? others[0] : null, titleOf(store, each)),
        h(
          "span",
          { class: "name" },
          titleOf(store, each),
          others.length === 1 && others[0].presence?.status === "ONLINE" && spoken(`, ${t("online")}`),
          each.isMuted && h("span", { class: "sign" }, ` · ${t("muted")}`),
        ),
        h("time", { datetime: each.lastActivityAt }, moment(each.lastActivityAt)),
        h("span", { class: "preview" }, typing.length ? t("typing.short") : preview),
        each.isUnread && h("span", { class: "badge" }, String(each.unreadCount || "•"), spoken(` ${t("unread")}`)),
      ),
    );
  }

  #toggleRequests() {
    this.#showsRequests = !this.#showsRequests;
    this.render();
  }

  /** Arrow keys walk through the list, as in any list of conversations. */
  #move(event) {
    const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
    if (!step) return;
    const all = [...this.items.querySelectorAll("button")];
    all[all.indexOf(document.activeElement) + step]?.focus();
    event.preventDefault();
  }

  #typed() {
    clearTimeout(this.#timer);
    const search = (this.#search = this.field.value.trim());
    if (!search) return this.#show(null);
    this.#timer = setTimeout(() => attempt(async () => {
      const [people, messages] = await Promise.all([
        this.store.api.query("people", { search }),
        this.store.api.query("searchMessages", { query: search }),
      ]);
      if (search === this.#search) this.#show({ people: people.messageableUsers.nodes, messages: messages.searchMessages.nodes });
    }), 250);
  }

  #show(found) {
    this.#found = found;
    this.results.replaceChildren(...(found ? this.#resultsOf(found) : []));
    this.render();
  }

  #resultsOf({ people, messages }) {
    if (!people.length && !messages.length) return [h("p", { class: "none" }, t("search.none"))];
    const person = (user) => h("li", {}, button([avatar(user), h("span", { class: "name" }, user.displayName), h("span", { class: "preview" }, `@${user.username}`)], () => this.#leaveTo(() => this.store.openWith([user]))));
    return [
      people.length > 0 && h("h2", {}, t("search.people")),
      people.length > 0 && h("ul", { class: "conversations" }, people.map(person)),
      messages.length > 0 && h("h2", {}, t("search.messages")),
      messages.length > 0 && h("ul", { class: "conversations" }, messages.map((message) => this.#hit(message))),
    ].filter(Boolean);
  }

  #hit(message) {
    const { store } = this;
    const open = () => {
      if (!store.conversations.has(message.conversation.id)) return store.refresh(message.conversation.id).then(() => store.open(message.conversation.id, message.id));
      return store.open(message.conversation.id, message.id);
    };
    const names = message.conversation.otherParticipants.map(({ user }) => user.displayName);
    return h("li", {}, button([
      avatar(null, names[0] ?? t("you")),
      h("span", { class: "name" }, names.length ? list(names) : t("yourself")),
      h("time", { datetime: message.createdAt }, moment(message.createdAt)),
      h("span", { class: "preview" }, `${message.sender?.displayName ?? "?"}: ${message.preview}`),
    ], () => this.#leaveTo(open)));
  }

  #leaveTo(act) {
    this.field.value = this.#search = "";
    this.#show(null);
    attempt(act);
  }

  /** A message to one person or several: names are searched for, chosen, and taken back. */
  #compose() {
    const chosen = [];
    dialog(t("newMessage"), (close) => {
      const chips = h("div", { class: "chips" });
      const found = h("ul", { class: "conversations" });
      const go = button(t("write"), () => (close(), attempt(() => this.store.openWith(chosen))), { class: "main", disabled: true });
      const show = () => {
        go.disabled = chosen.length === 0;
        chips.replaceChildren(...chosen.map((user, i) => button(`${user.displayName} ✕`, () => (chosen.splice(i, 1), show()), { "aria-label": t("removePerson", { name: user.displayName }) })));
      };
      const pick = (user) => {
        if (!chosen.some(({ id }) => id === user.id)) chosen.push(user);
        field.value = "";
        found.replaceChildren();
        field.focus();
        show();
      };
      const look = async () => {
        const search = field.value.trim();
        const people = search ? (await this.store.api.query("people", { search })).messageableUsers.nodes : [];
        if (search !== field.value.trim()) return;
        const row = (user) => h("li", {}, button([avatar(user), h("span", { class: "name" }, user.displayName), h("span", { class: "preview" }, `@${user.username}`)], () => pick(user)));
        found.replaceChildren(...(search && !people.length ? [h("li", { class: "none" }, t("search.none"))] : people.map(row)));
      };
      const field = h("input", { type: "search", placeholder: t("people"), "aria-label": t("people"), oninput: () => attempt(look) });
      return [chips, field, found, h("div", { class: "answers" }, go, button(t("cancel"), close))];
    });
  }
}
