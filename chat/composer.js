// The composer: text, files (selected, dropped or pasted) with upload progress, replies and edits.

import { attempt, notice, sentence } from "./dialog.js";
import { button, h, keep } from "./dom.js";
import { percent, size, t } from "./text.js";
import { Upload } from "./upload.js";

const TYPING_MS = 3_000;
const GROWS = CSS.supports("field-sizing: content"); // otherwise every key press costs a layout

export class Composer {
  #uploads = [];
  #thread = null;
  #editing = null;
  #typed = 0;
  #aside = ""; // the draft while a message is edited
  #drafts = new Map(); // unsent drafts by thread

  constructor(store) {
    this.store = store;
    this.about = h("div", { class: "about" });
    this.files = h("ul", { class: "uploads", "aria-label": t("files") });
    this.text = h("textarea", {
      rows: "1",
      "aria-label": t("write.label"),
      placeholder: t("write.label"),
      dir: "auto",
    });
    this.choose = h("input", { type: "file", multiple: true, hidden: true });
    this.choose.addEventListener("change", () => (this.add(this.choose.files), (this.choose.value = "")));
    this.text.addEventListener("input", () => this.#typing());
    this.text.addEventListener("keydown", (event) => this.#key(event));
    this.text.addEventListener(
      "paste",
      (event) => event.clipboardData.files.length && (event.preventDefault(), this.add(event.clipboardData.files)),
    );
    this.go = h("button", { class: "main", "aria-label": t("send"), title: t("send") }, "➤");
    this.element = h(
      "form",
      { class: "composer", onsubmit: (event) => (event.preventDefault(), this.#submit()) },
      this.about,
      this.files,
      h(
        "div",
        { class: "row" },
        this.choose,
        button("+", () => this.choose.click(), { "aria-label": t("attach"), title: t("attach"), class: "icon attach" }),
        this.text,
        this.go,
      ),
    );
  }

  render() {
    const { thread } = this.store;
    if (thread !== this.#thread) this.#openThread(thread);
    if (thread.editing !== this.#editing) this.#openEdit(thread.editing);
    const about = thread.editing ?? thread.replyTo;
    const words = thread.editing ? t("editing") : t("replying", { name: about?.sender?.displayName ?? t("erased") });
    this.about.replaceChildren(
      ...(about
        ? [
            h("span", {}, `${words} ${about.text ?? ""}`),
            button("✕", () => this.#leave(), { "aria-label": t("cancel"), class: "icon" }),
          ]
        : []),
    );
    keep(this.files, this.#uploads, {
      key: (upload) => (upload.key ??= String(Math.random())),
      sign: ({ state, error }) => `${state}${error?.code}`,
      make: (upload) => this.#chip(upload),
    });
    this.#uploads.forEach((upload, i) => {
      const bar = this.files.children[i].querySelector("progress");
      if (bar) bar.value = upload.part;
    });
  }

  /** Adds files; those that are empty or too large are refused immediately. */
  add(files) {
    const { maxAttachments, maxAttachmentBytes } = this.store.limits;
    for (const file of files) {
      if (this.#uploads.length >= maxAttachments) return notice(t("files.tooMany", { count: maxAttachments }));
      if (file.size > maxAttachmentBytes)
        notice(t("file.tooLarge", { name: file.name, size: size(file.size), limit: size(maxAttachmentBytes) }));
      else if (file.size === 0) notice(t("file.empty", { name: file.name }));
      else this.#uploads.push(new Upload(this.store.api, file, () => this.store.changed()));
    }
    this.store.changed();
    this.text.focus();
  }

  #chip(upload) {
    const { file, state, preview } = upload;
    const remove = () => {
      upload.cancel();
      this.#uploads = this.#uploads.filter((each) => each !== upload);
      this.store.changed();
      this.text.focus();
    };
    const again = () => {
      this.#uploads = this.#uploads.map((each) =>
        each === upload ? new Upload(this.store.api, file, () => this.store.changed()) : each,
      );
      this.store.changed();
    };
    return h(
      "li",
      { class: state },
      preview && h("img", { src: preview, alt: "" }),
      h("span", { class: "filename" }, file.name),
      h("span", { class: "details" }, state === "ready" ? `${size(file.size)} ✓` : size(file.size)),
      state === "uploading" &&
        h("progress", { max: "1", "aria-label": t("file.progress", { name: file.name, part: percent(upload.part) }) }),
      state === "failed" && h("span", { class: "problem" }, sentence(upload.error)),
      state === "failed" && !upload.error.isFinal && button(t("again"), again),
      button("✕", remove, { "aria-label": t("file.cancel", { name: file.name }), class: "icon" }),
    );
  }

  /** Starts or ends an edit; the draft is restored afterwards. */
  #openEdit(message) {
    if (!this.#editing) this.#aside = this.text.value;
    this.#editing = message;
    this.text.value = message ? message.text : this.#aside;
    this.#grow();
  }

  #openThread(thread) {
    const former = this.#thread;
    const text = this.#editing ? this.#aside : this.text.value;
    if (former) this.#drafts.set(former.key, { text, uploads: this.#uploads, replyTo: former.replyTo });
    const draft = this.#drafts.get(thread.key);
    this.#thread = thread;
    this.#editing = null;
    this.text.value = draft?.text ?? "";
    this.#uploads = draft?.uploads ?? [];
    thread.replyTo ??= draft?.replyTo ?? null;
    this.#grow();
    if (matchMedia("(hover: hover)").matches) this.text.focus(); // on a phone, focus opens the keyboard
  }

  #key(event) {
    if (event.key === "Enter" && !event.shiftKey && !event.isComposing) {
      event.preventDefault();
      this.#submit();
    }
    if (event.key === "Escape") this.#leave();
  }

  /** Returns an unsent message to the composer. */
  takeBack({ text, replyTo }, uploads) {
    this.text.value = [text, this.text.value].filter(Boolean).join("\n");
    this.#uploads = [...uploads, ...this.#uploads];
    this.store.thread.replyTo ??= replyTo;
    this.#grow();
    this.store.changed();
    this.text.focus();
  }

  #leave(thread = this.store.thread) {
    Object.assign(thread, { replyTo: null, editing: null });
    this.store.changed();
    this.text.focus();
  }

