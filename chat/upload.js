// The upload of a file over tus 1.0: with progress, cancellable and resumable.

import { ApiError } from "./api.js";

const TRIES = 8; // without progress
const SILENCE_MS = 60_000;

/** `state` is uploading, ready, failed or cancelled; `part` is 0 to 1; `error` is the ApiError of a failed upload. */
export class Upload {
  state = "uploading";
  part = 0;
  error = null;
  id = null;
  kind = null; // IMAGE, VIDEO, AUDIO or FILE, as detected by the server
  #url = null;
  #request = null;

  constructor(api, file, changed) {
    this.api = api;
    this.file = file;
    this.changed = changed;
    this.preview = /^image\/(png|jpeg|gif|webp)$/.test(file.type) ? URL.createObjectURL(file) : null;
    this.done = this.#run();
  }

  /** Resumes a failed upload. */
  restart() {
    this.#become("uploading");
    this.error = null;
    this.done = this.#run();
  }

  /** The server rejected the finished upload: fails if the file is at fault, otherwise uploads it again. */
  refuse(error) {
    this.id = null;
    this.part = 0;
    if (!error.isFinal) return this.restart();
    this.error = error;
    this.#become("failed");
  }

  cancel() {
    const wasUploading = this.state === "uploading";
    this.#become("cancelled");
    if (wasUploading) this.#request?.abort();
    if (this.id) this.api.mutate("cancelUpload", { uploadId: this.id }).catch(() => {});
    this.forget();
  }

  /** Releases the preview. */
  forget() {
    if (this.preview) URL.revokeObjectURL(this.preview);
    this.preview = null;
  }

  async #run() {
    try {
      if (!this.id) await this.#persist(() => this.#create());
      await this.#persist(async (attempt) => {
        const offset = attempt > 0 || this.part > 0 ? await this.#offset() : 0;
        if (offset < this.file.size) await this.#put(offset);
      });
      this.part = 1;
      await this.#persist(() => this.#inspect());
      this.#become("ready");
    } catch (error) {
      if (this.state === "cancelled") return;
      this.error = error;
      this.#become("failed");
    }
  }

  /** Retries retryable errors with exponential backoff. */
  async #persist(act) {
    for (let attempt = 0, tries = 0, part = this.part; ; attempt += 1, tries += 1) {
      try {
        return await act(attempt);
      } catch (error) {
        if (this.part > part) [tries, part] = [0, this.part];
        if (this.state === "cancelled" || !error.isRetryable || tries === TRIES) throw error;
        await new Promise((resolve) => setTimeout(resolve, Math.min(500 * 2 ** tries, 10_000)));
        if (this.state === "cancelled") throw error;
      }
    }
  }

  async #create() {
    const input = { filename: this.file.name || "file", byteSize: this.file.size };
    const { upload } = await this.api.mutate("createUpload", input);
    this.id = upload.id;
    this.#url = new URL(upload.uploadUrl).pathname;
    if (this.state !== "cancelled") return;
    this.cancel();
    throw new ApiError("CANCELLED", "");
  }

  async #inspect() {
    const { node } = await this.api.query("uploadType", { id: this.id });
    this.kind = node?.mimeType ? kindOf(node.mimeType) : null;
  }

  async #offset() {
    const request = await this.#send("HEAD", {}, null);
    return Number(request.getResponseHeader("Upload-Offset"));
  }

  async #put(offset) {
    const headers = { "Upload-Offset": String(offset), "Content-Type": "application/offset+octet-stream" };
    await this.#send("PATCH", headers, this.file.slice(offset), (loaded) => {
      this.part = (offset + loaded) / this.file.size;
      this.changed();
    });
  }

  #send(method, headers, body, progress) {
    return new Promise((resolve, reject) => {
      const request = (this.#request = new XMLHttpRequest());
      request.open(method, this.#url);
      request.setRequestHeader("Tus-Resumable", "1.0.0");
      request.setRequestHeader("Authorization", this.api.authorization);
      for (const [name, value] of Object.entries(headers)) request.setRequestHeader(name, value);
      let timer = setTimeout(() => request.abort(), SILENCE_MS);
      request.upload.onprogress = ({ loaded }) => {
        clearTimeout(timer);
        timer = setTimeout(() => request.abort(), SILENCE_MS);
        progress?.(loaded);
      };
      request.onloadend = () => clearTimeout(timer);
      request.onload = () => (request.status < 300 ? resolve(request) : reject(refusalOf(request, this.file.name)));
      request.onerror = request.onabort = () => reject(new ApiError("OFFLINE", ""));
      request.send(body);
    });
  }

  #become(state) {
    this.state = state;
    this.changed();
  }
}

function kindOf(mimeType) {
  const family = mimeType === "image/svg+xml" ? "" : mimeType.split("/")[0].toUpperCase();
  return ["IMAGE", "VIDEO", "AUDIO"].includes(family) ? family : "FILE";
}

function refusalOf(request, filename) {
  if (request.status >= 500 || [408, 409, 429].includes(request.status)) return new ApiError("UNAVAILABLE", "");
  try {
    const [error] = JSON.parse(request.responseText).errors;
    return new ApiError(error.extensions.code, error.message, { filename });
  } catch {
    return new ApiError("INTERNAL", "");
  }
}
