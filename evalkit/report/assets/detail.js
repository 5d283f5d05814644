// One sample: what went in, what was expected, both answers with the differing words marked, and every score.
// Everything a model or the data wrote enters the page as textContent and in no other way.

const points = (share) => (100 * share).toLocaleString("en", { maximumFractionDigits: 1 });

function showDetail(box, meta, view) {
  const { index, sample, position, total, metric, marksDiff } = view;
  box.replaceChildren(
    heading(meta, index, position, total, view.flipCode),
    labelled("Input", block(sample.input)),
    labelled("Expected", block(indentedJson(wordsOf(sample.target)) || "no target")),
    answers(meta, sample, metric, marksDiff),
    scoreTable(meta, sample),
  );
  box.scrollTop = 0;
}

function heading(meta, index, position, total, flipCode) {
  const [code, sign, word] = meta.flipWords[flipCode];
  const title = el("h3", `flip-${code}`);
  title.append(el("b", "", `${sign}\uFE0E ${word}`), el("span", "", ` ${meta.ids[index]}`));
  const link = el("a", "", "link to this sample");
  link.href = hashOfState({ ...emptyState(), id: meta.ids[index] });
  const under = el("p", "sub", `${(position + 1).toLocaleString("en")} of ${total.toLocaleString("en")} · ${sliceWords(meta, index)}`);
  under.append(link);
  const head = el("div", "detail-head");
  head.append(title, under);
  return head;
}

function sliceWords(meta, index) {
  const told = meta.slices.filter((column) => column.codes[index] >= 0).map((column) => `${column.name}=${column.values[column.codes[index]]}`);
  return told.length ? `${told.join(" · ")} · ` : "";
}

function labelled(label, node) {
  const part = el("div", "part");
  part.append(el("h4", "", label), node);
  return part;
}

function block(text) {
  return el("pre", text ? "" : "empty", text || "(empty)");
}

function answers(meta, sample, metric, marksDiff) {
  const before = indentedJson(sample.baseline.text || "");
  const after = indentedJson(sample.candidate.text || "");
  const parts = before && after ? wordDiff(before, after) : null;
  const share = parts ? commonShare(parts, before, after) : 0;
  const isMarked = marksDiff && parts && share >= MIN_COMMON;
  const pair = el("div", "pair");
  pair.append(
    side(meta, sample, "baseline", metric, isMarked ? marked(parts, -1, "del") : block(before)),
    side(meta, sample, "candidate", metric, isMarked ? marked(parts, 1, "ins") : block(after)),
  );
  const whole = el("div");
  whole.append(pair);
  const note = diffNote(before, after, parts, share, marksDiff);
  if (note) whole.append(el("p", "sub", note));
  return whole;
}

function diffNote(before, after, parts, share, marksDiff) {
  if (!before || !after) return "";
  if (before === after) return "Both answers are the same.";
  if (!marksDiff) return "Differing words are not marked (x marks them).";
  if (!parts) return "Too long to compare word by word, so shown whole.";
  return share < MIN_COMMON ? `Mostly rewritten (${Math.round(100 * share)} % in common), so shown whole.` : "";
}

function marked(parts, own, tag) {
  const pre = el("pre");
  for (const [kind, text] of parts) {
    if (kind === 0) pre.append(text);
    else if (kind === own) pre.append(el(tag, "", text));
  }
  return pre;
}

function side(meta, sample, role, metric, answer) {
  const given = sample[role];
  const box = el("div", "side");
  const score = (sample.scores[metric] || {})[role];
  const mark = score === undefined ? "–" : score >= 1 ? "✔" : score > 0 ? "◐" : "✖";
  box.append(el("h4", "", `${mark}\uFE0E ${role}`), el("p", "sub", sideFacts(given)));
  if (given.error) box.append(el("p", "error", given.error));
  if (given.status === "ok" || given.text) box.append(answer);
  else box.append(el("p", "empty", meta.outcomes[given.status] || meta.why[given.status] || given.status));
  return box;
}

function sideFacts(given) {
  const facts = [];
  if (given.status && given.status !== "ok") facts.push(given.status);
  if (given.latency_s !== undefined) facts.push(given.latency_s < 1 ? `${Math.round(1000 * given.latency_s)} ms` : `${given.latency_s.toFixed(1)} s`);
  if (given.output_tokens !== undefined) facts.push(`${given.output_tokens.toLocaleString("en")} tokens`);
  if (given.finish && given.finish !== "stop") facts.push(`ended by: ${given.finish}`);
  if (given.cached) facts.push("from the cache");
  if (given.attempts > 1) facts.push(`${given.attempts} attempts`);
  return facts.join(" · ") || "no further facts recorded";
}

function scoreTable(meta, sample) {
  const table = el("table", "scores");
  table.append(el("caption", "", "Scores, points of 100"));
  const head = el("tr");
  for (const word of ["metric", "baseline", "candidate", "what was read, baseline", "candidate"]) {
    const cell = el("th", "", word);
    cell.scope = "col";
    head.append(cell);
  }
  const top = el("thead");
  top.append(head);
  const body = el("tbody");
  for (const [name, score] of Object.entries(sample.scores)) body.append(scoreRow(meta, name, score));
  table.append(top, body);
  const wide = el("div", "wide");
  wide.append(table);
  return wide;
}

function scoreRow(meta, name, score) {
  const row = el("tr");
  const label = el("th", "", name);
  label.scope = "row";
  row.append(label);
  for (const role of ["baseline", "candidate"]) row.append(el("td", score[role] === undefined ? "empty" : "num", scoreWords(meta, score, role)));
  for (const role of ["baseline", "candidate"]) row.append(el("td", "read", evidenceWords(score[`${role}_evidence`])));
  return row;
}

function scoreWords(meta, score, role) {
  if (score[role] !== undefined) return points(score[role]);
  const why = score[`${role}_why`];
  return `unscored: ${meta.why[why] || why || "no reason recorded"}`;
}

function evidenceWords(evidence) {
  return Object.entries(evidence || {})
    .filter(([, value]) => !(Array.isArray(value) && !value.length))
    .map(([key, value]) => `${key}: ${(Array.isArray(value) ? value.map(wordsOf).join(", ") : wordsOf(value)) || "nothing"}`).join("; ");
}