  #submit() {
    const { store } = this;
    const { thread } = store;
    const text = this.text.value.trim();
    if (thread.editing) return this.#edit(thread.editing, text);
    if (!text && this.#uploads.length === 0) return;
    if ([...text].length > store.limits.maxTextLength)
      return notice(t("text.tooLong", { count: store.limits.maxTextLength }));
    if (this.#uploads.some(({ state }) => state === "failed")) return notice(t("files.failed"));
    store.outbox.send(thread, text, this.#uploads, thread.replyTo);
    this.#uploads = [];
    this.text.value = "";
    thread.replyTo = null;
    this.#typed = 0;
    this.#grow();
    store.changed();
    attempt(() => thread.goToEnd());
  }

  async #edit(message, text) {
    const { api, thread } = this.store;
    if (!text || text === message.text) return this.#leave();
    await attempt(async () => {
      const input = { messageId: message.id, text, expectedRevision: message.revision };
      thread.replace((await api.mutate("edit", input)).message);
      this.#leave(thread);
    });
  }

  #typing() {
    this.#grow();
    const { thread, api } = this.store;
    const now = Date.now();
    if (!thread.id || thread.editing || !this.text.value || now - this.#typed < TYPING_MS) return;
    this.#typed = now;
    api.mutate("typing", { conversationId: thread.id, isTyping: true }).catch(() => {});
  }

  #grow() {
    if (GROWS) return;
    this.text.style.height = "auto";
    this.text.style.height = `${Math.min(this.text.scrollHeight, 160)}px`;
  }
}
