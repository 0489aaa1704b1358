// The sign-in form; in the demo, one click signs in.

import { sentence } from "./dialog.js";
import { button, h } from "./dom.js";
import { t } from "./text.js";

/** Shows the form in `page`; calls `entered` once, with the session, after a successful sign-in. */
export function signIn(page, api, info, entered) {
  const problem = h("p", { class: "problem", role: "alert" });
  const stay = h("input", { type: "checkbox", name: "stay" });
  const name = h("input", { name: "username", autocomplete: "username", required: true, autocapitalize: "none" });
  const password = h("input", { name: "password", type: "password", autocomplete: "current-password", required: true });
  const fields = h("fieldset");

  async function enter(operation, username, secret) {
    if (fields.disabled) return; // a second click would create a second session
    fields.disabled = true;
    problem.textContent = "";
    try {
      const { token, viewer } = await api.mutate(operation, { username, password: secret, deviceName: t("device") });
      entered({ token, username: viewer.user.username }, stay.checked);
    } catch (error) {
      fields.disabled = false;
      problem.textContent = sentence(error);
      name.focus();
    }
  }

  const signUp = h("button", { value: "signUp", hidden: true }, t("signUp"));
  fields.append(
    h("label", {}, t("username"), name),
    h("label", {}, t("password"), password),
    h("label", { class: "check" }, stay, t("staySignedIn")),
    problem,
    h("div", { class: "answers" }, h("button", { value: "signIn", class: "main" }, t("signIn")), signUp),
    ...demoOf(info, enter),
  );
  const onsubmit = (event) => {
    event.preventDefault();
    enter(event.submitter?.value === "signUp" ? "signUp" : "signIn", name.value.trim(), password.value);
  };
  const form = h("form", { onsubmit, "aria-label": t("signIn") }, fields);
  page.replaceChildren(
    h("main", { class: "welcome" }, h("h1", {}, "Sotto"), h("p", { class: "motto" }, t("motto")), form),
  );
  name.focus();
  showIfOpen(api, signUp);
}

async function showIfOpen(api, signUp) {
  const { serverInfo } = await api.query("welcome").catch(() => ({ serverInfo: { features: [] } }));
  signUp.hidden = !serverInfo.features.includes("SIGN_UP");
}

function demoOf({ demo }, enter) {
  if (!demo) return [];
  const people = demo.usernames.map((who) =>
    button(t("demo.as", { name: who }), () => enter("signIn", who, demo.password)),
  );
  return [h("p", {}, t("demo.hint")), h("div", { class: "answers" }, people)];
}
