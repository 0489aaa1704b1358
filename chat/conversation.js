// The right side: the open conversation, its messages by day, and where one writes.

import { ask, attempt, menu, notice, sentence } from "./dialog.js";
import { Composer } from "./composer.js";
import { button, h, keep } from "./dom.js";
import { messageElement } from "./message.js";
import { avatar, titleOf } from "./sidebar.js";
import { day, dayKey, list, moment, size, t } from "./text.js";

const NEAR = 120; // pixels: whoever is this close to the end wants to stay there

export class ConversationView {
  #shown = null;
  #length = 0;
  #first = null;

  constructor(store) {
    this.store = store;
    this.header = h("header");
    this.list = h("ol");
    this.log = h("div", { class: "log", role: "log", "aria-label": t("messages"), tabindex: "0" }, this.list);
    this.newest = button(t("newest"), () => attempt(() => store.open(store.thread.id)), { class: "newest" });
    this.request = h("div", { class: "request" });
    this.composer = new Composer(store);
    this.pane = h("section", { class: "pane", "aria-label": t("conversation") }, this.header, this.log, this.newest, this.request, this.composer.element);
    this.empty = h("section", { class: "pane empty" }, h("p", {}, t("choose")));
    this.element = h("div", { class: "side" }, this.empty);
    this.log.addEventListener("scroll", () => this.#scrolled());
    this.pane.addEventListener("dragover", (event) => (event.preventDefault(), this.pane.classList.add("dropping")));
    this.pane.addEventListener("dragleave", (event) => this.pane.contains(event.relatedTarget) || this.pane.classList.remove("dropping"));
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
    this.#renderHeader();
    this.#renderMessages();
    this.#renderFoot();
    this.composer.render();
  }

  #renderHeader() {
    const { store } = this;
    const { conversation, people } = store.thread;
    const others = conversation ? store.othersOf(conversation) : (people ?? []);
    const typing = conversation ? store.typingIn(conversation.id) : [];
    const line = typing.length ? t("typing", { names: list(typing), count: typing.length }) : presence(others);
    const entry = { title: titleOf(store, conversation), line, id: store.thread.id, blocked: others.map((user) => user.viewerHasBlocked), muted: conversation?.isMuted };
    keep(this.header, [entry], { key: () => "header", sign: JSON.stringify, make: () => this.#head(entry, others, conversation) });
  }

  #head({ title, line }, others, conversation) {
    const more = button("⋯", () => this.#openMenu(more, others, conversation), { class: "icon", "aria-haspopup": "menu", "aria-expanded": "false", "aria-label": t("conversation.more"), "data-focus": "menu" });
    return h(
      "div",
      { class: "row" },
      button("←", () => this.store.closeThread(), { class: "icon back", "aria-label": t("back"), "data-focus": "back" }),
      avatar(others.length === 1 ? others[0] : null, title),
      h("div", { class: "title" }, h("h1", {}, title), h("p", { class: "presence", role: "status" }, line)),
      more,
    );
  }

  #openMenu(opener, others, conversation) {
    const { store } = this;
    const { api } = store;
    const items = [];
    if (others.length === 1) {
      const [user] = others;
      const name = user.displayName;
      const change = (operation) => async () => {
        store.put((await api.mutate(operation, { user: { id: user.id } })).user);
        if (conversation) await store.refresh(conversation.id);
        store.changed();
      };
      if (user.viewerHasBlocked) items.push([t("unblock", { name }), change("unblock")]);
      else items.push([t("block", { name }), () => ask(t("block", { name }), t("block.words", { name }), [[t("block", { name }), change("block")]])]);
    }
    if (conversation) {
      const { id, isMuted, isPinned, type } = conversation;
      const prefer = (changes) => async () => store.putConversation((await api.mutate("prefer", { conversationId: id, ...changes })).conversation);
      items.push([t(isMuted ? "unmute" : "mute"), prefer({ isMuted: !isMuted })], [t(isPinned ? "unpin" : "pin"), prefer({ isPinned: !isPinned })]);
      const clear = async () => (await api.mutate("clear", { conversationId: id }), store.closeThread());
      items.push([t("clear"), () => ask(t("clear"), t("clear.words"), [[t("clear"), clear]])]);
      const leave = async () => (await api.mutate("leave", { conversationId: id }), store.closeThread());
      if (type === "GROUP") items.push([t("leave"), () => ask(t("leave"), t("leave.words"), [[t("leave"), leave]])]);
    }
    menu(opener, items);
  }

  #renderMessages() {
    const { store } = this;
    const { thread } = store;
    const isNew = this.#shown !== thread;
    const { scrollTop, scrollHeight, clientHeight } = this.log;
    const wasAtEnd = isNew || scrollHeight - scrollTop - clientHeight < NEAR;
    const isGroup = (thread.conversation?.others ?? thread.people ?? []).length > 1;
    const last = thread.messages.findLast(({ sender }) => sender?.id === store.me.id)?.id;
    keep(this.list, this.#entries(), {
      key: (entry) => entry.key,
      sign: (entry) => JSON.stringify([entry.message ?? entry.day ?? [entry.item.state, entry.item.error?.code, entry.item.uploads.map(({ state }) => state)], entry.message?.id === last, isGroup, thread.found === entry.message?.id]),
      make: (entry) => this.#entry(entry, isGroup, last),
    });
    const [first] = thread.messages;
    const wasPaged = !isNew && this.#first && first && first.sequence < this.#first.sequence;
    if (thread.found && !thread.isLoading && isNew) document.getElementById(`m-${thread.found}`)?.scrollIntoView({ block: "center" });
    else if (wasPaged) this.log.scrollTop = scrollTop + this.log.scrollHeight - scrollHeight;
    else if (wasAtEnd && !thread.hasAfter) this.log.scrollTop = this.log.scrollHeight;
    this.#first = first;
    if (!thread.isLoading) this.#shown = thread;
    this.newest.hidden = !thread.hasAfter;
    this.#length = thread.messages.length;
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
        h("p", { class: "meta" }, hasFailed ? h("span", { class: "problem", role: "alert" }, `${t("notSent")} ${sentence(item.error)}`) : t("sending")),
        hasFailed && h("div", { class: "answers" }, button(t("again"), () => outbox.retry(item)), button(t("discard"), () => this.#takeBack(item))),
        !hasFailed && item.uploads.length > 0 && h("div", { class: "answers" }, button(t("cancel"), () => this.#takeBack(item))),
      ),
    );
  }

  #takeBack(item) {
    this.store.outbox.discard(item);
    const { text } = this.composer;
    if (item.text && !text.value) text.value = item.text;
    text.focus();
  }

