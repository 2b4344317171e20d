// Tells how much JavaScript the portal is, and fails when it has grown too large for a slow line.
import { readdirSync, readFileSync } from 'node:fs';
import { gzipSync } from 'node:zlib';

const LIMIT = 400_000;
const folder = new URL('../dist/assets/', import.meta.url);
let total = 0;
for (const name of readdirSync(folder).filter((name) => name.endsWith('.js'))) {
  const size = gzipSync(readFileSync(new URL(name, folder))).length;
  total += size;
  console.log(`${String(size).padStart(8)} ${name}`);
}
console.log(`${String(total).padStart(8)} bytes of JavaScript, compressed; ${LIMIT} are allowed`);
if (total > LIMIT) {
  console.error('the portal is too large: load what is rarely needed with its page, or do without it');
  process.exit(1);
}
