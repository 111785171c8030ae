// Buffers and workers: what of node is not in the collector's own heap.
'use strict';
const zlib = require('zlib');
const crypto = require('crypto');

let state = 1;
const draw = (n) => (state = (state * 48271) % 2147483647) % n;

let sum = 0;
const kept = [];
for (let round = 0; round < 200000; round++) {
  const buffer = Buffer.alloc(16 + draw(20000), round & 255);
  sum += buffer[buffer.length >> 1];
  kept[round % 500] = buffer;
}
for (let round = 0; round < 200; round++) {
  const packed = zlib.deflateSync(kept[round * 2]);
  sum += packed.length + zlib.inflateSync(packed).length;
}
const text = JSON.stringify(kept.slice(0, 100).map((b) => b.toString('hex')));
sum += JSON.parse(text).length + text.length;
console.log(sum, crypto.createHash('sha256').update(text).digest('hex'));
