// Word-level differences of two answers, by longest common subsequence.

const MAX_TABLE = 4_000_000; // cells; beyond it the comparison would be felt
const MIN_COMMON = 0.4; // below this share in common, marks are noise and both texts are shown whole

// Words, runs of white space and single punctuation marks, so that one changed JSON value marks one word.
function tokens(text) {
  return text.match(/\s+|[\p{L}\p{N}_]+|[^\s\p{L}\p{N}_]/gu) || [];
}

// [[kind, text], …] with kind -1 only in `before`, 0 in both, 1 only in `after`; null when too long to compare.
function wordDiff(before, after) {
  const a = tokens(before);
  const b = tokens(after);
  let start = 0;
  while (start < a.length && start < b.length && a[start] === b[start]) start++;
  let endA = a.length;
  let endB = b.length;
  while (endA > start && endB > start && a[endA - 1] === b[endB - 1]) { endA--; endB--; }
  if ((endA - start) * (endB - start) > MAX_TABLE) return null;
  return joined([
    ...a.slice(0, start).map((word) => [0, word]),
    ...middleDiff(a.slice(start, endA), b.slice(start, endB)),
    ...a.slice(endA).map((word) => [0, word]),
  ]);
}

function middleDiff(a, b) {
  const width = b.length + 1;
  const common = commonLengths(a, b, width);
  const parts = [];
  let i = 0;
  let j = 0;
  while (i < a.length || j < b.length) {
    if (i < a.length && j < b.length && a[i] === b[j]) { parts.push([0, a[i]]); i++; j++; }
    else if (j === b.length || (i < a.length && common[(i + 1) * width + j] >= common[i * width + j + 1])) parts.push([-1, a[i++]]);
    else parts.push([1, b[j++]]);
  }
  return parts;
}

function commonLengths(a, b, width) {
  const table = new Uint16Array((a.length + 1) * width);
  for (let i = a.length - 1; i >= 0; i--) {
    for (let j = b.length - 1; j >= 0; j--) {
      table[i * width + j] = a[i] === b[j]
        ? table[(i + 1) * width + j + 1] + 1
        : Math.max(table[(i + 1) * width + j], table[i * width + j + 1]);
    }
  }
  return table;
}

function joined(parts) {
  const runs = [];
  for (const [kind, word] of parts) {
    const last = runs[runs.length - 1];
    if (last && last[0] === kind) last[1] += word;
    else runs.push([kind, word]);
  }
  return runs;
}

// Share of the longer text's visible characters that both texts have in common.
function commonShare(parts, before, after) {
  const size = (text) => text.replace(/\s/g, "").length;
  const same = parts.filter(([kind]) => kind === 0).reduce((sum, [, text]) => sum + size(text), 0);
  return same / Math.max(1, size(before), size(after));
}

// JSON with one entry a line. Only white space changes: numbers and escapes stay as the model wrote them.
function indentedJson(text) {
  if (!/^\s*[[{]/.test(text)) return text;
  try { JSON.parse(text); } catch { return text; }
  let depth = 0;
  const line = () => "\n" + "  ".repeat(depth);
  return text.match(/"(?:[^"\\]|\\.)*"|[{}[\],:]|[^\s{}[\],:"]+/g).map((token, index, all) => {
    if ("{[".includes(token)) { depth++; return "}]".includes(all[index + 1]) ? token : token + line(); }
    if ("}]".includes(token)) { depth--; return "{[".includes(all[index - 1]) ? token : line() + token; }
    if (token === ",") return token + line();
    return token === ":" ? ": " : token;
  }).join("");
}
