// The beginning: words, who is signed in, and the two sides of the page.

import { Api } from "./api.js";
import { ConversationView } from "./conversation.js";
import { notice, sentence } from "./dialog.js";
import { button, h } from "./dom.js";
import { Drawer } from "./drawer.js";
import { Sidebar } from "./sidebar.js";
import { signIn } from "./sign_in.js";
import { Store } from "./store.js";
import { has, loadTexts, t } from "./text.js";

const page = document.querySelector("#page");
const api = new Api();
let store = null;

async function boot() {
  const [info] = await Promise.all([fetch("/page.json").then((answer) => answer.json()), loadTexts()]);
  document.title = "Sotto";
  if (api.session) await enter(info).catch((error) => outside(info, error));
  else await door(info);
}

/** Nobody is signed in. */
async function door(info, reason) {
  store?.stop();
  store = null;
  document.title = "Sotto";
  const mayJoin = await api.query("welcome").then(
    ({ serverInfo }) => serverInfo.features.includes("SIGN_UP"),
    () => false,
  );
  signIn(page, api, info, mayJoin, (session, stay) => {
    api.begin(session, stay);
    enter(info).catch((error) => outside(info, error));
  });
  if (reason) notice(has(`ended.${reason}`) ? t(`ended.${reason}`) : t("ended.SESSION_ENDED"));
}

async function enter(info) {
  const own = (store = new Store(api));
  let isOver = false;
  const end = (reason) => {
    if (isOver) return;
    isOver = true;
    own.outbox.forget();
    api.end();
    door(info, reason);
  };
  own.addEventListener("ended", ({ detail }) => end(detail));
  api.addEventListener("ended", ({ detail }) => own === store && end(detail), { once: true });
  await own.start();
  const drawer = new Drawer(api, { explorer: info.explorer, close: () => drawer.toggle(false) });
  const signOut = async () => {
    await api.mutate("signOut", {}).catch(() => {});
    end("SIGNED_OUT");
  };
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
  if (!api.session) return; // it has ended, and the door says why
  const isUntrusted = error.code === "DEVICE_UNTRUSTED";
  if (!isUntrusted && !error.isRetryable) {
    door(info).then(() => notice(error.code ? sentence(error) : t("error.UNKNOWN")));
    if (!error.code) throw error;
    return;
  }
  const timer = setTimeout(() => enter(info).catch((again) => outside(info, again)), isUntrusted ? 5_000 : 2_000);
  const leave = async () => {
    clearTimeout(timer);
    await api.mutate("signOut", {}).catch(() => {});
    api.end();
    door(info, "SIGNED_OUT");
  };
  const words = h("p", { role: "status" }, isUntrusted ? t("ended.DEVICE_UNTRUSTED") : sentence(error));
  page.replaceChildren(h("main", { class: "door" }, h("h1", {}, "Sotto"), words, button(t("signOut"), leave)));
}

addEventListener("beforeunload", (event) => {
  if (store?.outbox.items.some(({ uploads }) => uploads.length > 0)) event.preventDefault();
});

boot();
