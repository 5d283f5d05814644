// The list of matching samples. Only the rows in view exist in the page; the others are a height.

const ROW_HEIGHT = 48;
const ROWS_AROUND = 6;

function el(tag, className, text) {
  const node = document.createElement(tag);
  if (className) node.className = className;
  if (text !== undefined && text !== null) node.textContent = text;
  return node;
}

function makeList(meta, onSelect) {
  const box = document.getElementById("list");
  const pad = document.getElementById("pad");
  const drawn = new Map();
  const list = { rows: [], current: 0, flips: meta.flips };

  list.show = (rows, current, flips) => {
    list.rows = rows;
    list.flips = flips;
    list.current = current;
    pad.replaceChildren();
    drawn.clear();
    pad.style.height = `${rows.length * ROW_HEIGHT}px`;
    box.scrollTop = 0;
    list.select(current);
  };

  list.select = (position) => {
    list.current = Math.max(0, Math.min(list.rows.length - 1, position));
    scrollIntoList(box, list.current);
    list.draw();
  };

  list.draw = () => {
    const first = Math.max(0, Math.floor(box.scrollTop / ROW_HEIGHT) - ROWS_AROUND);
    const last = Math.min(list.rows.length, first + Math.ceil(box.clientHeight / ROW_HEIGHT) + 2 * ROWS_AROUND);
    for (const [position, node] of drawn) {
      if (position < first || position >= last) { node.remove(); drawn.delete(position); }
    }
    for (let position = first; position < last; position++) drawRow(position);
    if (drawn.has(list.current)) box.setAttribute("aria-activedescendant", drawn.get(list.current).id);
    else box.removeAttribute("aria-activedescendant");
  };

  function drawRow(position) {
    if (!drawn.has(position)) {
      const node = rowNode(meta, list.rows[position], list.flips[list.rows[position]]);
      node.style.top = `${position * ROW_HEIGHT}px`;
      node.setAttribute("aria-posinset", position + 1);
      node.setAttribute("aria-setsize", list.rows.length);
      node.addEventListener("click", () => onSelect(position));
      pad.append(node);
      drawn.set(position, node);
    }
    drawn.get(position).setAttribute("aria-selected", position === list.current);
  }

  box.addEventListener("scroll", list.draw, { passive: true });
  addEventListener("resize", list.draw, { passive: true });
  return list;
}

function scrollIntoList(box, position) {
  const top = position * ROW_HEIGHT;
  if (top < box.scrollTop) box.scrollTop = top;
  if (top + ROW_HEIGHT > box.scrollTop + box.clientHeight) box.scrollTop = top + ROW_HEIGHT - box.clientHeight;
}

function rowNode(meta, index, flipCode) {
  const [code, sign, word] = meta.flipWords[flipCode];
  const node = el("div", `row flip-${code}`);
  node.id = `row-${index}`;
  node.setAttribute("role", "option");
  const head = el("div", "row-head");
  head.append(el("b", "", `${sign}\uFE0E ${word}`), el("span", "row-id", meta.ids[index]), el("span", "row-slices", slicesOf(meta, index)));
  const preview = el("div", "row-text");
  sampleAt(meta, index).then((sample) => { preview.textContent = sample ? sample.input.slice(0, 160) : meta.leftOut; });
  node.append(head, preview);
  return node;
}

function slicesOf(meta, index) {
  return meta.slices.map((column) => column.values[column.codes[index]]).filter(Boolean).join(" · ");
}
