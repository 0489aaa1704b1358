// To whom a new message goes: names are searched for, chosen, and taken back.

import { attempt, dialog } from "./dialog.js";
import { button, h } from "./dom.js";
import { personRow } from "./person.js";
import { t } from "./text.js";

/** Asks for one person or several, and opens the conversation with them. */
export function askForRecipients(store) {
  const chosen = [];
  const chips = h("div", { class: "chips" });
  const found = h("ul", { class: "conversations" });
  const words = { placeholder: t("people"), "aria-label": t("people") };
  const field = h("input", { type: "search", ...words, oninput: () => attempt(look), onkeydown: enter });
  const go = button(t("write"), () => {}, { class: "main", disabled: true });

  function show() {
    go.disabled = chosen.length === 0;
    const chip = ({ displayName: name }, i) =>
      button(`${name} ✕`, () => (chosen.splice(i, 1), show()), { "aria-label": t("removePerson", { name }) });
    chips.replaceChildren(...chosen.map(chip));
  }

  function pick(user) {
    if (!chosen.some(({ id }) => id === user.id)) chosen.push(user);
    field.value = "";
    found.replaceChildren();
    field.focus();
    show();
  }

  /** The one who was found is meant; the first of all is written to, and whoever has begun a list goes on with it. */
  function enter(event) {
    if (event.key !== "Enter" || event.isComposing) return;
    event.preventDefault();
    if (!field.value.trim()) return go.click();
    attempt(async () => {
      const isFirst = chosen.length === 0;
      const user = the(await look(), field.value.trim());
      if (!user) return;
      pick(user);
      if (isFirst) go.click();
    });
  }

  /** Shows who is found, and returns them; nobody where something else has been typed since. */
  async function look() {
    const search = field.value.trim();
    const people = search ? (await store.api.query("people", { search })).messageableUsers.nodes : [];
    if (search !== field.value.trim()) return [];
    const none = search && people.length === 0 ? [h("li", { class: "none" }, t("search.none"))] : [];
    found.replaceChildren(...none, ...people.map((user) => personRow(user, () => pick(user))));
    return people;
  }

  dialog(t("newMessage"), (close) => {
    go.addEventListener("click", () => (close(), attempt(() => store.openWith(chosen))));
    return [chips, field, found, h("div", { class: "answers" }, go, button(t("cancel"), close))];
  });
}

/** The only one of those found, or the one who is called exactly so. */
function the(people, words) {
  const name = words.replace(/^@/, "").toLowerCase();
  return people.length === 1 ? people[0] : people.find(({ username }) => username.toLowerCase() === name);
}
