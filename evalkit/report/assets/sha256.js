// SHA-256 (FIPS 180-4) of a text in UTF-8, as 64 hex digits. The browser's own is missing where a page is opened from
// disk in some browsers, and it answers later, when the page may be closed already.

const SHA_PRIMES = firstPrimes(64);
const SHA_ROUNDS = SHA_PRIMES.map((prime) => fraction(prime, 1 / 3));
const SHA_START = SHA_PRIMES.slice(0, 8).map((prime) => fraction(prime, 1 / 2));

function firstPrimes(count) {
  const primes = [];
  for (let n = 2; primes.length < count; n++) if (primes.every((prime) => n % prime)) primes.push(n);
  return primes;
}

function fraction(prime, power) {
  const root = prime ** power;
  return Math.floor((root - Math.floor(root)) * 2 ** 32) >>> 0;
}

function sha256(text) {
  const state = [...SHA_START];
  const padded = shaPadded(new TextEncoder().encode(text));
  for (let at = 0; at < padded.byteLength; at += 64) shaBlock(state, new DataView(padded.buffer, at, 64));
  return state.map((word) => word.toString(16).padStart(8, "0")).join("");
}

function shaPadded(bytes) {
  const padded = new Uint8Array(((bytes.length + 8 >> 6) + 1) * 64);
  padded.set(bytes);
  padded[bytes.length] = 0x80;
  const view = new DataView(padded.buffer);
  view.setUint32(padded.length - 8, Math.floor(bytes.length / 2 ** 29));
  view.setUint32(padded.length - 4, bytes.length * 8 >>> 0);
  return padded;
}

function shaBlock(state, block) {
  const turned = (word, by) => word >>> by | word << 32 - by;
  const words = Array.from({ length: 16 }, (_, i) => block.getUint32(i * 4));
  for (let i = 16; i < 64; i++) {
    const [two, fifteen] = [words[i - 2], words[i - 15]];
    const near = turned(two, 17) ^ turned(two, 19) ^ two >>> 10;
    const far = turned(fifteen, 7) ^ turned(fifteen, 18) ^ fifteen >>> 3;
    words.push(words[i - 16] + far + words[i - 7] + near >>> 0);
  }
  let [a, b, c, d, e, f, g, h] = state;
  for (let i = 0; i < 64; i++) {
    const one = h + (turned(e, 6) ^ turned(e, 11) ^ turned(e, 25)) + (e & f ^ ~e & g) + SHA_ROUNDS[i] + words[i];
    const two = (turned(a, 2) ^ turned(a, 13) ^ turned(a, 22)) + (a & b ^ a & c ^ b & c);
    [h, g, f, e, d, c, b, a] = [g, f, e, d + one >>> 0, c, b, a, one + two >>> 0];
  }
  [a, b, c, d, e, f, g, h].forEach((word, i) => { state[i] = state[i] + word >>> 0; });
}
