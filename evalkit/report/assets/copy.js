// A sample as a line of JSONL on the clipboard: a test case for another suite.

function testCase(meta, index, sample) {
  const slices = meta.slices
    .filter((column) => column.codes[index] >= 0)
    .map((column) => [column.name, column.values[column.codes[index]]]);
  return JSON.stringify({ ...Object.fromEntries(slices), id: meta.ids[index], input: sample.input, target: sample.target ?? null });
}

function copyButton(meta, index, sample) {
  const button = el("button", "copy", "copy as a test case");
  button.type = "button";
  button.title = "One line of JSON with id, input, target and slices, for a samples.jsonl";
  button.addEventListener("click", async () => {
    const isDone = await copied(testCase(meta, index, sample));
    button.textContent = isDone ? "copied" : "the browser refused to copy";
    setTimeout(() => { button.textContent = "copy as a test case"; }, 2000);
  });
  return button;
}

// Some browsers give pages from disk no clipboard; the old way still works there.
async function copied(text) {
  try {
    await navigator.clipboard.writeText(text);
    return true;
  } catch {
    const area = el("textarea", "unseen");
    area.value = text;
    document.body.append(area);
    area.select();
    const isDone = document.execCommand("copy");
    area.remove();
    return isDone;
  }
}
