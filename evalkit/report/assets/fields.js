// Structured answers field by field: what was expected, what each side wrote, and where they part.

const MAX_FIELDS = 200;

// The object or list a text holds, or null. Text around it is no JSON: the metric decides what it reads, not this page.
function jsonOf(text) {
  if (!/^\s*[[{]/.test(text || "")) return null;
  try { return JSON.parse(text); } catch { return null; }
}

// Map of "a.b[0]" → its value as JSON; null when there are too many for a table to help.
function leavesOf(value) {
  const found = new Map();
  const walk = (node, path) => {
    if (found.size > MAX_FIELDS) return;
    const isNested = node !== null && typeof node === "object" && Object.keys(node).length > 0;
    if (!isNested) { found.set(path || "(whole)", JSON.stringify(node)); return; }
    for (const [key, item] of Object.entries(node)) {
      walk(item, Array.isArray(node) ? `${path}[${key}]` : path ? `${path}.${key}` : key);
    }
  };
  walk(value, "");
  return found.size > MAX_FIELDS ? null : found;
}

// A table of the fields on which the three do not agree; null where the answers are no JSON.
function fieldTable(sample) {
  const sides = [sample.baseline, sample.candidate].map((side) => jsonOf(side.text));
  if (sides.some((value) => value === null)) return null;
  const target = typeof sample.target === "string" ? jsonOf(sample.target) : sample.target;
  const hasTarget = target !== null && typeof target === "object";
  const all = [...(hasTarget ? [target] : []), ...sides].map(leavesOf);
  if (all.includes(null)) return null;
  const paths = [...new Set(all.flatMap((leaves) => [...leaves.keys()]))];
  const apart = paths.filter((path) => new Set(all.map((leaves) => leaves.get(path))).size > 1);
  const box = scrolling("Fields that differ");
  const equal = paths.length - apart.length;
  if (!apart.length) return el("p", "sub", `All ${equal} fields are the same${hasTarget ? ", and as expected" : ""}.`);
  const table = el("table", "scores fields");
  table.append(el("caption", "", `Fields that differ${equal ? `; ${equal} more are the same` : ""}`));
  table.append(fieldHead(hasTarget), fieldBody(apart, all, hasTarget));
  box.append(table);
  return box;
}

function fieldHead(hasTarget) {
  const row = el("tr");
  for (const word of ["field", ...(hasTarget ? ["expected"] : []), "baseline", "candidate"]) {
    const cell = el("th", "", word);
    cell.scope = "col";
    row.append(cell);
  }
  const head = el("thead");
  head.append(row);
  return head;
}

function fieldBody(paths, all, hasTarget) {
  const body = el("tbody");
  for (const path of paths) {
    const row = el("tr");
    const label = el("th", "", path);
    label.scope = "row";
    row.append(label);
    const values = all.map((leaves) => leaves.get(path));
    values.forEach((value, at) => {
      const isAnswer = !hasTarget || at > 0;
      const isWrong = hasTarget ? isAnswer && value !== values[0] : at === 1 && value !== values[0];
      const mark = hasTarget && isAnswer ? (isWrong ? "✖\uFE0E " : "✔\uFE0E ") : "";
      const cell = el("td", isWrong ? "apart" : "");
      cell.append(mark, value === undefined ? el("span", "empty", "(missing)") : el("code", "", value));
      row.append(cell);
    });
    body.append(row);
  }
  return body;
}
