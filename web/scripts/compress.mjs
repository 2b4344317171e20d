// Compresses what was built, once for all browsers, and tells how much JavaScript the portal is:
// it fails when that has grown too large for a slow line.
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { gzipSync } from 'node:zlib';

const LIMIT = 400_000;
const folder = new URL('../dist/', import.meta.url);
let total = 0;
for (const name of readdirSync(folder, { recursive: true }).filter((name) => /\.(js|css|svg|html)$/.test(name))) {
  const file = new URL(name, folder);
  const compressed = gzipSync(readFileSync(file), { level: 9 });
  writeFileSync(new URL(`${name}.gz`, folder), compressed);
  if (!name.endsWith('.js')) continue;
  total += compressed.length;
  console.log(`${String(compressed.length).padStart(8)} ${name}`);
}
console.log(`${String(total).padStart(8)} bytes of JavaScript, compressed; ${LIMIT} are allowed`);
if (total > LIMIT) {
  console.error('the portal is too large: load what is rarely needed with its page, or do without it');
  process.exit(1);
}
