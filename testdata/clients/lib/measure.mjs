// Measures what a client feels over stdio, without an SDK in between:
//
//	WAN_IMAGE_MCP_BINARY=... node lib/measure.mjs RESULT.json [FOLDER for the previews]
//
// It fails when a figure is above its goal. The median decides: a machine that
// runs tests has more to do than this. One that is very busy is slow at everything,
// so what takes its time is timed beside a yardstick, something that has little to
// do; and what takes at most five times as long as that is fast enough, too.
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { createInterface } from 'node:readline';

import { binary, environment, exitOf, programArguments, stateFolder } from './program.mjs';

const initialize = {
  method: 'initialize',
  params: { protocolVersion: '2025-11-25', capabilities: {}, clientInfo: { name: 'measure', version: '1' } },
};

const figures = [];
await firstAnswer();
await answersWhileFiftyWait();
await fourPictures();
for (const f of figures) {
  const beside = f.yardstick ? `, yardstick ${f.yardstick}` : '';
  console.log(`${met(f) ? 'ok' : 'FAILED'}  ${f.what}: ${f.median} ${f.unit} (goal ${f.goal}, worst of ${f.runs} ${f.worst}${beside})`);
}
await writeFile(process.argv[2], JSON.stringify({ client: 'figures', figures }, null, 1) + '\n');
process.exit(figures.every(met) ? 0 : 1);

function met({ median, goal, yardstick = 0 }) { return median <= Math.max(goal, 5 * yardstick); }

function note(what, unit, goal, values, beside) {
  figures.push({ what, unit, goal, runs: values.length, median: medianOf(values), worst: round(Math.max(...values)),
    yardstick: beside && medianOf(beside) });
}

function medianOf(values) { return round(values.toSorted((a, b) => a - b)[values.length >> 1]); }
function round(value) { return Math.round(value * 10) / 10; }

// timed is how many milliseconds something takes.
async function timed(something) {
  const began = performance.now();
  await something();
  return performance.now() - began;
}

// start runs the program. ask sends a request and resolves with its answer, as
// {message, bytes}; heard gets every notification.
function start(dir, heard = () => {}) {
  const child = spawn(binary, programArguments(dir, 'stdio'), { env: environment, stdio: ['pipe', 'pipe', 'ignore'] });
  const exited = exitOf(child);
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
  const values = [], yardstick = [];
  for (let i = 0; i < 7; i++) {
    yardstick.push(await timed(() => exitOf(spawn(binary, ['version'], { env: environment, stdio: 'ignore' }))));
    let server;
    values.push(await timed(() => (server = start(state.dir)).ask(initialize)));
    await server.end();
  }
  await state.remove();
  note('first answer after the start', 'ms', 200, values, yardstick);
}

async function answersWhileFiftyWait() {
  const [state, another] = [await stateFolder(), await stateFolder()];
  const idle = start(another.dir);
  await idle.ask(initialize);
  idle.tell({ method: 'notifications/initialized' });
  const begun = new Set();
  const server = start(state.dir, (n) => begun.add(n.params?.progressToken));
  await server.ask(initialize);
  server.tell({ method: 'notifications/initialized' });
  for (let i = 0; i < 50; i++) {
    server.ask(tool('generate_image', { prompt: `picture ${i} [sim:slow=60s]`, wait_seconds: 120 }, `p${i}`));
  }
  for (const end = Date.now() + 120_000; begun.size < 50;) {
    assert.ok(Date.now() < end, `only ${begun.size} of 50 calls wait`);
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
  const values = [], yardstick = [];
  const listModels = async (asked) => {
    const { message } = await asked.ask(tool('list_models'));
    assert.match(message.result.content[0].text, /wan2\.6-t2i/);
  };
  for (let i = 0; i < 30; i++) {
    yardstick.push(await timed(() => listModels(idle)));
    values.push(await timed(() => listModels(server)));
    await new Promise((resolve) => setTimeout(resolve, 30));
  }
  await Promise.all([server.end(), idle.end()]);
  await Promise.all([state.remove(), another.remove()]);
  note('list_models while 50 generate_image calls wait', 'ms', 50, values, yardstick);
}

async function fourPictures() {
  const state = await stateFolder();
  const server = start(state.dir);
  await server.ask(initialize);
  const { message, bytes } = await server.ask(tool('generate_image', { prompt: 'A flower shop with exquisite windows', n: 4, size: '1440*1440', wait_seconds: 300 }));
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
