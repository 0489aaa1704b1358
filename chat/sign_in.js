// The door: a name and a password; in the demo, one click.

import { sentence } from "./dialog.js";
import { button, h } from "./dom.js";
import { t } from "./text.js";

/** Shows the form in `page`; calls `entered` with a session once the server let somebody in. */
export function signIn(page, api, info, mayJoin, entered) {
  const problem = h("p", { class: "problem", role: "alert" });
  const name = h("input", {
    name: "username",
    autocomplete: "username",
    required: true,
    autocapitalize: "none",
    spellcheck: "false",
  });
  const password = h("input", { name: "password", type: "password", autocomplete: "current-password", required: true });
  const stay = h("input", { type: "checkbox", name: "stay" });

  async function enter(operation, username, secret) {
    problem.textContent = "";
    try {
      const input = { username, password: secret, deviceName: t("device") };
      const { token, viewer } = await api.mutate(operation, input);
      entered({ token, username: viewer.user.username }, stay.checked);
    } catch (error) {
      problem.textContent = sentence(error);
      name.focus();
    }
  }

  const submit = (event) => {
    event.preventDefault();
    const operation = event.submitter?.value === "signUp" ? "signUp" : "signIn";
    enter(operation, name.value.trim(), password.value);
  };
  const form = h(
    "form",
    { onsubmit: submit, "aria-label": t("signIn") },
    h("label", {}, t("username"), name),
    h("label", {}, t("password"), password),
    h("label", { class: "check" }, stay, t("staySignedIn")),
    problem,
    h(
      "div",
      { class: "answers" },
      h("button", { value: "signIn", class: "main" }, t("signIn")),
      mayJoin && h("button", { value: "signUp" }, t("signUp")),
    ),
  );
  const people = info.demo && [
    h("p", {}, t("demo.hint")),
    h(
      "div",
      { class: "answers" },
      info.demo.usernames.map((who) =>
        button(t("demo.as", { name: who }), () => enter("signIn", who, info.demo.password)),
      ),
    ),
  ];
  page.replaceChildren(
    h("main", { class: "door" }, h("h1", {}, "Sotto"), h("p", { class: "motto" }, t("motto")), form, people),
  );
  name.focus();
}
