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

export function programArguments(dir, transport) {
  return ['serve', '--transport', transport, '--simulate', '--simulate-speed', '200',
    '--state-dir', dir, '--output-dir', 'none', '--log-format', 'json'];
}

// listen starts the program on a free port. stop ends it and fails unless it goes
// cleanly within the six seconds that it promises.
export async function listen(transport) {
  const state = await stateFolder();
  const child = spawn(binary, [...programArguments(state.dir, transport), '--listen', '127.0.0.1:0'],
    { env: environment, stdio: ['ignore', 'ignore', 'pipe'] });
  const exited = new Promise((resolve) => child.once('exit', (code, signal) => resolve(code ?? signal)));
  const address = await new Promise((resolve, reject) => {
    const late = setTimeout(() => reject(new Error('the server did not say where it listens')), 20_000);
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
      const started = Date.now();
      child.kill('SIGTERM');
      const kill = setTimeout(() => child.kill('SIGKILL'), 10_000);
      const code = await exited;
      clearTimeout(kill);
      await state.remove();
      if (code !== 0 || Date.now() - started > 6000) {
        throw new Error(`after SIGTERM the server ended with ${code} in ${Date.now() - started} ms`);
      }
    },
  };
}
