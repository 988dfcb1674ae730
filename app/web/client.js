/** The API as the page uses it: sending a photo, and watching a scan until it ends. */

const SEND_TIMEOUT_MS = 60_000;
const STATUS_TIMEOUT_MS = 10_000;
const IN_PROGRESS_TRIES = 5;

const POLL_MS = 1_000;
const POLL_LONGEST_MS = 5_000;
/** A stream may die without an error (a proxy that buffers, a laptop that slept): after this silence the status is asked. */
const SILENCE_MS = 8_000;
const STREAM_TRIES = 4;

const REWARD_POLL_MS = 2_000;
const REWARD_WAIT_MS = 60_000;

/** A failure that texts.failures has words for. */
export class Failure extends Error {
  constructor(kind) {
    super(kind);
    this.kind = kind;
  }
}

/** A random name. crypto.randomUUID exists on https pages only, and a cluster's address is often plain http. */
export function randomId() {
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
}

/**
 * Sends a photo and returns the scan's id. `key` must be the same when the same submission is sent again, so that a
 * lost answer does not make a second scan. Throws `Failure`.
 */
export async function send({ blob, question, userId, key }) {
  for (let tries = 1; ; tries += 1) {
    const response = await fetchOrFail("/classify/async", {
      method: "POST",
      headers: { "X-User-ID": userId, "Idempotency-Key": key },
      body: formOf(blob, question),
      signal: AbortSignal.timeout(SEND_TIMEOUT_MS),
    });
    if (response.ok) return (await response.json()).task_id;
    // 409: an earlier try of this submission is still being accepted.
    if (response.status !== 409 || tries >= IN_PROGRESS_TRIES) throw new Failure(kindOf(response.status));
    await pause(POLL_MS);
  }
}

/**
 * Watches a scan: by its event stream, which reconnects by itself, and by polling where that does not work.
 *
 * Calls `onStatus(status)` for what is newer than before, `onConnection(isThere)` when the connection is lost or back,
 * and `onFailure(kind)` at most once if there is nothing more to come. Returns a function that ends it.
 */
export function watch(taskId, { onStatus, onConnection, onFailure }) {
  const watcher = new Watcher(taskId, { onStatus, onConnection, onFailure });
  watcher.start();
  return () => watcher.stop();
}

class Watcher {
  #path;
  #handlers;
  #stream = null;
  #streamErrors = 0;
  #timer = null;
  #polling = false;
  #pollMs = POLL_MS;
  #progress = -1;
  #stopped = false;
  #wake = () => this.#check();

  constructor(taskId, handlers) {
    this.#path = `/task/${encodeURIComponent(taskId)}`;
    this.#handlers = handlers;
  }

  start() {
    addEventListener("online", this.#wake);
    document.addEventListener("visibilitychange", this.#wake);
    this.#openStream();
    this.#check();
  }

  stop() {
    this.#stopped = true;
    removeEventListener("online", this.#wake);
    document.removeEventListener("visibilitychange", this.#wake);
    this.#stream?.close();
    clearTimeout(this.#timer);
  }

  #openStream() {
    this.#stream = new EventSource(`${this.#path}/events`);
    this.#stream.addEventListener("progress", (event) => {
      this.#streamErrors = 0;
      this.#handlers.onConnection(true);
      this.#take(JSON.parse(event.data));
      this.#checkIn(SILENCE_MS);
    });
    this.#stream.addEventListener("error", () => this.#onStreamError());
  }

  #onStreamError() {
    if (this.#stopped) return;
    this.#streamErrors += 1;
    const givenUp = this.#stream.readyState === EventSource.CLOSED || this.#streamErrors >= STREAM_TRIES;
    if (givenUp && !this.#polling) {
      this.#stream.close();
      this.#polling = true;
    }
    // The status tells what is wrong: nothing (a stream may end at any time), an id that has expired, or no network.
    this.#checkIn(givenUp ? 0 : POLL_MS);
  }

  #checkIn(ms) {
    clearTimeout(this.#timer);
    if (!this.#stopped) this.#timer = setTimeout(() => this.#check(), ms);
  }

  async #check() {
    if (this.#stopped) return;
    clearTimeout(this.#timer);
    try {
      const status = await readStatus(this.#path);
      if (this.#stopped) return;
      this.#pollMs = POLL_MS;
      this.#handlers.onConnection(true);
      this.#take(status);
    } catch (failure) {
      if (this.#stopped) return;
      if (failure.kind === "expired") return this.#fail("expired");
      this.#handlers.onConnection(false);
      this.#pollMs = Math.min(this.#pollMs * 2, POLL_LONGEST_MS);
      return this.#checkIn(this.#pollMs);
    }
    this.#checkIn(this.#polling ? this.#pollMs : SILENCE_MS);
  }

  #take(status) {
    const ended = status.status === "completed" || status.status === "failed";
    if (this.#stopped || (status.progress < this.#progress && !ended)) return;
    this.#progress = status.progress;
    if (ended) this.stop();
    this.#handlers.onStatus(status);
  }

  #fail(kind) {
    this.stop();
    this.#handlers.onFailure(kind);
  }
}

/** Asks for the status until the reward of a completed scan is decided, for a minute at most. */
export async function awaitReward(taskId, onStatus, signal) {
  const end = Date.now() + REWARD_WAIT_MS;
  while (Date.now() < end && !signal.aborted) {
    await pause(REWARD_POLL_MS);
    const status = await readStatus(`/task/${encodeURIComponent(taskId)}`).catch(() => null);
    if (signal.aborted || !status) continue;
    onStatus(status);
    if (status.result?.reward?.status !== "pending") return;
  }
}

async function readStatus(path) {
  const response = await fetchOrFail(`${path}/status`, { signal: AbortSignal.timeout(STATUS_TIMEOUT_MS) });
  if (response.ok) return response.json();
  // An id that the server refuses as malformed has come from an old or broken address: to a person it is the same.
  throw new Failure([400, 404, 422].includes(response.status) ? "expired" : kindOf(response.status));
}

async function fetchOrFail(path, options) {
  try {
    return await fetch(path, options);
  } catch {
    throw new Failure("unreachable");
  }
}

function formOf(blob, question) {
  const form = new FormData();
  form.append("image", blob, blob.name ?? "photo.jpg");
  if (question) form.append("user_input", question);
  return form;
}

function kindOf(status) {
  const kinds = { 408: "unreachable", 413: "tooLarge", 415: "badPhoto", 422: "badPhoto", 400: "badRequest", 429: "tooMany" };
  return kinds[status] ?? (status >= 500 ? "serverDown" : "badRequest");
}

function pause(ms) {
  return new Promise((resolve) => setTimeout(resolve, ms));
}
