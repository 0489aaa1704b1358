// Attachments: an image with its thumbnail, or a button with name and size. Opening one fetches a new signed URL.

import { attempt, dialog } from "./dialog.js";
import { button, h } from "./dom.js";
import { size, t } from "./text.js";

const MAX_PIXELS = 320; // per side

export function fileElement(store, file) {
  const details = file.state === "PROCESSING" ? t("file.processing") : size(file.byteSize);
  if (file.kind === "IMAGE" && file.thumbnail) return picture(store, file);
  return button(
    [h("span", { class: "filename" }, file.filename), h("span", { class: "details" }, ` ${details}${length(file)}`)],
    () => attempt(() => download(store, file)),
    { class: "file", title: t("file.download") },
  );
}

/** An image with fixed dimensions, so that nothing moves when it has loaded. */
function picture(store, file) {
  const { url } = file.thumbnail;
  const scale = Math.min(1, MAX_PIXELS / file.thumbnail.width, MAX_PIXELS / file.thumbnail.height);
  const [width, height] = [file.thumbnail.width, file.thumbnail.height].map((each) => Math.round(each * scale) || 1);
  const image = h("img", { src: url, width, height, alt: file.filename, loading: "lazy" });
  const renew = async () => {
    const { node } = await store.api.query("thumbnail", { id: file.id }); // the URL has expired
    if (node?.thumbnail) image.src = node.thumbnail.url;
  };
  image.addEventListener("error", () => renew().catch(() => {}), { once: true });
  return button(image, () => attempt(() => show(store, file)), {
    class: "picture",
    "aria-label": t("file.open", { name: file.filename }),
  });
}

async function urlOf(store, file, disposition) {
  const { node } = await store.api.query("fileUrl", { id: file.id, disposition });
  return node?.url ?? Promise.reject(Object.assign(new Error(t("file.gone")), { code: "NOT_FOUND" }));
}

async function show(store, file) {
  const url = await urlOf(store, file, "INLINE");
  dialog(file.filename, (close) => [
    h("img", { src: url, alt: file.filename, class: "whole" }),
    h(
      "div",
      { class: "answers" },
      button(t("file.download"), () => attempt(() => download(store, file))),
      button(t("close"), close),
    ),
  ]).classList.add("wide");
}

async function download(store, file) {
  h("a", { href: await urlOf(store, file, "ATTACHMENT"), download: file.filename }).click();
}

function length({ durationSeconds: seconds }) {
  if (!seconds) return "";
  return ` · ${Math.floor(seconds / 60)}:${String(Math.floor(seconds % 60)).padStart(2, "0")}`;
}
