// Replaces the composer if the viewer cannot write: an open message request, a block, or a restriction.

import { attempt, notice } from "./dialog.js";
import { button, h, keep } from "./dom.js";
import { t } from "./text.js";

export class Gate {
  constructor(store) {
    this.store = store;
    this.element = h("div", { class: "request" });
  }

  /** Shows why the viewer cannot write, and what to do; returns whether the composer is shown. */
  render() {
    const { store } = this;
    const { conversation, others, id } = store.thread;
    const isRequest = Boolean(conversation?.viewerCanAnswerRequest);
    const reason = isRequest ? "request" : reasonOf(conversation, others);
    keep(this.element, reason ? [{ reason, id }] : [], {
      key: (entry) => entry.reason,
      sign: JSON.stringify,
      make: () => (isRequest ? this.#request(conversation) : this.#restriction(reason)),
    });
    return isRequest || !reason;
  }

  #restriction(reason) {
    const { store } = this;
    const [user] = store.thread.others;
    const words = h("p", {}, t(`restriction.${reason}`, { name: user?.displayName ?? "" }));
    const canUnblock = reason === "BLOCKED_BY_VIEWER" && user?.viewerHasBlocked;
    const label = t("unblock", { name: user?.displayName });
    return h("div", {}, words, canUnblock && button(label, () => attempt(() => setBlock(store, user, false))));
  }

  #request({ id, type, others, requestedBy }) {
    const { store } = this;
    const input = { conversationId: id };
    const accept = () => store.mutate("accept", input);
    const decline = (blockSender) => async () => {
      await store.mutate("decline", { ...input, blockSender });
      store.conversations.delete(id);
      store.closeThread();
      notice(t("request.declined"));
    };
    const answers = [
      button(t("request.accept"), () => attempt(accept), { class: "main" }),
      button(t("request.decline"), () => attempt(decline(false))),
      button(t("request.block"), () => attempt(decline(true)), { class: "danger" }),
    ];
    const name = store.users.get(requestedBy)?.displayName ?? "";
    const isGroup = type === "GROUP";
    const count = others.length + 1;
    const words = t(isGroup ? "request.group" : "request.words", { name, count });
    return h("div", {}, h("p", {}, words), h("div", { class: "answers" }, answers));
  }
}

/** Blocks or unblocks a user, and reloads the open conversation. */
export async function setBlock(store, user, isBlocked) {
  const { user: now } = await store.mutate(isBlocked ? "block" : "unblock", { user: { id: user.id } });
  store.put(now);
  const { conversation } = store.thread ?? {};
  if (conversation) await store.refresh(conversation.id);
  store.changed();
}

function reasonOf(conversation, others) {
  if (conversation?.viewerCanSend) return null;
  if (conversation) return isDeclined(conversation) ? "REQUEST_PENDING" : conversation.sendRestriction;
  return others.some((user) => user.viewerHasBlocked) ? "BLOCKED_BY_VIEWER" : null;
}

/** Whether the viewer's own request was declined. It looks like one that was not answered, on purpose. */
function isDeclined({ requestState, requestedBy, sendRestriction }) {
  return requestState === "PENDING" && !requestedBy && sendRestriction === "NOT_ACCEPTING";
}
