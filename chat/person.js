// How people and conversations are called and drawn, wherever they stand.

import { button, h } from "./dom.js";
import { list, t } from "./text.js";

/** What a conversation is called: its people; without one, those to whom a message is begun. */
export function titleOf(store, conversation) {
  const people = conversation ? store.othersOf(conversation) : (store.thread?.people ?? []);
  return namesOf(people);
}

/** Alice, Bob and Carol; nobody else is oneself. */
export function namesOf(people) {
  return people.length ? list(people.map((user) => user.displayName)) : t("yourself");
}

/** A round sign with the first letter; its colour is the name's. */
export function avatar(user, name = user?.displayName ?? "?") {
  const hue = [...name].reduce((sum, letter) => (sum * 31 + letter.codePointAt(0)) % 6, 0);
  const isOnline = user?.presence?.status === "ONLINE";
  const letter = [...name][0].toUpperCase();
  return h("span", { class: `avatar hue${hue}${isOnline ? " online" : ""}`, "aria-hidden": "true" }, letter);
}

/** A person to choose from a list. */
export function personRow(user, onclick) {
  const name = h("span", { class: "name" }, user.displayName);
  return h("li", {}, button([avatar(user), name, h("span", { class: "preview" }, `@${user.username}`)], onclick));
}
