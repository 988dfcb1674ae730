/** What the scan and failure views show. Everything that comes from outside is set as text, never as markup. */

import * as texts from "/web/texts.js";

const $ = (id) => document.getElementById(id);

const RECYCLABLE = "재활용폐기물";
const UNKNOWN = "미분류";

/** Empties the scan view; `thumbnail` is a data URL or null. */
export function clearScan(thumbnail) {
  for (const id of ["recognised", "answer", "again"]) $(id).hidden = true;
  for (const id of ["cancel", "waiting"]) $(id).hidden = false;
  $("scan-photo").hidden = !thumbnail;
  $("photo-missing").hidden = Boolean(thumbnail);
  if (thumbnail) $("scan-photo").src = thumbnail;
  $("scan").dataset.state = "running";
}

/** What was recognised. */
export function showThing({ classification, situation_tags: tags }) {
  const { major_category: major, middle_category: middle, minor_category: minor } = classification ?? {};
  const thing = major === UNKNOWN || !major ? texts.result.unknownThing : (minor ?? middle ?? major);
  if ($("recognised").hidden) $("live").textContent = texts.result.announceThing(thing);
  $("thing").textContent = thing;
  fillList("categories", [...new Set([major, middle])].filter((category) => category && category !== thing));
  fillList("tags", (tags ?? []).map((tag) => tag.replaceAll("_", " ")));
  $("recognised").hidden = false;
}

/** The answer, which ends the scan. */
export function showAnswer(result) {
  $("scan").dataset.state = "done";
  for (const id of ["answer", "again"]) $(id).hidden = false;
  // A button that is hidden loses the focus, and whoever uses the keyboard would start from the top of the page.
  if (document.activeElement === $("cancel")) $("again").focus({ preventScroll: true });
  for (const id of ["waiting", "cancel"]) $(id).hidden = true;
  const answer = result.answer ?? result.user_answer ?? "";
  $("answer-text").textContent = answer;
  fillList("how-steps", stepsOf(result.disposal_steps));
  $("how").hidden = $("how-steps").children.length === 0;
  fillList("caution-list", (result.insufficiencies ?? []).filter(Boolean));
  $("caution").hidden = $("caution-list").children.length === 0;
  $("source").hidden = !result.rule;
  $("source").textContent = result.rule ? texts.result.source(ruleTitle(result.rule)) : "";
  showReward(result.reward);
  $("live").textContent = texts.result.announceDone(answer);
}

/** The reward's state, if there is a reward to speak of. */
export function showReward(reward) {
  const text = texts.rewards[reward?.status];
  const name = reward?.character?.name ?? null;
  $("reward").hidden = !text;
  $("reward").textContent = typeof text === "function" ? text(name) : (text ?? "");
}

/**
 * The failure view. `error` is the server's own about a failed scan, `afterSeconds` how long the server wants to be
 * left alone; `photo` is what another try would send (`{ thumbnail }`), null when it is not there any more.
 */
export function showFailure(kind, { error, afterSeconds, photo }) {
  const failure = texts.failures[kind];
  $("failure-title").textContent = failure.title;
  $("failure-text").textContent = reasonOf(error) ?? failure.text(afterSeconds);
  const mayRetry = Boolean(failure.retry && photo);
  $("look").hidden = !failure.look;
  $("retry").hidden = !mayRetry;
  $("retry").textContent = failure.retry ?? "";
  $("failure-photo").hidden = !(mayRetry && photo.thumbnail);
  if (!$("failure-photo").hidden) $("failure-photo").src = photo.thumbnail;
  $("restart").textContent = texts.restart(Boolean(photo));
  const [first, ...others] = ["look", "retry", "restart"].map($).filter((button) => !button.hidden);
  first.classList.replace("quiet", "primary");
  for (const other of others) other.classList.replace("primary", "quiet");
}

/** The server's own sentence about a failed scan, whichever shape it has. */
function reasonOf(error) {
  if (typeof error === "string") return error;
  return error?.message ?? error?.detail ?? error?.reason ?? null;
}

/** Steps may come as a list, or as an object with numbered keys ("단계1", "단계2", …). */
function stepsOf(steps) {
  if (Array.isArray(steps)) return steps.filter(Boolean);
  const number = (key) => Number(/\d+/.exec(key)?.[0] ?? 0);
  const keys = Object.keys(steps ?? {}).sort((one, other) => number(one) - number(other));
  return keys.map((key) => steps[key]).filter(Boolean);
}

/** A rule's name is its category, with the major one in front where there is a middle one. */
function ruleTitle(rule) {
  return rule.startsWith(`${RECYCLABLE}_`) ? rule.slice(RECYCLABLE.length + 1) : rule;
}

function fillList(id, entries) {
  const items = entries.map((entry) => {
    const item = document.createElement("li");
    item.textContent = String(entry);
    return item;
  });
  $(id).replaceChildren(...items);
}
