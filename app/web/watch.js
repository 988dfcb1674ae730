/** Watching a scan until it ends: by its event stream, and by asking for its status where that does not work. */

import { pathOf, readStatus } from "/web/client.js";

/**
 * How long a scan is watched before the page stops and asks what to do. Usual are 11 s; four tries of a model call
 * that takes its whole minute, and the pauses between them, still fit in.
 */
export const WATCH_LIMIT_MS = 5 * 60_000;

const POLL_MS = 1_000;
const RETRY_LONGEST_MS = 3_000;
/** A stream may die without an error (a proxy that buffers, a laptop that slept): after this silence the status is asked. */
const SILENCE_MS = 3_000;
const STREAM_TRIES = 4;

/**
 * Watches a scan. A lost connection comes back by itself, however long it is away.
 *
 * Calls `onStatus(status)` for what is newer than before, `onConnection(isThere)` when the connection is lost or back,
 * and `onFailure(kind)` at most once if there is nothing more to come: "expired", or "timedOut" when the server still
 * says after `WATCH_LIMIT_MS` that the scan has not ended. Returns a function that ends it.
 */
export function watch(taskId, { onStatus, onConnection, onFailure }) {
  const watcher = new Watcher(taskId, { onStatus, onConnection, onFailure });
  watcher.start();
  return () => watcher.stop();
}

class Watcher {
  #taskId;
  #handlers;
  #deadline = Date.now() + WATCH_LIMIT_MS;
  #limit = null;
  #stream = null;
  #streamErrors = 0;
  #timer = null;
  #retryMs = POLL_MS;
  #progress = -1;
  #stopped = false;
  /** The number of the newest question for the status: the answers to older ones count for nothing. */
  #question = 0;
  #look = () => this.#check();
  /** Something has changed outside. A network that is just back often takes another second: it is asked soon again. */
  #wake = () => {
    this.#retryMs = POLL_MS;
    this.#check();
  };

  constructor(taskId, handlers) {
    this.#taskId = taskId;
    this.#handlers = handlers;
  }

  start() {
    for (const name of ["online", "offline"]) addEventListener(name, this.#wake);
    document.addEventListener("visibilitychange", this.#wake);
    this.#limit = setTimeout(this.#look, WATCH_LIMIT_MS);
    this.#openStream();
    this.#check();
  }

  stop() {
    this.#stopped = true;
    for (const name of ["online", "offline"]) removeEventListener(name, this.#wake);
    document.removeEventListener("visibilitychange", this.#wake);
    this.#closeStream();
    clearTimeout(this.#limit);
    clearTimeout(this.#timer);
  }

  #openStream() {
    const stream = new EventSource(`${pathOf(this.#taskId)}/events`);
    stream.addEventListener("progress", (event) => {
      this.#streamErrors = 0;
      this.#handlers.onConnection(true);
      this.#take(JSON.parse(event.data));
      this.#checkIn(SILENCE_MS);
    });
    stream.addEventListener("error", () => {
      if (stream !== this.#stream) return;
      this.#streamErrors += 1;
      this.#closeStream();
      // The status tells what is wrong: nothing (a stream may end at any time), an id that has expired, or no network.
      this.#checkIn(POLL_MS);
    });
    this.#stream = stream;
  }

  #closeStream() {
    this.#stream?.close();
    this.#stream = null;
  }

  #checkIn(ms) {
    clearTimeout(this.#timer);
    if (!this.#stopped) this.#timer = setTimeout(this.#look, ms);
  }

  async #check() {
    clearTimeout(this.#timer);
    this.#question += 1;
    const question = this.#question;
    const isOld = () => this.#stopped || question !== this.#question;
    let status;
    try {
      status = await readStatus(this.#taskId);
    } catch (failure) {
      if (!isOld()) this.#onSilence(failure);
      return;
    }
    if (!isOld()) this.#onAnswer(status);
  }

  #onAnswer(status) {
    this.#retryMs = POLL_MS;
    this.#handlers.onConnection(true);
    this.#take(status);
    if (this.#stopped) return;
    if (Date.now() >= this.#deadline) return void this.#fail("timedOut");
    if (!this.#stream && this.#streamErrors < STREAM_TRIES) this.#openStream();
    this.#checkIn(this.#stream ? SILENCE_MS : POLL_MS);
  }

  #onSilence(failure) {
    if (failure.kind === "expired") return void this.#fail("expired");
    // After a change of networks the old stream would stay mute for minutes.
    this.#closeStream();
    this.#handlers.onConnection(false);
    this.#checkIn(this.#retryMs);
    this.#retryMs = Math.min(this.#retryMs * 2, RETRY_LONGEST_MS);
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
