// The address of what is open: `/#conversation=…`, or `/#with=…` before the first message. A fragment is sent to no server
// and stands in no log; Back, Forward and a reload lead to it again, and so does a link, after the sign-in.

import { attempt, notice } from "./dialog.js";
import { t } from "./text.js";

export class Address {
  #thread = null;
  #isFollowing = false; // until something else is open: the address leads, and is not written

  constructor(store) {
    this.store = store;
    addEventListener("popstate", () => this.follow());
  }

  /** Opens what the address names; one that leads nowhere is cleared. */
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

  /** An id that the server does not know by its form is as good as one that it does not find. */
  #orGone(answer) {
    return answer.catch((error) => (error.isRetryable ? Promise.reject(error) : null));
  }

  /** Writes down what is open: a step of its own for what somebody opens, the same one for what becomes of it. */
  render() {
    const { thread } = this.store;
    const hasTurned = thread !== this.#thread;
    this.#thread = thread;
    if (this.#isFollowing && !hasTurned) return;
    const isStep = hasTurned && thread && !this.#isFollowing;
    this.#isFollowing = false;
    const hash = hashOf(thread);
    if (hash === location.hash) return;
    const address = location.pathname + location.search + hash;
    if (isStep) history.pushState({ isFromList: !location.hash }, "", address);
    else history.replaceState(history.state, "", address);
  }

  /** Back to the list: by the step that led here, so that the list stands in the history once. */
  leave() {
    if (history.state?.isFromList) history.back();
    else this.store.closeThread();
  }
}

function hashOf(thread) {
  if (!thread) return "";
  return thread.id ? `#conversation=${thread.id}` : `#with=${thread.people.map(({ id }) => id).join()}`;
}
