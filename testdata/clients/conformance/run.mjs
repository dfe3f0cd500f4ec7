// Runs the official MCP conformance suite against the server named by
// WAN_IMAGE_MCP_CONFORMANCE (this folder's program, built with -tags conformance),
// with the requirements of two revisions, and judges every check that it made:
// one that fails or warns must be in expected-failures.yml, and nothing else may
// be there. The suite's own exit code looks at the required scenarios only.
//
//	node run.mjs RESULT.json
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, readFile, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';

import { versionOf } from '../lib/version.mjs';

const here = (name) => new URL(name, import.meta.url).pathname;
const suite = '@modelcontextprotocol/conformance';

const server = spawn(process.env.WAN_IMAGE_MCP_CONFORMANCE, { stdio: ['ignore', 'pipe', 'inherit'] });
const ended = once(server, 'exit');
const [address] = await Promise.race([once(createInterface({ input: server.stdout }), 'line'), ended]);
const expected = await readExpected();
const rows = [];
try {
  for (const revision of ['2025-11-25', '2026-07-28']) rows.push(await run(revision));
} finally {
  server.kill('SIGTERM');
}
const [code] = await ended;
const bad = rows.flatMap((r) => r.unexpected.map((u) => `${r.revision}: ${u}`));
const found = new Set(rows.flatMap((r) => r.expected));
bad.push(...[...expected].filter((e) => !found.has(e)).map((e) => `${e} passes now: take it out of expected-failures.yml`));
if (code !== 0) bad.push(`the server ended with ${code}`);
for (const r of rows) console.log(`conformance ${r.revision}: ${r.passed} of ${r.passed + r.failed} checks passed, ${r.scored.failed} required ones failed`);
bad.forEach((b) => console.log(`UNEXPECTED  ${b}`));
const result = { client: `MCP conformance suite ${versionOf(import.meta.url, suite)}`, rows: rows.map(({ revision, passed, failed, scored, expected: known }) => ({ revision, passed, failed, scored, expected: known })) };
await writeFile(process.argv[2], JSON.stringify(result, null, 1) + '\n');
process.exitCode = bad.length ? 1 : 0;

// readExpected reads the list of expected-failures.yml: a scenario, or one check of
// it as scenario:check.
async function readExpected() {
  const lines = (await readFile(here('expected-failures.yml'), 'utf8')).split('\n');
  return new Set(lines.map((l) => l.match(/^ +- (\S+)$/)?.[1]).filter(Boolean));
}

async function run(revision) {
  const dir = await mkdtemp(join(tmpdir(), 'wan-image-mcp-conformance-'));
  const child = spawn(process.execPath, ['--import', here('node20.mjs'), here(`node_modules/${suite}/dist/index.js`), 'server',
    '--url', `http://${address}/mcp`, '--requirements', revision, '--output-dir', dir], { stdio: ['ignore', 'pipe', 'inherit'] });
  let said = '';
  child.stdout.on('data', (d) => { said += d; });
  const late = setTimeout(() => child.kill(), 300_000);
  await once(child, 'close');
  clearTimeout(late);
  const row = { revision, passed: 0, failed: 0, scored: { passed: 0, failed: 0 }, expected: [], unexpected: [] };
  // After the summary the suite lists what it ran without counting it.
  const unscored = new Set([...said.matchAll(/^ {2}[✓✗] (\S+) \(/gm)].map((m) => m[1]));
  for (const folder of await readdir(dir)) {
    const scenario = folder.replace(/^server-/, '').replace(/-\d{4}-\d\d-\d\dT[\dZ-]+$/, '');
    for (const check of JSON.parse(await readFile(join(dir, folder, 'checks.json'), 'utf8'))) {
      judge(row, scenario, check, !unscored.has(scenario));
    }
  }
  await rm(dir, { recursive: true });
  if (row.passed < 60) row.unexpected.push(`only ${row.passed} checks were made:\n${said}`);
  row.expected = [...new Set(row.expected)].sort();
  return row;
}

function judge(row, scenario, check, scored) {
  if (check.status === 'SUCCESS' || check.status === 'FAILURE') {
    const outcome = check.status === 'SUCCESS' ? 'passed' : 'failed';
    row[outcome]++;
    if (scored) row.scored[outcome]++;
  }
  if (check.status !== 'FAILURE' && check.status !== 'WARNING') return;
  const known = [scenario, `${scenario}:${check.id}`].find((name) => expected.has(name));
  if (known) row.expected.push(known);
  else row.unexpected.push(`${scenario}:${check.id}: ${check.errorMessage}`);
}