  #renderFoot() {
    const { store } = this;
    const { conversation, people } = store.thread;
    const isRequest = conversation && store.isRequest(conversation);
    const restriction = conversation && !conversation.viewerCanSend ? conversation.sendRestriction : null;
    const isBlocked = people?.some((user) => user.viewerHasBlocked) ? "BLOCKED_BY_VIEWER" : null;
    const reason = restriction ?? isBlocked;
    this.composer.element.hidden = Boolean(reason) && !isRequest;
    const entries = [isRequest && { kind: "request", id: conversation.id }, reason && !isRequest && { kind: reason, id: store.thread.id }].filter(Boolean);
    keep(this.request, entries, { key: ({ kind }) => kind, sign: JSON.stringify, make: ({ kind }) => (kind === "request" ? this.#requestBar(conversation) : this.#restrictionBar(kind, conversation)) });
  }

  #restrictionBar(reason, conversation) {
    const [user] = conversation ? this.store.othersOf(conversation) : this.store.thread.people;
    const unblock = async () => {
      this.store.put((await this.store.api.mutate("unblock", { user: { id: user.id } })).user);
      if (conversation) await this.store.refresh(conversation.id);
      this.store.changed();
    };
    return h("div", {}, h("p", {}, t(`restriction.${reason}`, { name: user?.displayName ?? "" })), reason === "BLOCKED_BY_VIEWER" && user?.viewerHasBlocked && button(t("unblock", { name: user.displayName }), () => attempt(unblock)));
  }

  #requestBar({ id, others }) {
    const { store } = this;
    const name = store.users.get(others[0])?.displayName ?? "";
    const accept = async () => store.putConversation((await store.api.mutate("accept", { conversationId: id })).conversation);
    const decline = (block) => async () => {
      await store.api.mutate("decline", { conversationId: id, block });
      store.conversations.delete(id);
      store.closeThread();
      notice(t("request.declined"));
    };
    return h(
      "div",
      {},
      h("p", {}, t("request.words", { name })),
      h(
        "div",
        { class: "answers" },
        button(t("request.accept"), () => attempt(accept), { class: "main" }),
        button(t("request.decline"), () => attempt(decline(false))),
        button(t("request.block"), () => attempt(decline(true)), { class: "danger" }),
      ),
    );
  }

  #scrolled() {
    const { thread } = this.store;
    if (!thread || thread.isLoading || this.#length === 0) return;
    if (this.log.scrollTop < NEAR && thread.hasBefore) attempt(() => thread.loadBefore());
    if (this.log.scrollHeight - this.log.scrollTop - this.log.clientHeight < NEAR && thread.hasAfter) attempt(() => thread.loadAfter());
  }
}

function presence(others) {
  if (others.length !== 1) return others.length ? t("people.count", { count: others.length + 1 }) : "";
  const [user] = others;
  if (user.presence?.status === "ONLINE") return t("online");
  return user.presence?.lastActiveAt ? t("lastSeen", { at: moment(user.presence.lastActiveAt) }) : user.isBot ? t("bot") : "";
}
