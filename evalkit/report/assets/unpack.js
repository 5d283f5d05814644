// The page carries its rows as gzip + base64 in script elements of type text/plain; here they are read back.

const blockCache = new Map();

function bytesOf(base64) {
  if (Uint8Array.fromBase64) return Uint8Array.fromBase64(base64);
  return Uint8Array.from(atob(base64), (character) => character.charCodeAt(0));
}

let shorthand = [];

// Frequent words travel as private-use characters; meta.words lists them.
function longhand(text) {
  if (!shorthand.length) return text;
  return text.replace(/[\uE000-\uF8FF]/g, (sign) => shorthand[sign.charCodeAt(0) - 0xE000]);
}

async function unpackMeta() {
  const meta = await unpack("meta");
  if (meta.words) shorthand = meta.words.split("|");
  return meta;
}

async function unpack(elementId) {
  const packed = new Blob([bytesOf(document.getElementById(elementId).textContent)]);
  const stream = packed.stream().pipeThrough(new DecompressionStream("gzip"));
  return JSON.parse(longhand(await new Response(stream).text()));
}

// The rows of one block; the promise is kept, so a block is unpacked once.
function rowsOfBlock(block) {
  if (!blockCache.has(block)) blockCache.set(block, unpack(`rows-${block}`));
  return blockCache.get(block);
}

async function sampleAt(meta, index) {
  const rows = await rowsOfBlock(Math.floor(index / meta.chunkRows));
  return rows[index % meta.chunkRows];
}

function blockCount(meta) {
  return Math.ceil(meta.ids.length / meta.chunkRows);
}
