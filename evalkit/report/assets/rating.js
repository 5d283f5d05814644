// The blind comparison: one pair at a time, every choice kept in this browser, all of it in one file at the end.

const byId = (id) => document.getElementById(id);
const SHEET = JSON.parse(byId("sheet").textContent);
const KEPT_AS = `evalkit-rating-${SHEET.batch}`;
const KEYS = { 1: "left", 2: "same", 3: "right", 4: "both_bad" };
const SAID = { left: "Left is better", same: "About the same", right: "Right is better", both_bad: "Both are bad" };
const MAX_NOTE_CHARS = 2000;

const app = { kept: remembered(), canKeep: true, shownAt: 0, spent: 0 };

// What this browser has kept, or a fresh start. Ratings are in the order they were given.
function remembered() {
  return { browser: randomName(), rater: "", ratings: [], ...stored() };
}

function stored() {
  try {
    const kept = JSON.parse(localStorage.getItem(KEPT_AS));
    return kept && Array.isArray(kept.ratings) ? kept : null;
  } catch { return null; }
}

// The page may be open twice: what is kept counts, not what a tab remembers. True where another tab has gone on.
function follow() {
  const kept = app.canKeep ? stored() : null;
  if (!kept || JSON.stringify(kept.ratings) === JSON.stringify(app.kept.ratings)) return false;
  app.kept = { ...app.kept, ...kept };
  if (byId("welcome").hidden) { show(); byId("elsewhere").hidden = false; } else welcome();
  return true;
}

function randomName() {
  return [...crypto.getRandomValues(new Uint8Array(8))].map((byte) => byte.toString(16).padStart(2, "0")).join("");
}

function keep() {
  try { localStorage.setItem(KEPT_AS, JSON.stringify(app.kept)); app.canKeep = true; } catch { app.canKeep = false; }
  byId("cannot-keep").hidden = app.canKeep;
}

function start() {
  keep();
  byId("rater").value = app.kept.rater;
  welcome();
  byId("welcome").hidden = false;
  if (matchMedia("(max-width: 900px)").matches) byId("rubric").open = false;
  byId("who").addEventListener("submit", begin);
  for (const button of document.querySelectorAll("[data-choice]")) {
    button.addEventListener("click", () => choose(button.dataset.choice));
  }
  for (const button of document.querySelectorAll(".undo")) button.addEventListener("click", undo);
  for (const button of document.querySelectorAll(".download")) button.addEventListener("click", download);
  addEventListener("keydown", onKey);
  addEventListener("storage", (event) => { if (event.key === KEPT_AS) follow(); });
  document.addEventListener("visibilitychange", onVisibility);
  addEventListener("beforeunload", (event) => { if (!app.canKeep && app.kept.ratings.length) event.preventDefault(); });
  document.documentElement.dataset.ready = "1";
}

function welcome() {
  const done = app.kept.ratings.length;
  byId("begin").textContent = done ? "Go on" : "Begin";
  byId("so-far").textContent = done ? `You have rated ${done} of ${SHEET.items.length} pairs on this computer.` : "";
}

function begin(event) {
  event.preventDefault();
  const name = byId("rater").value.trim().replace(/\s+/g, " ");
  byId("no-name").hidden = Boolean(name);
  if (!name) { byId("rater").focus(); return; }
  follow();
  app.kept.rater = name;
  keep();
  byId("welcome").hidden = true;
  show();
}

function show() {
  const done = app.kept.ratings.length, item = SHEET.items[done];
  byId("progress").hidden = false;
  byId("bar").value = done;
  byId("count").textContent = item ? `Pair ${done + 1} of ${SHEET.items.length}` : `All ${SHEET.items.length} pairs are rated`;
  byId("done").hidden = Boolean(item);
  byId("compare").hidden = !item;
  byId("elsewhere").hidden = true;
  for (const button of document.querySelectorAll(".undo")) button.disabled = !done;
  if (!item) { byId("done-title").focus(); return; }
  byId("prompt").textContent = item.prompt;
  byId("left").textContent = item.left || "(an empty answer)";
  byId("right").textContent = item.right || "(an empty answer)";
  for (const box of ["prompt", "left", "right"]) byId(box).scrollTop = 0;
  byId("note").value = "";
  app.spent = 0;
  app.shownAt = performance.now();
  byId("pair-title").focus({ preventScroll: true });
  scrollTo(0, 0);
}

// Time with the page in another tab is no time spent reading.
function onVisibility() {
  if (document.visibilityState === "hidden") app.spent += performance.now() - app.shownAt;
  else app.shownAt = performance.now();
}

function choose(choice) {
  if (follow()) return; // the choice was about another pair
  const item = SHEET.items[app.kept.ratings.length];
  if (!item || byId("compare").hidden) return;
  app.spent += performance.now() - app.shownAt;
  const note = byId("note").value.trim().slice(0, MAX_NOTE_CHARS);
  app.kept.ratings.push({ item: item.item, choice, ms: Math.round(app.spent), note, at: new Date().toISOString() });
  keep();
  byId("said").textContent = `${SAID[choice]}.`;
  show();
}

function undo() {
  if (follow()) return;
  const last = app.kept.ratings.pop();
  if (!last) return;
  keep();
  byId("said").textContent = "The last choice is taken back.";
  show();
  byId("note").value = last.note;
}

function onKey(event) {
  const isTyping = event.target.matches("input, textarea");
  if (isTyping && event.key === "Enter" && event.target.id === "note") { event.preventDefault(); byId("pair-title").focus(); }
  if (isTyping || event.repeat || event.ctrlKey || event.metaKey || event.altKey) return;
  if (byId("compare").hidden && byId("done").hidden) return;
  if (Object.hasOwn(KEYS, event.key)) { event.preventDefault(); choose(KEYS[event.key]); }
  if (event.key === "u" || event.key === "U") { event.preventDefault(); undo(); }
}

// Every line carries a running hash over all lines before it, beginning with the batch: evalkit/report/rating/exports.py.
function exported() {
  let chain = SHEET.batch;
  const linked = (body) => {
    const text = JSON.stringify(body);
    chain = sha256(`${chain}\n${text}`);
    return `${text.slice(0, -1)},"chain":"${chain}"}\n`;
  };
  const lines = app.kept.ratings.map((rating) => linked({ v: 1, kind: "rating", batch: SHEET.batch, ...rating }));
  const { rater, browser } = app.kept;
  const end = { v: 1, kind: "end", batch: SHEET.batch, rater, browser, rated: lines.length, of: SHEET.items.length };
  return [...lines, linked(end)].join("");
}

function download() {
  follow();
  const link = document.createElement("a");
  const name = app.kept.rater.toLowerCase().replace(/[^\p{L}\p{N}]+/gu, "-").slice(0, 40) || "rater";
  link.href = URL.createObjectURL(new Blob([exported()], { type: "application/x-ndjson" }));
  link.download = `ratings-${SHEET.batch.slice(0, 8)}-${name}.jsonl`;
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 60000);
  byId("said").textContent = `Saved as ${link.download} in your downloads.`;
  for (const place of document.querySelectorAll(".saved")) place.textContent = byId("said").textContent;
}

start();
