/** The page: three views (start, scan, failure), of which one is shown, and what leads from one to another. */

import { awaitReward, Failure, randomId, send, watch } from "/web/client.js";
import { prepare } from "/web/photo.js";
import { secondsSince, showConnection, showProgress, startProgress } from "/web/progress.js";
import * as texts from "/web/texts.js";
import { clearScan, showAnswer, showFailure, showReward, showThing } from "/web/views.js";

const $ = (id) => document.getElementById(id);

/** The photo that was chosen: `{ blob, thumbnail }`. */
let chosen = null;
/** What was sent last: `{ blob, thumbnail, question, key }`. Kept for another try. */
let submission = null;
/** Stops what runs for the scan in sight: its clock, its watch, its wait for a reward. */
let endScan = () => {};

function userId() {
  try {
    const known = localStorage.getItem("eco2.user");
    if (known) return known;
    const made = `web-${randomId()}`;
    localStorage.setItem("eco2.user", made);
    return made;
  } catch {
    // Storage may be forbidden: then each page load is a user of its own.
    return `web-${randomId()}`;
  }
}

function show(view, heading) {
  for (const id of ["start", "scan", "failure"]) $(id).hidden = id !== view;
  document.body.dataset.view = view;
  scrollTo(0, 0);
  if (heading) $(heading).focus({ preventScroll: true });
}

async function choose(file) {
  if (!file) return;
  const ready = await prepare(file);
  $("photo-error").textContent = ready.problem ? texts.photo[ready.problem] : "";
  $("photo").setAttribute("aria-invalid", String(Boolean(ready.problem)));
  if (ready.problem) return;
  chosen = ready;
  $("drop").hidden = true;
  $("preview").hidden = false;
  $("preview").classList.toggle("without-image", !ready.thumbnail);
  if (ready.thumbnail) $("preview-image").src = ready.thumbnail;
  $("preview-image").hidden = !ready.thumbnail;
  $("preview-image").alt = texts.photo.previewAlt(file.name);
  $("preview-name").textContent = file.name;
  $("submit").disabled = false;
}

function forgetPhoto() {
  chosen = null;
  submission = null;
  $("form").reset();
  $("camera").value = "";
  $("drop").hidden = false;
  $("preview").hidden = true;
  $("photo-error").textContent = "";
  $("submit").disabled = true;
}

/** Opens the view of a scan: `{ startedAt, thumbnail, seconds? }`, the first two null when they are not known. */
function openScan(scan) {
  endScan();
  clearScan(scan.thumbnail);
  show("scan", "scan-title");
  endScan = startProgress(scan);
}

async function submit() {
  const sent = submission;
  const scan = { startedAt: Date.now(), thumbnail: sent.thumbnail };
  openScan(scan);
  const stopClock = endScan;
  showProgress({ step: "uploading", progress: 0 });
  try {
    const taskId = await send({ ...sent, userId: userId() });
    // Whoever has left the view meanwhile does not want to be brought back to it.
    if (endScan !== stopClock) return;
    remember(taskId, scan);
    follow(taskId);
  } catch (failure) {
    if (endScan === stopClock) fail(failure instanceof Failure ? failure.kind : "serverDown");
  }
}

function follow(taskId) {
  const stopClock = endScan;
  const stopWatching = watch(taskId, {
    onStatus: (status) => onStatus(taskId, status),
    onConnection: showConnection,
    onFailure: fail,
  });
  endScan = () => {
    stopWatching();
    stopClock();
  };
}

function onStatus(taskId, status) {
  if (status.status === "failed") return fail("failed", reasonOf(status.error));
  showProgress(status);
  if (status.partial_result) showThing(status.partial_result);
  if (status.status !== "completed") return;
  endScan();
  keepSeconds(taskId);
  showThing(status.result);
  showAnswer(status.result);
  if (status.result.reward?.status === "pending") {
    const leaving = new AbortController();
    endScan = () => leaving.abort();
    awaitReward(taskId, (newer) => showReward(newer.result?.reward), leaving.signal);
  }
}

function fail(kind, reason) {
  endScan();
  const mayRetry = texts.failures[kind].retry && submission !== null;
  showFailure(kind, { reason, mayRetry });
  show("failure", "failure-title");
}

/** A reload after the end shows how long the scan took, not how long ago it began. */
function keepSeconds(taskId) {
  const scan = recall(taskId);
  if (scan.startedAt !== null) remember(taskId, { seconds: secondsSince(scan.startedAt), ...scan });
}

/** The server's own sentence about a failed scan, whichever shape it has. */
function reasonOf(error) {
  if (typeof error === "string") return error;
  return error?.message ?? error?.detail ?? error?.reason ?? null;
}

function remember(taskId, scan) {
  history.replaceState(null, "", `#scan=${taskId}`);
  try {
    sessionStorage.setItem("eco2.scan", JSON.stringify({ taskId, ...scan }));
  } catch {
    // Without storage, or without room in it, a reload only loses the picture and the clock.
  }
}

function recall(taskId) {
  try {
    const scan = JSON.parse(sessionStorage.getItem("eco2.scan"));
    if (scan?.taskId === taskId) return scan;
  } catch {
    // As if nothing had been kept.
  }
  return { startedAt: null, thumbnail: null };
}

function restart() {
  endScan();
  endScan = () => {};
  forgetPhoto();
  history.replaceState(null, "", location.pathname);
  show("start", "start-title");
}

/** Shows the scan that the address names, if it names one. */
function resume() {
  const taskId = new URLSearchParams(location.hash.slice(1)).get("scan");
  if (!taskId) return;
  openScan(recall(taskId));
  follow(taskId);
}

function listen() {
  $("photo").addEventListener("change", (event) => choose(event.target.files[0]));
  $("camera").addEventListener("change", (event) => choose(event.target.files[0]));
  $("form").addEventListener("submit", (event) => {
    event.preventDefault();
    if (!chosen) return void ($("photo-error").textContent = texts.photo.none);
    submission = { ...chosen, question: $("question").value.trim(), key: randomId() };
    submit();
  });
  $("retry").addEventListener("click", () => {
    // A scan that was accepted and failed is over: trying again is a new submission.
    if (location.hash) submission.key = randomId();
    history.replaceState(null, "", location.pathname);
    submit();
  });
  for (const id of ["again", "cancel", "restart"]) $(id).addEventListener("click", restart);
  $("home").addEventListener("click", (event) => {
    event.preventDefault();
    restart();
  });
  addEventListener("hashchange", resume);
  addEventListener("paste", (event) => !$("start").hidden && choose(event.clipboardData?.files[0]));
  listenForDrops();
}

function listenForDrops() {
  let depth = 0;
  const mark = (change) => {
    depth = change === 0 ? 0 : depth + change;
    document.body.classList.toggle("dragging", depth > 0 && !$("start").hidden);
  };
  addEventListener("dragenter", () => mark(1));
  addEventListener("dragleave", () => mark(-1));
  addEventListener("dragover", (event) => event.preventDefault());
  addEventListener("drop", (event) => {
    event.preventDefault();
    mark(0);
    if (!$("start").hidden) choose(event.dataTransfer.files[0]);
  });
}

listen();
resume();
