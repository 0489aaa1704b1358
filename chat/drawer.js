// A drawer with the latest GraphQL operations of this page, their responses, and a link to GraphiQL.

import { button, h } from "./dom.js";
import { t } from "./text.js";

export class Drawer {
  #shown = null;
  #newest = null;

  constructor(api, { explorer, close }) {
    this.api = api;
    this.choice = h("select", {
      "aria-label": t("drawer.operation"),
      onchange: () => this.#show(this.api.history[Number(this.choice.value)]),
    });
    this.document = h("pre", { tabindex: "0", "aria-label": t("drawer.operation") });
    this.variables = h("pre", { tabindex: "0", "aria-label": t("drawer.variables") });
    this.response = h("pre", { tabindex: "0", "aria-label": t("drawer.response") });
    this.link = explorer && h("a", { target: "_blank", rel: "opener", class: "main" }, t("drawer.open"));
    this.element = h(
      "section",
      { class: "drawer", "aria-label": t("drawer.title"), hidden: true },
      h("header", {}, h("h2", {}, t("drawer.title")), button("✕", close, { "aria-label": t("close"), class: "icon" })),
      this.choice,
      this.document,
      h("h3", {}, t("drawer.variables")),
      this.variables,
      h("h3", {}, t("drawer.response")),
      this.response,
      this.link,
    );
    api.addEventListener("sent", () => this.render());
  }

  toggle(isOpen = this.element.hidden) {
    this.element.hidden = !isOpen;
    this.render();
  }

  /** Shows the latest operation that the user caused, until the user selects another one. */
  render() {
    if (this.element.hidden) return;
    const { history } = this.api;
    this.choice.replaceChildren(
      ...history.map(({ name, milliseconds }, i) =>
        h("option", { value: String(i) }, milliseconds === null ? name : `${name} · ${milliseconds} ms`),
      ),
    );
    const newest = history.find(({ isByUser }) => isByUser) ?? history[0];
    if (newest !== this.#newest || !history.includes(this.#shown)) this.#shown = this.#newest = newest;
    this.choice.value = String(history.indexOf(this.#shown));
    this.#show(this.#shown);
  }

  #show(entry) {
    if (!entry) return;
    this.#shown = entry;
    const variables = JSON.stringify(entry.variables, null, 2);
    this.document.textContent = entry.document;
    this.variables.textContent = variables;
    this.response.textContent = entry.response ? JSON.stringify(entry.response, null, 2) : t("drawer.stream");
    if (this.link) this.link.href = `/graphql#${new URLSearchParams({ query: entry.document, variables })}`;
  }
}
