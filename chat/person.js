// Names and avatars of people and conversations.

import { button, h } from "./dom.js";
import { list, t } from "./text.js";

/** The title of a conversation: its people; without one, the recipients of the new message. */
export function titleOf(store, conversation) {
  const people = conversation ? store.othersOf(conversation) : (store.thread?.people ?? []);
  return namesOf(people);
}

/** Alice, Bob and Carol; an empty list is the conversation with oneself. */
export function namesOf(people) {
  return people.length ? list(people.map((user) => user.displayName)) : t("yourself");
}

/** A circle with the first letter of the name, in a colour derived from the name. */
export function avatar(user, name = user?.displayName ?? "?") {
  const hue = [...name].reduce((sum, letter) => (sum * 31 + letter.codePointAt(0)) % 6, 0);
  const isOnline = user?.presence?.status === "ONLINE";
  const letter = [...name][0].toUpperCase();
  return h("span", { class: `avatar hue${hue}${isOnline ? " online" : ""}`, "aria-hidden": "true" }, letter);
}

/** A list item that selects a person. */
export function personRow(user, onclick) {
  const name = h("span", { class: "name" }, user.displayName);
  return h("li", {}, button([avatar(user), name, h("span", { class: "preview" }, `@${user.username}`)], onclick));
}
