// Measures what a client feels over stdio, without an SDK in between:
//
//	WAN_IMAGE_MCP_BINARY=... node lib/measure.mjs RESULT.json [FOLDER for the previews]
//
// It fails when a figure is above its goal. The median decides: a machine that
// runs tests has more to do than this.
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { createInterface } from 'node:readline';

import { binary, environment, programArguments, stateFolder } from './program.mjs';

const initialize = {
  method: 'initialize',
  params: { protocolVersion: '2025-11-25', capabilities: {}, clientInfo: { name: 'measure', version: '1' } },
};

const figures = [];
await firstAnswer();
await answersWhileFiftyWait();
await fourPictures();
for (const f of figures) {
  console.log(`${f.median <= f.goal ? 'ok' : 'FAILED'}  ${f.what}: ${f.median} ${f.unit} (goal ${f.goal}, worst of ${f.runs} ${f.worst})`);
}
await writeFile(process.argv[2], JSON.stringify({ client: 'figures', figures }, null, 1) + '\n');
process.exit(figures.every((f) => f.median <= f.goal) ? 0 : 1);

function note(what, unit, goal, values) {
  values.sort((a, b) => a - b);
  const round = (v) => Math.round(v * 10) / 10;
  figures.push({ what, unit, goal, runs: values.length, median: round(values[values.length >> 1]), worst: round(values.at(-1)) });
}

// start runs the program. ask sends a request and resolves with its answer, as
// {message, bytes}; heard gets every notification.
function start(dir, heard = () => {}) {
  const child = spawn(binary, programArguments(dir, 'stdio'), { env: environment, stdio: ['pipe', 'pipe', 'ignore'] });
  const exited = new Promise((resolve) => child.once('exit', resolve));
  const waiting = new Map();
  createInterface({ input: child.stdout }).on('line', (line) => {
    const message = JSON.parse(line);
    if (message.id === undefined) return heard(message);
    waiting.get(message.id)({ message, bytes: Buffer.byteLength(line) });
  });
  let id = 0;
  return {
    tell: (message) => child.stdin.write(JSON.stringify({ jsonrpc: '2.0', ...message }) + '\n'),
    ask(message) {
      const mine = ++id;
      return new Promise((resolve) => {
        waiting.set(mine, resolve);
        this.tell({ id: mine, ...message });
      });
    },
    async end() {
      child.stdin.end();
      await exited;
    },
  };
}

function tool(name, args = {}, token) {
  return { method: 'tools/call', params: { name, arguments: args, ...(token && { _meta: { progressToken: token } }) } };
}

async function firstAnswer() {
  const state = await stateFolder();
  const values = [];
  for (let i = 0; i < 7; i++) {
    const began = performance.now();
    const server = start(state.dir);
    await server.ask(initialize);
    values.push(performance.now() - began);
    await server.end();
  }
  await state.remove();
  note('first answer after the start', 'ms', 200, values);
}

async function answersWhileFiftyWait() {
  const state = await stateFolder();
  const begun = new Set();
  const server = start(state.dir, (n) => begun.add(n.params?.progressToken));
  await server.ask(initialize);
  server.tell({ method: 'notifications/initialized' });
  for (let i = 0; i < 50; i++) {
    server.ask(tool('generate_image', { prompt: `picture ${i} [sim:slow=60s]`, wait_seconds: 120 }, `p${i}`));
  }
  for (const end = Date.now() + 30_000; begun.size < 50;) {
    assert.ok(Date.now() < end, `only ${begun.size} of 50 calls wait`);
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
  const values = [];
  for (let i = 0; i < 30; i++) {
    const began = performance.now();
    const { message } = await server.ask(tool('list_models'));
    values.push(performance.now() - began);
    assert.match(message.result.content[0].text, /wan2\.6-t2i/);
    await new Promise((resolve) => setTimeout(resolve, 30));
  }
  await server.end();
  await state.remove();
  note('list_models while 50 generate_image calls wait', 'ms', 50, values);
}

async function fourPictures() {
  const state = await stateFolder();
  const server = start(state.dir);
  await server.ask(initialize);
  const { message, bytes } = await server.ask(tool('generate_image', { prompt: 'A flower shop with exquisite windows', n: 4, size: '1440*1440', wait_seconds: 60 }));
  const previews = message.result.content.filter((c) => c.type === 'image');
  assert.equal(previews.length, 4, 'a preview of each picture');
  for (const [i, p] of previews.entries()) {
    const jpeg = Buffer.from(p.data, 'base64');
    assert.equal(jpeg.readUInt16BE(0), 0xffd8);
    if (process.argv[3]) await writeFile(join(process.argv[3], `preview-${i + 1}.jpg`), jpeg);
  }
  await server.end();
  await state.remove();
  note('an answer with four pictures of 1440*1440', 'bytes', 1_000_000, [bytes]);
}
