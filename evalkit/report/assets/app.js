// Filters, keys and the address, tied to the list and the detail view.

const byId = (id) => document.getElementById(id);

async function start() {
  if (!byId("browser")) return;
  if (typeof DecompressionStream === "undefined") { byId("too-old").hidden = false; return; }
  const meta = await unpackMeta();
  const app = { meta, state: emptyState(), marksDiff: true, found: null, turn: 0, unknown: [] };
  byId("browser").hidden = false;
  if (byId("first-flips")) byId("first-flips").hidden = true;
  fillSelects(meta);
  app.list = makeList(meta, (position) => select(app, position));
  listenToControls(app);
  listenToKeys(app);
  addEventListener("hashchange", () => followAddress(app));
  const isLinked = await followAddress(app);
  if (!isLinked) { app.state.flip = firstFlip(meta); await refresh(app); }
  performance.mark("ready");
  document.documentElement.dataset.ready = "1";
}

// Broken samples are what people come for; where there are none, everything is shown.
function firstFlip(meta) {
  return meta.flips.includes(0) ? meta.flipWords[0][0] : "all";
}

async function followAddress(app) {
  const state = stateOfHash(location.hash);
  if (!state) return false;
  app.state = state;
  app.unknown = forgetUnknown(app.meta, state);
  if (!state.flip) state.flip = "all";
  await refresh(app);
  byId("browser-section").scrollIntoView();
  return true;
}

// A link may be older than the report, or misspelt: what it names and the page has not is left out of the state, and
// returned, so that the page can say so instead of showing nothing.
function forgetUnknown(meta, state) {
  const isKnown = {
    flip: (value) => value === "all" || meta.flipWords.some(([code]) => code === value),
    id: (value) => meta.ids.includes(value),
  };
  for (const name of ["metric", "slice", "ended", "kind"]) {
    isKnown[name] = (value) => [...byId(name).options].some((option) => option.value === value);
  }
  const unknown = Object.keys(isKnown).filter((name) => state[name] && !isKnown[name](state[name]));
  return unknown.map((name) => { const said = state[name]; state[name] = ""; return said.slice(0, 60); });
}

function fillSelects(meta) {
  for (const { name } of meta.metrics) byId("metric").append(new Option(name, name));
  for (const column of meta.slices) {
    const group = el("optgroup");
    group.label = column.name;
    group.append(...optionsOf(column, {}, `${column.name}=`));
    byId("slice").append(group);
  }
  for (const [id, column, words] of [["ended", meta.ended, {}], ["kind", meta.kinds, meta.kindWords]]) {
    byId(id).append(...optionsOf(column, words));
    byId(`${id}-label`).hidden = column.values.length === 0;
  }
}

// An option for each value of a column, with the number of rows that have it; `words` says it better than the value.
function optionsOf(column, words, before = "") {
  const sizes = column.values.map(() => 0);
  for (const code of column.codes) if (code >= 0) sizes[code]++;
  return column.values.map((value, code) => new Option(`${words[value] || value} (${sizes[code].toLocaleString("en")})`, before + value));
}

// Matches the state anew. A slower, older search never overwrites a newer one.
async function refresh(app) {
  const turn = ++app.turn;
  const found = await matching(app.meta, app.state);
  if (turn !== app.turn) return;
  app.found = found;
  showControls(app);
  const wanted = found.rows.indexOf(app.meta.ids.indexOf(app.state.id));
  app.list.show(found.rows, Math.max(0, wanted), flipsBy(app.meta, app.state.metric));
  await showSelected(app);
}

function showControls(app) {
  const { state, meta, found } = app;
  for (const chip of document.querySelectorAll("[data-flip]")) {
    chip.setAttribute("aria-pressed", chip.dataset.flip === state.flip);
  }
  meta.flipWords.forEach(([code], index) => {
    document.querySelector(`[data-count="${code}"]`).textContent = found.counts[index].toLocaleString("en");
  });
  document.querySelector('[data-count="all"]').textContent = found.all.toLocaleString("en");
  byId("metric").value = state.metric;
  byId("slice").value = state.slice;
  byId("ended").value = state.ended;
  byId("kind").value = state.kind;
  if (byId("find").value !== state.query) byId("find").value = state.query;
  const shown = found.rows.length === 1 ? "1 sample" : `${found.rows.length.toLocaleString("en")} samples`;
  byId("count").textContent = app.unknown.length ? `${shown}; not in this report: ${app.unknown.join(", ")}` : shown;
}

async function showSelected(app) {
  const { list, meta, state } = app;
  const detail = byId("detail");
  if (!list.rows.length) { detail.replaceChildren(el("p", "empty", "No sample matches.")); return; }
  const index = list.rows[list.current];
  const sample = await sampleAt(meta, index);
  if (index !== list.rows[list.current]) return;
  showDetail(detail, meta, {
    index, sample, position: list.current, total: list.rows.length, flipCode: list.flips[index],
    metric: state.metric || meta.primary, marksDiff: app.marksDiff,
  });
}

async function select(app, position) {
  app.list.select(position);
  if (app.list.rows.length) app.state.id = app.meta.ids[app.list.rows[app.list.current]];
  rememberState(app.state);
  await showSelected(app);
}

async function change(app, changes) {
  Object.assign(app.state, changes);
  app.unknown = [];
  rememberState(app.state);
  await refresh(app);
}

function listenToControls(app) {
  byId("chips").addEventListener("click", (event) => {
    const chip = event.target.closest("[data-flip]");
    if (chip) change(app, { flip: chip.dataset.flip });
  });
  byId("metric").addEventListener("change", (event) => change(app, { metric: event.target.value }));
  byId("slice").addEventListener("change", (event) => change(app, { slice: event.target.value }));
  byId("ended").addEventListener("change", (event) => change(app, { ended: event.target.value }));
  byId("kind").addEventListener("change", (event) => change(app, { kind: event.target.value }));
  let timer = 0;
  byId("find").addEventListener("input", (event) => {
    clearTimeout(timer);
    timer = setTimeout(() => change(app, { query: event.target.value.trim() }), 120);
  });
  byId("help-open").addEventListener("click", () => byId("help").showModal());
  byId("list").addEventListener("keydown", (event) => moveInList(app, event));
}

const STEPS = { ArrowDown: 1, ArrowUp: -1, PageDown: 10, PageUp: -10, Home: -Infinity, End: Infinity };

function moveInList(app, event) {
  if (!(event.key in STEPS) || event.ctrlKey || event.metaKey || event.altKey) return;
  event.preventDefault();
  select(app, app.list.current + STEPS[event.key]);
}

function listenToKeys(app) {
  const chips = [...document.querySelectorAll("[data-flip]")].map((chip) => chip.dataset.flip);
  const keys = {
    j: () => select(app, app.list.current + 1),
    k: () => select(app, app.list.current - 1),
    x: () => { app.marksDiff = !app.marksDiff; showSelected(app); },
    "/": () => byId("find").focus(),
    "?": () => byId("help").showModal(),
  };
  chips.forEach((flip, index) => { keys[index + 1] = () => change(app, { flip }); });
  addEventListener("keydown", (event) => {
    const isTyping = event.target.matches("input, select, textarea");
    const isCommand = event.ctrlKey || event.metaKey || event.altKey;
    if (isTyping || isCommand || byId("help").open || !Object.hasOwn(keys, event.key)) return;
    event.preventDefault();
    keys[event.key]();
  });
}

start();
