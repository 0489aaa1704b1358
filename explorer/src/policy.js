// Trusted Types: whatever text a library hands to the page as markup is cleaned first, and workers come from our own
// folder. The names of the other policies, which Monaco makes for itself, stand in the server's Content-Security-Policy.
import DOMPurify from "dompurify";

const WORKERS = new URL("/explorer/assets/", location.origin).href;

globalThis.trustedTypes?.createPolicy("default", {
  createHTML: (text) => DOMPurify.sanitize(text),
  createScriptURL: (text) => {
    const address = new URL(text, location.origin).href;
    if (!address.startsWith(WORKERS)) throw new TypeError(`No script of ${address} is loaded.`);
    return address;
  },
});
