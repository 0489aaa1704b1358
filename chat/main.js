// The beginning: words, who is signed in, and the two sides of the page.

import { Api } from "./api.js";
import { ConversationView } from "./conversation.js";
import { notice, sentence } from "./dialog.js";
import { button, h } from "./dom.js";
import { Drawer } from "./drawer.js";
import { Outbox } from "./outbox.js";
import { Sidebar } from "./sidebar.js";
import { signIn } from "./sign_in.js";
import { Store } from "./store.js";
import { has, loadTexts, t } from "./text.js";

const REASON = "sotto.ended";
const page = document.querySelector("#page");
const api = new Api();
let store = null;
let isLeaving = false;

async function boot() {
  const [info] = await Promise.all([fetch("/page.json").then((answer) => answer.json()), loadTexts()]);
  api.addEventListener("ended", ({ detail }) => leave(detail));
  if (api.session) return enter(info);
  signIn(page, api, info, (session, stay) => {
    api.begin(session, stay);
    enter(info);
  });
  const reason = sessionStorage.getItem(REASON);
  sessionStorage.removeItem(REASON);
  if (reason) notice(has(`ended.${reason}`) ? t(`ended.${reason}`) : t("ended.SESSION_ENDED"));
}

/** The session is over: nothing of it stays, on the screen or in memory, because the page begins anew. */
function leave(reason) {
  if (isLeaving) return;
  isLeaving = true;
  Outbox.forget();
  api.end();
  sessionStorage.setItem(REASON, reason);
  location.reload();
}

async function signOut() {
  try {
    await api.mutate("signOut", {});
    leave("SIGNED_OUT");
  } catch (error) {
    leave(error.code === "OFFLINE" ? "SIGNED_OUT_HERE" : "SIGNED_OUT");
  }
}

async function enter(info) {
  const own = new Store(api);
  try {
    await own.start();
  } catch (error) {
    return outside(info, error);
  }
  store = own;
  own.addEventListener("ended", ({ detail }) => leave(detail));
  const drawer = new Drawer(api, { explorer: info.explorer, close: () => drawer.toggle(false) });
  const sidebar = new Sidebar(own, { signOut, drawer: () => drawer.toggle() });
  const view = new ConversationView(own);
  const layout = h("main", { class: "layout" }, sidebar.element, view.element, drawer.element);
  const render = () => {
    sidebar.render();
    view.render();
    layout.classList.toggle("reading", own.thread !== null);
    document.title = own.unread ? `(${own.unread}) Sotto` : "Sotto";
  };
  own.addEventListener("changed", render);
  page.replaceChildren(layout);
  render();
}

/** Signed in, and yet outside: the server did not answer, or wants this device confirmed; tried again until it lets in. */
function outside(info, error) {
  if (isLeaving) return;
  if (!error.code) throw error;
  const isUntrusted = error.code === "DEVICE_UNTRUSTED";
  const text = isUntrusted ? t("ended.DEVICE_UNTRUSTED") : sentence(error);
  const words = page.querySelector("#outside") ?? h("p", { role: "status", id: "outside" });
  if (words.textContent !== text) words.textContent = text;
  if (!words.isConnected) {
    page.replaceChildren(h("main", { class: "door" }, h("h1", {}, "Sotto"), words, button(t("signOut"), signOut)));
  }
  setTimeout(() => isLeaving || enter(info), isUntrusted ? 5_000 : 2_000);
}

addEventListener("beforeunload", (event) => {
  if (!isLeaving && store?.outbox.items.some(({ uploads }) => uploads.length > 0)) event.preventDefault();
});

boot();
