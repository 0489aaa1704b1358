// Dialogs, menus and notices.

import { button, h } from "./dom.js";
import { has, t } from "./text.js";

/** The text of an error: ours if there is one for its code, otherwise the server's. */
export function sentence(error) {
  const { attachmentRejections, recipientRejections, issues } = error.data ?? {};
  if (attachmentRejections?.length)
    return attachmentRejections.map((each) => worded(`error.${each.reason}`, each.detail, each)).join(" ");
  if (recipientRejections?.length)
    return recipientRejections
      .map(({ reason, detail, user }) => worded(`recipient.${reason}`, detail, { name: user?.displayName }))
      .join(" ");
  if (issues?.length) return issues.map(({ detail }) => detail).join(" ");
  const seconds = Math.ceil(error.data?.retryAfterSeconds ?? 0);
  return worded(`error.${error.code}`, error.message, { ...error.data, seconds });
}

const worded = (key, detail, values) => (has(key) ? t(key, values) : detail || t("error.UNKNOWN"));

/** Shows a notice for 12 seconds; screen readers announce it. */
export function notice(words) {
  const place = document.querySelector("#notice");
  const line = h(
    "p",
    {},
    words,
    button("✕", () => line.remove(), { "aria-label": t("close") }),
  );
  place.replaceChildren(line);
  setTimeout(() => line.remove(), 12_000);
}

/** Runs an action and shows its error as a notice; anything but an ApiError is rethrown. */
export async function attempt(act) {
  try {
    return await act();
  } catch (error) {
    notice(error.code ? sentence(error) : t("error.UNKNOWN"));
    if (!error.code) throw error;
    return null;
  }
}

let dialogs = 0;

/** Opens a modal dialog; `fill` gets a function that closes it, and returns its children. Escape closes it too. */
export function dialog(title, fill) {
  const id = `dialog-${(dialogs += 1)}`;
  const box = h("dialog", { "aria-labelledby": id });
  const close = () => box.close();
  box.append(h("h2", { id }, title), ...fill(close));
  box.addEventListener("close", () => box.remove());
  document.body.append(box);
  box.showModal();
  return box;
}

/** A confirmation dialog with a button for each of `[[label, action], …]`, and a Cancel button with the focus. */
export function ask(title, words, answers) {
  dialog(title, (close) => [
    h("p", {}, words),
    h(
      "div",
      { class: "answers" },
      answers.map(([label, act]) => button(label, () => (close(), attempt(act)), { class: "danger" })),
      button(t("cancel"), close, { autofocus: true }),
    ),
  ]);
}

/** Opens a menu at a button. Arrow keys move, Escape closes it, and the focus returns to the button. */
export function menu(opener, items) {
  const box = h("div", { class: "menu", role: "menu", popover: "auto" });
  const choose = (act) => () => {
    box.hidePopover();
    attempt(act);
  };
  for (const [words, act, label] of items) {
    box.append(
      button(words, choose(act), { role: "menuitem", tabindex: "-1", "aria-label": label, class: label && "emoji" }),
    );
  }
  box.addEventListener("keydown", (event) => {
    const all = [...box.children];
    const at = all.indexOf(document.activeElement);
    const step = { ArrowDown: 1, ArrowRight: 1, ArrowUp: -1, ArrowLeft: -1 }[event.key];
    if (step) all.at((at + step) % all.length).focus();
    if (event.key === "Home") all[0].focus();
    if (event.key === "End") all.at(-1).focus();
    if (step || event.key === "Home" || event.key === "End") event.preventDefault();
    if (event.key === "Tab") box.hidePopover();
  });
  box.addEventListener("toggle", ({ newState }) => {
    opener.setAttribute("aria-expanded", String(newState === "open"));
    if (newState === "closed") {
      const back = opener.isConnected ? opener : document.querySelector(`[data-focus="${opener.dataset.focus}"]`);
      if (box.contains(document.activeElement) || document.activeElement === document.body) back?.focus();
      box.remove();
    }
  });
  document.querySelector("main").append(box);
  box.showPopover();
  const at = opener.getBoundingClientRect();
  box.style.left = `${Math.max(8, Math.min(at.left, innerWidth - box.offsetWidth - 8))}px`;
  box.style.top = `${at.bottom + box.offsetHeight > innerHeight ? Math.max(8, at.top - box.offsetHeight) : at.bottom}px`;
  box.firstElementChild.focus();
}
