// The layout of the page after sign-in.

import { Address } from "./address.js";
import { ConversationView } from "./conversation.js";
import { Drawer } from "./drawer.js";
import { h } from "./dom.js";
import { Sidebar } from "./sidebar.js";
import { Store } from "./store.js";

/** Fills `page` once the `lists` have loaded; throws ApiError. Calls `leave` with the reason when the session ends. */
export async function openLayout(page, api, info, lists, { signOut, leave }) {
  const store = new Store(api);
  await store.start(lists);
  store.addEventListener("ended", ({ detail }) => leave(detail));
  const address = new Address(store);
  const drawer = new Drawer(api, { explorer: info.explorer, close: () => drawer.toggle(false) });
  const sidebar = new Sidebar(store, { signOut, drawer: () => drawer.toggle() });
  const view = new ConversationView(store, () => address.leave());
  const layout = h("main", { class: "layout" }, sidebar.element, view.element, drawer.element);
  const render = () => {
    layout.classList.toggle("reading", store.thread !== null);
    address.render();
    sidebar.render();
    view.render();
    const { unmutedUnreadMessageCount: unread } = store.viewer;
    document.title = unread ? `(${unread}) Sotto` : "Sotto";
  };
  store.addEventListener("changed", render);
  addEventListener("beforeunload", (event) => {
    if (api.session && store.outbox.items.some(({ uploads }) => uploads.length > 0)) event.preventDefault();
  });
  page.replaceChildren(layout);
  address.follow();
  render();
}
