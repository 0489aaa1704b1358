// The beginning: words, and who is signed in. What only they need comes after it, so that the door stands there early.

import { Api, ApiError } from "./api.js";
import { notice, sentence } from "./dialog.js";
import { button, h } from "./dom.js";
import { signIn } from "./sign_in.js";
import { has, loadTexts, t } from "./text.js";

const REASON = "sotto.ended";
const RELOADED = "sotto.reloaded";
const PAUSE_MS = 30_000; // between two reloads that nobody asked for
const LATE_MS = 300; // a sentence for those who wait, and no flicker for the others
const page = document.querySelector("#page");
const api = new Api();
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

/**
 * The session is over: nothing of it stays, on the screen or in memory, because the page begins anew. Whoever signs out
 * leaves no address either; a session that ended by itself goes on where it was.
 */
function leave(reason) {
  if (isLeaving) return;
  isLeaving = true;
  api.end();
  sessionStorage.clear();
  sessionStorage.setItem(REASON, reason);
  if (reason.startsWith("SIGNED_OUT")) history.replaceState(null, "", location.pathname + location.search);
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
  const late = setTimeout(() => page.hasChildNodes() || tell(t("connecting")), LATE_MS);
  const lists = api.query("start"); // asked for while the rest of the page is still on its way
  lists.catch(() => {});
  try {
    const { openLayout } = await import("./layout.js").catch(() => comeBack());
    await openLayout(page, api, info, lists, { signOut, leave });
  } catch (error) {
    outside(info, error);
  } finally {
    clearTimeout(late);
  }
}

/**
 * A part of the page did not come, and a browser may not ask for it twice: all begins anew as soon as the server answers.
 * Once in a while at most: a part that something between keeps away does not come with the next try either.
 */
async function comeBack() {
  const isRecent = Date.now() - Number(sessionStorage.getItem(RELOADED)) < PAUSE_MS;
  if (!isRecent && (await fetch("/page.json").catch(() => null))) {
    sessionStorage.setItem(RELOADED, Date.now());
    location.reload();
  }
  throw new ApiError("OFFLINE", "");
}

/** Signed in, and yet outside: the server did not answer, or wants this device confirmed; tried again until it lets in. */
function outside(info, error) {
  if (isLeaving) return;
  if (!error.code) throw error;
  const isUntrusted = error.code === "DEVICE_UNTRUSTED";
  tell(isUntrusted ? t("ended.DEVICE_UNTRUSTED") : sentence(error));
  setTimeout(() => isLeaving || enter(info), isUntrusted ? 5_000 : 2_000);
}

/** A sentence for somebody who is signed in, where the conversations will be. */
function tell(text) {
  const words = page.querySelector("#outside") ?? h("p", { role: "status", id: "outside" });
  if (words.textContent !== text) words.textContent = text;
  if (!words.isConnected) {
    page.replaceChildren(h("main", { class: "door" }, h("h1", {}, "Sotto"), words, button(t("signOut"), signOut)));
  }
}

boot();
