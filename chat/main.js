// Entry point: loads the texts and the session, then shows the sign-in form or loads the rest of the page.

import { Api, ApiError } from "./api.js";
import { notice, sentence } from "./dialog.js";
import { button, h } from "./dom.js";
import { signIn } from "./sign_in.js";
import { has, loadTexts, t } from "./text.js";

const REASON = "sotto.ended";
const RELOADED = "sotto.reloaded";
const PAUSE_MS = 30_000; // minimum time between automatic reloads
const LATE_MS = 300; // delay of the status text, so that it does not flicker on fast connections
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
 * Ends the session and reloads the page, so that nothing of it remains on the screen or in memory. Signing out also
 * clears the URL; after any other end, the next sign-in returns to the same conversation.
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
  const late = setTimeout(() => page.hasChildNodes() || showStatus(t("connecting")), LATE_MS);
  const lists = api.query("start"); // in parallel with the scripts
  lists.catch(() => {});
  try {
    const { openLayout } = await import("./layout.js").catch(() => reloadPage());
    await openLayout(page, api, info, lists, { signOut, leave });
  } catch (error) {
    waitForAccess(info, error);
  } finally {
    clearTimeout(late);
  }
}

/**
 * A script could not be loaded, and browsers do not retry a failed import: reloads the page if the server responds.
 * Reloads are limited, because the script may be blocked permanently.
 */
async function reloadPage() {
  const isRecent = Date.now() - Number(sessionStorage.getItem(RELOADED)) < PAUSE_MS;
  if (!isRecent && (await fetch("/page.json").catch(() => null))) {
    sessionStorage.setItem(RELOADED, Date.now());
    location.reload();
  }
  throw new ApiError("OFFLINE", "");
}

/** Signed in, but without access: the server is unreachable, or the device is not trusted yet. Tries again later. */
function waitForAccess(info, error) {
  if (isLeaving) return;
  if (!error.code) throw error;
  const isUntrusted = error.code === "DEVICE_UNTRUSTED";
  showStatus(isUntrusted ? t("ended.DEVICE_UNTRUSTED") : sentence(error));
  setTimeout(() => isLeaving || enter(info), isUntrusted ? 5_000 : 2_000);
}

/** Shows a status text instead of the conversations. */
function showStatus(text) {
  const words = page.querySelector("#status") ?? h("p", { role: "status", id: "status" });
  if (words.textContent !== text) words.textContent = text;
  if (!words.isConnected) {
    page.replaceChildren(h("main", { class: "welcome" }, h("h1", {}, "Sotto"), words, button(t("signOut"), signOut)));
  }
}

boot();
