// The dialog that selects the recipients of a new message.

import { attempt, dialog } from "./dialog.js";
import { button, h } from "./dom.js";
import { personRow } from "./person.js";
import { t } from "./text.js";

/** Lets the user select one or several people, and opens the conversation with them. */
export function askForRecipients(store) {
  const selected = [];
  const chips = h("div", { class: "chips" });
  const found = h("ul", { class: "conversations" });
  const words = { placeholder: t("people"), "aria-label": t("people") };
  const field = h("input", { type: "search", ...words, oninput: () => attempt(look), onkeydown: enter });
  const go = button(t("write"), () => {}, { class: "main", disabled: true });

  function show() {
    go.disabled = selected.length === 0;
    const chip = ({ displayName: name }, i) =>
      button(`${name} ✕`, () => (selected.splice(i, 1), show()), { "aria-label": t("removePerson", { name }) });
    chips.replaceChildren(...selected.map(chip));
  }

  function pick(user) {
    if (!selected.some(({ id }) => id === user.id)) selected.push(user);
    field.value = "";
    found.replaceChildren();
    field.focus();
    show();
  }

  /** Enter selects the matching person. The first one opens the conversation; further ones are added to the list. */
  function enter(event) {
    if (event.key !== "Enter" || event.isComposing) return;
    event.preventDefault();
    if (!field.value.trim()) return go.click();
    attempt(async () => {
      const isFirst = selected.length === 0;
      const user = bestMatch(await look(), field.value.trim());
      if (!user) return;
      pick(user);
      if (isFirst) go.click();
    });
  }

  /** Shows and returns the people found; none if the input has changed since. */
  async function look() {
    const search = field.value.trim();
    const people = search ? (await store.api.query("people", { search })).messageableUsers.nodes : [];
    if (search !== field.value.trim()) return [];
    const none = search && people.length === 0 ? [h("li", { class: "none" }, t("search.none"))] : [];
    found.replaceChildren(...none, ...people.map((user) => personRow(user, () => pick(user))));
    return people;
  }

  dialog(t("newMessage"), (close) => {
    go.addEventListener("click", () => (close(), attempt(() => store.openWith(selected))));
    return [chips, field, found, h("div", { class: "answers" }, go, button(t("cancel"), close))];
  });
}

/** The only person found, or the one with exactly this username. */
function bestMatch(people, words) {
  const name = words.replace(/^@/, "").toLowerCase();
  return people.length === 1 ? people[0] : people.find(({ username }) => username.toLowerCase() === name);
}
