/** What the browser keeps: who asks, and the scan in sight, so that a reload goes on with it. */

import { randomId } from "/web/client.js";

const USER = "eco2.user";
const SCAN = "eco2.scan";

/** A name for this browser, the same at every visit where storage is allowed. */
export function userId() {
  try {
    const known = localStorage.getItem(USER);
    if (known) return known;
    const made = `web-${randomId()}`;
    localStorage.setItem(USER, made);
    return made;
  } catch {
    // Storage may be forbidden: then each page load is a user of its own.
    return `web-${randomId()}`;
  }
}

/** Keeps a scan: `{ startedAt, thumbnail, seconds? }`. */
export function remember(taskId, scan) {
  try {
    sessionStorage.setItem(SCAN, JSON.stringify({ taskId, ...scan }));
  } catch {
    // Without storage, or without room in it, a reload only loses the picture and the clock.
  }
}

/** What was kept of a scan; `startedAt` and `thumbnail` are null when nothing was. */
export function recall(taskId) {
  try {
    const scan = JSON.parse(sessionStorage.getItem(SCAN));
    if (scan?.taskId === taskId) return scan;
  } catch {
    // As if nothing had been kept.
  }
  return { startedAt: null, thumbnail: null };
}
