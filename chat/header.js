// The header of a conversation: title, presence and menu.

import { ask, menu } from "./dialog.js";
import { button, h, keep } from "./dom.js";
import { setBlock } from "./gate.js";
import { avatar, titleOf } from "./person.js";
import { list, moment, t } from "./text.js";

export class Header {
  constructor(store, leave) {
    this.store = store;
    this.leave = leave;
    this.element = h("header");
  }

  render() {
    const { store } = this;
    const { conversation, others, id } = store.thread;
    const typing = conversation ? store.typingIn(conversation.id) : [];
    const entry = {
      title: titleOf(store, conversation),
      line: typing.length ? t("typing", { names: list(typing), count: typing.length }) : presence(others),
      id,
      blocked: others.map((user) => user.viewerHasBlocked),
      muted: conversation?.isMuted,
      pinned: conversation?.isPinned,
    };
    const make = () => this.#row(entry, others, conversation);
    keep(this.element, [entry], { key: () => "header", sign: JSON.stringify, make });
  }

  #row({ title, line }, others, conversation) {
    const more = button(
      "⋯",
      () => menu(more, [...this.#aboutPerson(others), ...this.#aboutConversation(conversation)]),
      {
        class: "icon",
        "aria-haspopup": "menu",
        "aria-expanded": "false",
        "aria-label": t("conversation.more"),
        "data-focus": "menu",
      },
    );
    return h(
      "div",
      { class: "row" },
      button("←", () => this.leave(), { class: "icon back", "aria-label": t("back"), "data-focus": "back" }),
      avatar(others.length === 1 ? others[0] : null, title),
      h("div", { class: "title" }, h("h1", {}, title), h("p", { class: "presence", role: "status" }, line)),
      more,
    );
  }

  #aboutPerson([user, ...rest]) {
    if (!user || rest.length > 0) return [];
    const name = user.displayName;
    const { store } = this;
    if (user.viewerHasBlocked) return [[t("unblock", { name }), () => setBlock(store, user, false)]];
    const block = [t("block", { name }), () => setBlock(store, user, true)];
    return [[t("block", { name }), () => ask(t("block", { name }), t("block.words", { name }), [block])]];
  }

  #aboutConversation(conversation) {
    if (!conversation) return [];
    const { store } = this;
    const { id, isMuted, isPinned, type } = conversation;
    const prefer = (changes) => () => store.mutate("prefer", { conversationId: id, ...changes });
    const end = (operation) => async () => {
      await store.mutate(operation, { conversationId: id });
      store.closeThread();
    };
    const asked = (title, words, operation) => [title, () => ask(title, words, [[title, end(operation)]])];
    return [
      [t(isMuted ? "unmute" : "mute"), prefer({ isMuted: !isMuted })],
      [t(isPinned ? "unpin" : "pin"), prefer({ isPinned: !isPinned })],
      asked(t("clear"), t("clear.words"), "clear"),
      ...(type === "GROUP" ? [asked(t("leave"), t("leave.words"), "leave")] : []),
    ];
  }
}

function presence(others) {
  if (others.length !== 1) return others.length ? t("people.count", { count: others.length + 1 }) : "";
  const [user] = others;
  if (user.presence?.status === "ONLINE") return t("online");
  if (user.presence?.lastActiveAt) return t("lastSeen", { at: moment(user.presence.lastActiveAt) });
  return user.isBot ? t("bot") : "";
}
