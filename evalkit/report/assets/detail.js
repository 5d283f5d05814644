// One sample: what went in, what was expected, both answers with the differing words marked, and every score.
// Everything a model or the data wrote enters the page as textContent and in no other way.

const points = (share) => (100 * share).toLocaleString("en", { maximumFractionDigits: 1 });

function showDetail(box, meta, view) {
  const { index, sample, position, total, metric, marksDiff } = view;
  if (!sample) {
    box.replaceChildren(heading(meta, index, position, total, view.flipCode), el("p", "empty", meta.leftOut));
    return;
  }
  const head = heading(meta, index, position, total, view.flipCode);
  head.lastChild.append(copyButton(meta, index, sample));
  box.replaceChildren(
    head,
    labelled("Input", block(sample.input)),
    labelled("Expected", block(indentedJson(wordsOf(sample.target)) || "no target")),
    answers(meta, sample, metric, marksDiff),
    ...[fieldTable(sample)].filter(Boolean),
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

// What may scroll sideways has to be reachable by keyboard, too.
function scrolling(name) {
  const box = el("div", "wide");
  box.tabIndex = 0;
  box.setAttribute("role", "region");
  box.setAttribute("aria-label", name);
  return box;
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
  const score = scoreOf(meta, sample, metric, role).value;
  const mark = score === null ? "–" : score >= 1 ? "✔" : score > 0 ? "◐" : "✖";
  box.append(el("h4", "", `${mark}\uFE0E ${role}`), el("p", "sub", sideFacts(given)));
  if (given.error) box.append(el("p", "error", given.error));
  if (!given.status || given.text) box.append(answer);
  else box.append(el("p", "empty", meta.outcomes[given.status] || meta.why[given.status] || given.status));
  return box;
}

function sideFacts(given) {
  const facts = [];
  if (given.status) facts.push(given.status);
  if (given.ms !== undefined) facts.push(given.ms < 1000 ? `${given.ms} ms` : `${(given.ms / 1000).toFixed(1)} s`);
  if (given.tokens !== undefined) facts.push(given.tokens === 1 ? "1 token" : `${given.tokens.toLocaleString("en")} tokens`);
  if (given.finish) facts.push(`ended by: ${given.finish}`);
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
  for (const { name } of meta.metrics) body.append(scoreRow(meta, sample, name));
  table.append(top, body);
  const wide = scrolling("Scores of this sample");
  wide.append(table);
  return wide;
}

// One side's finding by one metric; rows keep scores as [value, value, why, why, evidence, evidence].
function scoreOf(meta, sample, metric, role) {
  const found = sample.scores[meta.metrics.findIndex(({ name }) => name === metric)] || [];
  const at = role === "baseline" ? 0 : 1;
  return { value: found[at] ?? null, why: found[2 + at], evidence: found[4 + at] };
}

function scoreRow(meta, sample, name) {
  const row = el("tr");
  const label = el("th", "", name);
  label.scope = "row";
  const found = ["baseline", "candidate"].map((role) => scoreOf(meta, sample, name, role));
  row.append(label);
  for (const score of found) row.append(el("td", score.value === null ? "empty" : "num", scoreWords(meta, score)));
  for (const score of found) row.append(el("td", "read", evidenceWords(score.evidence)));
  return row;
}

function scoreWords(meta, score) {
  if (score.value !== null) return points(score.value);
  return `unscored: ${meta.why[score.why] || score.why || "no reason recorded"}`;
}

function evidenceWords(evidence) {
  const { judge, ...rest } = evidence || {};
  const graded = judge && typeof judge === "object" ? Object.entries(judge).map(judgedWords) : [];
  return graded.concat(plainWords(rest)).join("; ");
}

// One criterion of a judge: what it said, why, and the words of the answer that it pointed at.
function judgedWords([criterion, found]) {
  const said = found?.verdicts ? [].concat(found.verdicts).join(", ") : wordsOf(found);
  const quotes = [].concat(found?.quotes || []).map((quote) => `“${wordsOf(quote)}”`).join(", ");
  return `${criterion}: ${said}${found?.reasoning ? `, because: ${wordsOf(found.reasoning)}` : ""}${quotes ? ` (pointing at ${quotes})` : ""}`;
}

function plainWords(evidence) {
  return Object.entries(evidence)
    .filter(([, value]) => !(Array.isArray(value) && !value.length))
    .map(([key, value]) => `${key}: ${(Array.isArray(value) ? value.map(wordsOf).join(", ") : wordsOf(value)) || "nothing"}`);
}
