// The sidebar: conversations, message requests and search.

import { attempt } from "./dialog.js";
import { button, h, keep, spoken } from "./dom.js";
import { avatar, titleOf } from "./person.js";
import { askForRecipients } from "./recipient.js";
import { Search } from "./search.js";
import { dayKey, moment, t } from "./text.js";

export class Sidebar {
  #showsRequests = false;

  constructor(store, { signOut, drawer }) {
    this.store = store;
    this.items = h("ul", { class: "conversations" });
    this.search = new Search(store, () => this.render());
    this.requests = button("", () => this.#toggleRequests(), { class: "requests" });
    this.more = button(t("more"), () => attempt(() => store.loadMore()), { class: "more" });
    this.line = h("p", { class: "line", role: "status" });
    this.element = h(
      "section",
      { class: "sidebar", "aria-label": t("conversations") },
      h(
        "header",
        {},
        h("h1", {}, "Sotto"),
        button("✎", () => askForRecipients(store), {
          "aria-label": t("newMessage"),
          title: t("newMessage"),
          class: "icon",
        }),
      ),
      this.search.field,
      this.line,
      this.requests,
      this.search.results,
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
    const waiting = store.viewer.messageRequestCount;
    if (waiting === 0) this.#showsRequests = false;
    this.line.textContent = store.isLive ? "" : t(store.wasLive ? "reconnecting" : "connecting");
    this.requests.hidden = waiting === 0;
    this.requests.textContent = this.#showsRequests ? t("requests.back") : t("requests.count", { count: waiting });
    this.more.hidden = !store.hasMore || this.#showsRequests;
    this.items.parentElement.hidden = this.search.isOpen;
    keep(this.items, store.listed(this.#showsRequests ? "REQUESTS" : "INBOX"), {
      key: ({ id }) => id,
      sign: (each) => this.#signOf(each),
      make: (each) => this.#row(each),
    });
  }

  #signOf(each) {
    const { store } = this;
    const people = store.othersOf(each).map(({ displayName, presence }) => [displayName, presence?.status]);
    return JSON.stringify([
      people,
      each.lastMessage,
      each.unreadCount,
      each.isUnread,
      each.isMuted,
      each.isPinned,
      store.typingIn(each.id),
      store.thread?.id === each.id,
      dayKey(Date.now()),
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

  /** Arrow keys move through the list. */
  #move(event) {
    const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
    if (!step) return;
    const all = [...this.items.querySelectorAll("button")];
    all[all.indexOf(document.activeElement) + step]?.focus();
    event.preventDefault();
  }
}
