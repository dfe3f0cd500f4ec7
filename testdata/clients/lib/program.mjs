// The built program, started for one client with the simulator and a state folder
// of its own.
import { spawn } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';

export const binary = process.env.WAN_IMAGE_MCP_BINARY;
if (!binary) throw new Error('WAN_IMAGE_MCP_BINARY must name the built program');

// What the server must not inherit from whoever runs the tests.
export const environment = Object.fromEntries(
  Object.entries(process.env).filter(([name]) => !/^(WAN_IMAGE_MCP|DASHSCOPE)_/.test(name)));

export async function stateFolder() {
  const dir = await mkdtemp(join(tmpdir(), 'wan-image-mcp-client-'));
  return { dir, remove: () => rm(dir, { recursive: true, force: true, maxRetries: 5 }) };
}

// A busy machine may take this long to start a program and to end it.
const patience = 60_000;

// exitOf becomes the code that a program ends with, or its signal.
export function exitOf(child) {
  return new Promise((resolve) => child.once('exit', (code, signal) => resolve(code ?? signal)));
}

// spare takes SIGKILL from an SDK, which sends it to a program that has not ended
// four seconds after its input has. ended then waits, and fails unless the program
// goes cleanly by itself.
export function spare(child) {
  const exited = exitOf(child);
  const kill = child.kill.bind(child);
  child.kill = (signal) => (signal === 'SIGKILL' ? true : kill(signal));
  return { ended: () => cleanly(kill, exited) };
}

async function cleanly(kill, exited) {
  const late = setTimeout(() => kill('SIGKILL'), patience);
  const code = await exited;
  clearTimeout(late);
  if (code !== 0) throw new Error(`the server ended with ${code}, not with 0`);
}

export function programArguments(dir, transport) {
  return ['serve', '--transport', transport, '--simulate', '--simulate-speed', '200',
    '--state-dir', dir, '--output-dir', 'none', '--log-format', 'json'];
}

// listen starts the program on a free port. stop ends it and fails unless it goes
// cleanly.
export async function listen(transport) {
  const state = await stateFolder();
  const child = spawn(binary, [...programArguments(state.dir, transport), '--listen', '127.0.0.1:0'],
    { env: environment, stdio: ['ignore', 'ignore', 'pipe'] });
  const exited = exitOf(child);
  const address = await new Promise((resolve, reject) => {
    const late = setTimeout(() => reject(new Error('the server did not say where it listens')), patience);
    exited.then((code) => reject(new Error(`the server ended at once (${code})`)));
    createInterface({ input: child.stderr }).on('line', (line) => {
      if (!line.includes('"listening"')) return;
      clearTimeout(late);
      resolve(JSON.parse(line).address);
    });
  });
  return {
    url: (path) => new URL(path, `http://${address}`),
    async stop() {
      child.kill('SIGTERM');
      await cleanly(child.kill.bind(child), exited);
      await state.remove();
    },
  };
}
