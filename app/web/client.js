/** The API as the page uses it: sending a photo, and asking what has become of a scan. */

const SEND_TIMEOUT_MS = 60_000;
const STATUS_TIMEOUT_MS = 4_000;
const IN_PROGRESS_TRIES = 5;
const IN_PROGRESS_MS = 1_000;

const REWARD_POLL_MS = 2_000;
const REWARD_WAIT_MS = 60_000;

/** A failure that texts.failures has words for. `afterSeconds` is how long the server wants to be left alone, or 0. */
export class Failure extends Error {
  constructor(kind, afterSeconds = 0) {
    super(kind);
    this.kind = kind;
    this.afterSeconds = afterSeconds;
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
    if (response.ok) return (await jsonOf(response)).task_id;
    // 409: an earlier try of this submission is still being accepted.
    if (response.status !== 409 || tries >= IN_PROGRESS_TRIES) throw failureOf(response);
    await pause(IN_PROGRESS_MS);
  }
}

/** The status of a scan. Throws `Failure`, of the kind "expired" where the server knows no such scan. */
export async function readStatus(taskId) {
  const options = { cache: "no-store", signal: AbortSignal.timeout(STATUS_TIMEOUT_MS) };
  const response = await fetchOrFail(`${pathOf(taskId)}/status`, options);
  if (response.ok) return jsonOf(response);
  // An id that the server refuses as malformed has come from an old or broken address: to a person it is the same.
  throw [400, 404, 422].includes(response.status) ? new Failure("expired") : failureOf(response);
}

/** Asks for the status until the reward of a completed scan is decided, for a minute at most. */
export async function awaitReward(taskId, onStatus, signal) {
  const end = Date.now() + REWARD_WAIT_MS;
  while (Date.now() < end && !signal.aborted) {
    await pause(REWARD_POLL_MS);
    const status = await readStatus(taskId).catch(() => null);
    if (signal.aborted || !status) continue;
    onStatus(status);
    if (status.result?.reward?.status !== "pending") return;
  }
}

/** The path below which a scan is found. */
export function pathOf(taskId) {
  return `/task/${encodeURIComponent(taskId)}`;
}

/** Resolves after a time in ms. */
export function pause(ms) {
  return new Promise((resolve) => setTimeout(resolve, ms));
}

async function fetchOrFail(path, options) {
  try {
    return await fetch(path, options);
  } catch {
    throw new Failure("unreachable");
  }
}

/** A connection may break in the middle of an answer, and a hotel's network answers everything with a page of its own. */
async function jsonOf(response) {
  try {
    return await response.json();
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

function failureOf(response) {
  const kinds = { 408: "unreachable", 413: "tooLarge", 415: "badPhoto", 422: "badPhoto", 409: "serverDown", 429: "tooMany" };
  const kind = kinds[response.status] ?? (response.status >= 500 ? "serverDown" : "badRequest");
  // Its other form, a date, is none that our servers use.
  return new Failure(kind, Number(response.headers.get("Retry-After")) || 0);
}
