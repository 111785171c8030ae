// Workers, buffers, compression and a child process.
'use strict';
const { Worker, isMainThread, parentPort, workerData } = require('worker_threads');
const { execFileSync } = require('child_process');
const crypto = require('crypto');
const zlib = require('zlib');

function work(seed) {
  const hash = crypto.createHash('sha256');
  const kept = [];
  for (let i = 0; i < 3000; i++) {
    kept[i % 100] = Buffer.alloc(1 + ((i * seed) % 9000), i & 255);
    if (i % 50 === 0) hash.update(zlib.gunzipSync(zlib.gzipSync(kept[i % 100])));
  }
  return hash.digest('hex');
}

if (!isMainThread) {
  parentPort.postMessage(work(workerData));
} else {
  const results = new Map();
  let ended = 0;
  for (const seed of [3, 5, 7, 11]) {
    const worker = new Worker(__filename, { workerData: seed });
    worker.on('message', (text) => results.set(seed, text));
    worker.on('error', (error) => console.log(String(error)));
    worker.on('exit', (code) => {
      if (code !== 0) console.log('exit', code);
      if (++ended === 4) {
        for (const key of [3, 5, 7, 11]) console.log(key, results.get(key));
        console.log(execFileSync(process.execPath, ['-p', 'JSON.stringify([...Array(2000).keys()]).length']).toString());
      }
    });
  }
}
