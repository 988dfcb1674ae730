/** The page: three views (start, scan, failure), of which one is shown, and what leads from one to another. */

import { awaitReward, Failure, pause, randomId, send } from "/web/client.js";
import { prepare } from "/web/photo.js";
import { secondsSince, showConnection, showProgress, startProgress } from "/web/progress.js";
import { recall, remember, userId } from "/web/storage.js";
import * as texts from "/web/texts.js";
import { clearScan, showAnswer, showFailure, showReward, showThing } from "/web/views.js";
import { watch } from "/web/watch.js";

const $ = (id) => document.getElementById(id);

/** A server that wants to be left alone for longer than this is asked again all the same. */
const LONGEST_WAIT_MS = 30_000;

/** Codes of failures whose sentence asks for another photo. */
const REJECTED = ["model_rejected", "workers_lost"];

/** The photo that was chosen: `{ blob, thumbnail }`. */
let chosen = null;
/**
 * What was sent last: `{ blob, thumbnail, question, key, taskId, notBefore }`. Kept for another try. `taskId` is null
 * until it is accepted; before `notBefore` (ms since 1970) the server does not want to see it again.
 */
let submission = null;
/** The last status of the scan in sight. */
let latest = null;
/** Stops what runs for the scan in sight: its clock, its watch, its wait for a reward. */
let endScan = () => {};

function show(view, heading) {
  for (const id of ["start", "scan", "failure"]) $(id).hidden = id !== view;
  document.body.dataset.view = view;
  scrollTo(0, 0);
  $(heading).focus({ preventScroll: true });
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
  $("live").textContent = texts.photo.chosen(file.name);
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
  // Whoever has left the view meanwhile does not want to be brought back to it.
  const isLeft = () => endScan !== stopClock;
  try {
    await leaveServerAlone(sent.notBefore);
    if (isLeft()) return;
    showProgress({ step: "uploading", progress: 0 });
    sent.taskId = await send({ ...sent, userId: userId() });
    if (isLeft()) return;
    history.replaceState(null, "", `#scan=${sent.taskId}`);
    remember(sent.taskId, scan);
    follow(sent.taskId);
  } catch (error) {
    if (isLeft()) return;
    const failure = error instanceof Failure ? error : new Failure("serverDown");
    sent.notBefore = Date.now() + failure.afterSeconds * 1000;
    fail(failure.kind, { afterSeconds: failure.afterSeconds });
  }
}

async function leaveServerAlone(notBefore) {
  const ms = Math.min(notBefore - Date.now(), LONGEST_WAIT_MS);
  if (ms <= 0) return;
  showProgress({ step: "waiting", progress: 0 });
  await pause(ms);
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
  latest = status;
  const { error } = status;
  if (status.status === "failed") return fail(REJECTED.includes(error?.code) ? "rejected" : "failed", { error });
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

function fail(kind, { error = null, afterSeconds = 0 } = {}) {
  endScan();
  showFailure(kind, { error, afterSeconds, photo: submission });
  show("failure", "failure-title");
}

/** A reload after the end shows how long the scan took, not how long ago it began. */
function keepSeconds(taskId) {
  const scan = recall(taskId);
  if (scan.startedAt !== null) remember(taskId, { seconds: secondsSince(scan.startedAt), ...scan });
}

function restart() {
  endScan();
  endScan = () => {};
  forgetPhoto();
  history.replaceState(null, "", location.pathname);
  show("start", "start-title");
}

/** Sends the same photo again. */
function retry() {
  // What was accepted has come to its end: another try is a new scan. What was not keeps its key, so that an answer
  // that was lost on its way does not make two scans of one photo.
  if (submission.taskId !== null) submission = { ...submission, key: randomId(), taskId: null };
  history.replaceState(null, "", location.pathname);
  submit();
}

/** Shows the scan that the address names, if it names one. */
function resume() {
  const taskId = new URLSearchParams(location.hash.slice(1)).get("scan");
  if (!taskId) return;
  if (submission?.taskId !== taskId) submission = null;
  openScan(recall(taskId));
  const known = latest?.task_id === taskId ? latest : null;
  showProgress(known ?? { step: "loading", progress: 0 });
  if (known?.partial_result) showThing(known.partial_result);
  follow(taskId);
}

function listen() {
  $("photo").addEventListener("change", (event) => choose(event.target.files[0]));
  $("camera").addEventListener("change", (event) => choose(event.target.files[0]));
  $("form").addEventListener("submit", (event) => {
    event.preventDefault();
    if (!chosen) return void ($("photo-error").textContent = texts.photo.none);
    const question = $("question").value.trim();
    submission = { ...chosen, question, key: randomId(), taskId: null, notBefore: 0 };
    submit();
  });
  $("retry").addEventListener("click", retry);
  $("look").addEventListener("click", resume);
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
