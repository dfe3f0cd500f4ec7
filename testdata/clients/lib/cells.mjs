// The table of one client: each of its cells is one transport and one version of
// the protocol, has a server of its own, and goes through all steps.
import { writeFile } from 'node:fs/promises';

import { steps } from './drive.mjs';
import { listen, spare, stateFolder } from './program.mjs';

const atOnce = 4; // cells; they mostly wait
const patience = 300_000; // milliseconds for a cell, on a busy machine

// run drives cells and writes what came of them to the file that the command line
// names. A cell is {transport, version, expect}; connect makes a session of it.
export async function run(client, cells, connect) {
  const only = process.argv[3]; // "stdio 2025-11-25", to look at one of them
  const todo = cells.filter((c) => !only || `${c.transport} ${c.version}`.includes(only));
  const rows = [];
  const worker = async () => {
    for (let cell; (cell = todo.shift());) {
      const row = await drive(cell, connect);
      rows.push(row);
      const bad = Object.entries(row.steps).filter(([, outcome]) => outcome.startsWith('failed'));
      console.log(`${bad.length ? 'FAILED' : 'ok'}  ${client}, ${cell.transport}, ${cell.version}: ${row.negotiated}, ${row.seconds} s`);
      bad.forEach(([name, outcome]) => console.log(`        ${name}: ${outcome}`));
    }
  };
  await Promise.all(Array.from({ length: atOnce }, worker));
  rows.sort((a, b) => cells.findIndex((c) => same(c, a)) - cells.findIndex((c) => same(c, b)));
  await writeFile(process.argv[2], JSON.stringify({ client, rows }, null, 1) + '\n');
  process.exit(rows.every((r) => Object.values(r.steps).every((o) => !o.startsWith('failed'))) ? 0 : 1);
}

function same(a, b) { return a.transport === b.transport && a.version === b.version; }

async function drive(cell, connect) {
  const started = Date.now();
  const row = { transport: cell.transport, version: cell.version, negotiated: 'none', steps: {} };
  const step = async (name, f) => {
    const left = patience - (Date.now() - started);
    let late;
    const limit = new Promise((_, reject) => { late = setTimeout(() => reject(new Error('it takes too long')), Math.max(left, 1)); });
    try {
      row.steps[name] = (await Promise.race([f(), limit])) || 'ok';
    } catch (e) {
      row.steps[name] = `failed: ${e?.message ?? e}`.slice(0, 500);
    } finally {
      clearTimeout(late);
    }
    return row.steps[name] === 'ok';
  };
  let server, session;
  const up = await step('connect', async () => {
    server = cell.transport === 'stdio' ? await stateOnly() : await listen(cell.transport === 'SSE' ? 'sse' : 'http');
    session = { transport: cell.transport, ...(await connect(cell, server)) };
    if (session.child) server.child = spare(session.child);
    row.negotiated = session.version;
    if (session.version !== (cell.expect ?? cell.version)) throw new Error(`version ${session.version} was negotiated`);
  });
  if (up) {
    for (const [name, f] of Object.entries(steps)) await step(name, () => f(session));
  }
  await step('close', async () => {
    await session?.close();
    await server?.child?.ended();
    await server?.stop();
  });
  row.seconds = Math.round((Date.now() - started) / 100) / 10;
  return row;
}

async function stateOnly() {
  const state = await stateFolder();
  return { dir: state.dir, stop: state.remove };
}
