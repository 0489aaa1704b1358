// The URL of the open conversation: `/#conversation=…`, or `/#with=…` before the first message. A fragment is not
// sent to the server, so it is not logged. Back, Forward, reloads and links work.

import { attempt, notice } from "./dialog.js";
import { t } from "./text.js";

export class Address {
  #thread = null;
  #isFollowing = false; // while the page opens what the URL names, the URL is not updated

  constructor(store) {
    this.store = store;
    addEventListener("popstate", () => this.follow());
  }

  /** Opens what the URL names; clears a URL that names nothing. */
  async follow() {
    const { store } = this;
    const { hash } = location;
    if (hash === hashOf(store.thread)) return;
    this.#isFollowing = true;
    const isThere = await attempt(() => this.#open(new URLSearchParams(hash.slice(1))));
    if (!this.#isFollowing || hash !== location.hash) return;
    if (isThere === false) notice(t("address.gone"));
    this.#isFollowing = false;
    store.closeThread();
  }

  async #open(names) {
    const { store } = this;
    const people = names.get("with")?.split(",");
    if (people) return this.#openWith(people);
    const id = names.get("conversation");
    if (!id) return store.closeThread();
    if (!store.conversations.has(id)) await this.#orGone(store.refresh(id));
    return store.conversations.has(id) && store.open(id);
  }

  async #openWith(ids) {
    const { store } = this;
    const { nodes } = (await this.#orGone(store.api.query("users", { ids }))) ?? { nodes: [null] };
    return nodes.every((user) => user?.username) && store.openWith(nodes);
  }

  /** A malformed ID is treated like an unknown one. */
  #orGone(answer) {
    return answer.catch((error) => (error.isRetryable ? Promise.reject(error) : null));
  }

  /** Updates the URL: a new history entry when the user opens something, otherwise the current entry. */
  render() {
    const { thread } = this.store;
    const hasChanged = thread !== this.#thread;
    this.#thread = thread;
    if (this.#isFollowing && !hasChanged) return;
    const isStep = hasChanged && thread && !this.#isFollowing;
    this.#isFollowing = false;
    const hash = hashOf(thread);
    if (hash === location.hash) return;
    const address = location.pathname + location.search + hash;
    if (isStep) history.pushState({ isFromList: !location.hash }, "", address);
    else history.replaceState(history.state, "", address);
  }

  /** Returns to the list, by Back if possible, so that the list is in the history only once. */
  leave() {
    if (history.state?.isFromList) history.back();
    else this.store.closeThread();
  }
}

function hashOf(thread) {
  if (!thread) return "";
  return thread.id ? `#conversation=${thread.id}` : `#with=${thread.people.map(({ id }) => id).join()}`;
}
