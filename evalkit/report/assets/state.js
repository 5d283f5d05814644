// What is shown lives in the address after "#", so that a finding can be sent to a colleague:
// f = flip, m = metric that judges, slice = column=value, e = how a side ended, k = kind of the candidate's failure,
// q = search, s = sample id.

const HASH_KEYS = { flip: "f", metric: "m", slice: "slice", ended: "e", kind: "k", query: "q", id: "s" };

function emptyState() {
  return { flip: "", metric: "", slice: "", ended: "", kind: "", query: "", id: "" };
}

// The state an address names, or null when it names none (a plain anchor such as #metrics).
function stateOfHash(hash) {
  const text = hash.replace(/^#/, "");
  if (!text.includes("=")) return null;
  const given = new URLSearchParams(text);
  const state = emptyState();
  for (const [name, key] of Object.entries(HASH_KEYS)) state[name] = given.get(key) || "";
  return state;
}

function hashOfState(state) {
  const told = new URLSearchParams();
  for (const [name, key] of Object.entries(HASH_KEYS)) if (state[name]) told.set(key, state[name]);
  return "#" + told.toString();
}

let hashTimer = 0;

// Browsers refuse too many changes of the address, so holding a key down writes it once at the end.
function rememberState(state) {
  clearTimeout(hashTimer);
  hashTimer = setTimeout(() => history.replaceState(null, "", hashOfState(state)), 150);
}
