// Which rows match, and how many of each flip there are. Only a text search has to unpack the rows.

let searchTexts = null;

async function allSearchTexts(meta) {
  if (searchTexts) return searchTexts;
  const found = [];
  for (let block = 0; block < blockCount(meta); block++) {
    for (const row of await rowsOfBlock(block)) found.push(row ? searchTextOf(row, meta.ids[found.length]) : meta.ids[found.length].toLowerCase());
  }
  searchTexts = found;
  return found;
}

function searchTextOf(row, id) {
  const sides = [row.baseline, row.candidate].flatMap((side) => [side.text, side.error]);
  return [id, row.input, wordsOf(row.target), ...sides].filter(Boolean).join("\n").toLowerCase();
}

function wordsOf(value) {
  if (value === null || value === undefined) return "";
  return typeof value === "string" ? value : JSON.stringify(value);
}

// Flip code of each row, by the named metric or (no name) by the suite's primary one.
function flipsBy(meta, metric) {
  const found = meta.metrics.find((entry) => entry.name === metric);
  return found ? found.flips : meta.flips;
}

// A test "is this row in the slice?" for "column=value"; an unknown slice holds nothing.
function sliceTest(meta, slice) {
  if (!slice) return () => true;
  for (const column of meta.slices) {
    const code = slice.startsWith(column.name + "=") ? column.values.indexOf(slice.slice(column.name.length + 1)) : -1;
    if (code >= 0) return (index) => column.codes[index] === code;
  }
  return () => false;
}

// A test "does the row's entry in this column say so?" for a value the filter offers; anything else holds nothing.
function columnTest(column, value) {
  if (!value) return () => true;
  const code = column.values.indexOf(value);
  return (index) => code >= 0 && column.codes[index] === code;
}

async function textTest(meta, query) {
  if (!query) return () => true;
  const texts = await allSearchTexts(meta);
  const wanted = query.toLowerCase();
  return (index) => texts[index].includes(wanted);
}

// {rows: indices that match, counts: by flip code, all: how many match slice and search}
async function matching(meta, state) {
  const flips = flipsBy(meta, state.metric);
  const inSlice = sliceTest(meta, state.slice);
  const hasEnded = columnTest(meta.ended, state.ended);
  const isOfKind = columnTest(meta.kinds, state.kind);
  const hasText = await textTest(meta, state.query);
  const wanted = meta.flipWords.findIndex(([code]) => code === state.flip);
  const counts = meta.flipWords.map(() => 0);
  const rows = [];
  let all = 0;
  for (let index = 0; index < flips.length; index++) {
    if (!inSlice(index) || !hasEnded(index) || !isOfKind(index) || !hasText(index)) continue;
    all++;
    counts[flips[index]]++;
    if (wanted < 0 || flips[index] === wanted) rows.push(index);
  }
  return { rows, counts, all };
}
