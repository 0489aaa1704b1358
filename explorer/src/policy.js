// Trusted Types: markup from libraries is sanitized, and workers are loaded only from our own folder. All other policies
// belong to Monaco; the server's Content-Security-Policy lists their names.
import DOMPurify from "dompurify";

const WORKERS = new URL("/explorer/assets/", location.origin).href;

globalThis.trustedTypes?.createPolicy("default", {
  createHTML: (text) => DOMPurify.sanitize(text),
  createScriptURL: (text) => {
    const address = new URL(text, location.origin).href;
    if (!address.startsWith(WORKERS)) throw new TypeError(`Scripts from ${address} are not allowed.`);
    return address;
  },
});
