// A message: text, files, reactions, delivery status and menu.

import { ask, attempt, dialog, menu, notice } from "./dialog.js";
import { button, h, linked, spoken } from "./dom.js";
import { fileElement } from "./file.js";
import { list, t, time } from "./text.js";

const EMOJI = ["👍", "❤️", "😂", "😮", "😢", "🙏"];
const REASONS = ["SPAM", "HARASSMENT", "THREAT", "SEXUAL", "ILLEGAL", "IMPERSONATION", "OTHER"];
const MARKS = { SENT: "✓", DELIVERED: "✓✓", READ: "✓✓" };

/** The element of a message; `isLast` is the viewer's latest, whose status is written out. */
export function messageElement(store, message, { isGroup, isLast }) {
  const isMine = message.sender?.id === store.me.id;
  const isDeleted = message.state === "DELETED";
  const sender = isMine ? t("you") : (message.sender?.displayName ?? t("erased"));
  return h(
    "li",
    {
      class: `message${isMine ? " mine" : ""}${store.thread.found === message.id ? " found" : ""}`,
      id: `m-${message.id}`,
      tabindex: "-1",
    },
    h(
      "div",
      { class: "bubble" },
      isGroup && !isMine ? h("p", { class: "sender" }, sender) : spoken(`${sender}: `),
      message.replyTo && quote(store, message.replyTo),
      isDeleted
        ? h("p", { class: "gone" }, t("deleted"))
        : message.text && h("p", { class: "text", dir: "auto" }, linked(message.text)),
      message.attachments.map((file) => fileElement(store, file)),
      h(
        "p",
        { class: "meta" },
        h("time", { datetime: message.createdAt }, time(message.createdAt)),
        message.editedAt && !isDeleted && ` · ${t("edited")}`,
        isMine && !isDeleted && statusElements(store.thread, message, isLast),
      ),
    ),
    !isDeleted && moreButton(store, message, sender),
    message.reactions.length > 0 &&
      h(
        "div",
        { class: "reactions" },
        message.reactions.map((group) => reaction(store, message, group)),
      ),
  );
}

function moreButton(store, message, sender) {
  const more = button("⋯", () => openMenu(store, message, more), {
    class: "icon more",
    "data-focus": `more-${message.id}`,
    "aria-haspopup": "menu",
    "aria-expanded": "false",
    "aria-label": t("message.more", { name: sender }),
  });
  return more;
}

function statusElements(thread, message, isLast) {
  const status = thread.statusOf(message);
  const words = t(`status.${status}`);
  const mark = h("span", { class: `mark ${status}`, "aria-hidden": "true" }, MARKS[status]);
  return [" ", mark, isLast ? h("span", { class: "status" }, ` ${words}`) : spoken(words)];
}

function quote(store, message) {
  const words = message.state === "DELETED" ? t("deleted") : message.preview;
  const go = () => attempt(() => store.open(store.thread.id, message.id));
  return button([h("strong", {}, message.sender?.displayName ?? t("erased")), ` ${words}`], go, {
    class: "quote",
    title: t("message.original"),
  });
}

function reaction(store, message, group) {
  const names = list(group.users.nodes.map(({ displayName }) => displayName));
  return button(
    [`${group.emoji} ${group.count}`, spoken(` ${t("reaction.by", { names })}`)],
    () => attempt(() => react(store, message, group.emoji, !group.viewerHasReacted)),
    {
      "aria-pressed": String(group.viewerHasReacted),
      "data-focus": `reaction-${group.emoji}`,
      title: names,
    },
  );
}

async function react(store, { id }, emoji, reacted) {
  const { message } = await store.api.mutate("react", { messageId: id, emoji, reacted });
  store.thread?.replace(message);
}

function openMenu(store, message, opener) {
  const isMine = message.sender?.id === store.me.id;
  const { thread } = store;
  const reactions = EMOJI.map((emoji) => [emoji, () => react(store, message, emoji, true), t("react", { emoji })]);
  const compose = (changes) => () => {
    Object.assign(thread, { replyTo: null, editing: null }, changes);
    store.changed();
    document.querySelector(".composer textarea")?.focus();
  };
  menu(
    opener,
    [
      ...reactions,
      [t("reply"), compose({ replyTo: message })],
      message.text && [t("copy"), () => navigator.clipboard.writeText(message.text).then(() => notice(t("copied")))],
      message.viewerCanEdit && message.text && [t("edit"), compose({ editing: message })],
      [t("delete"), () => askToDelete(store, message)],
      !isMine && [t("report"), () => askToReport(store, message)],
    ].filter(Boolean),
  );
}

function askToDelete(store, message) {
  const remove = (scope) => async () => {
    const { deletedMessageId, message: left } = await store.mutate("remove", { messageId: message.id, scope });
    if (left && scope === "FOR_EVERYONE") store.thread?.replace(left);
    else store.thread?.remove(deletedMessageId);
  };
  ask(t("delete.title"), t("delete.words"), [
    [t("delete.forMe"), remove("FOR_ME")],
    ...(message.viewerCanDeleteForEveryone ? [[t("delete.forEveryone"), remove("FOR_EVERYONE")]] : []),
  ]);
}

function askToReport(store, message) {
  dialog(t("report.title"), (close) => {
    const reason = h(
      "select",
      {},
      REASONS.map((each) => h("option", { value: each }, t(`reason.${each}`))),
    );
    const comment = h("textarea", { rows: "3", maxlength: "1000" });
    const block = h("input", { type: "checkbox" });
    const send = async () => {
      close();
      await store.mutate("report", {
        messageId: message.id,
        reason: reason.value,
        comment: comment.value.trim() || null,
        blockSender: block.checked,
      });
      notice(t("report.thanks"));
    };
    return [
      h("p", {}, t("report.words")),
      h("label", {}, t("report.reason"), reason),
      h("label", {}, t("report.comment"), comment),
      h("label", { class: "check" }, block, t("report.block", { name: message.sender?.displayName ?? t("erased") })),
      h(
        "div",
        { class: "answers" },
        button(t("report.send"), () => attempt(send), { class: "danger" }),
        button(t("cancel"), close),
      ),
    ];
  });
}
