// Makes the README's table of what works where out of the results, and compares:
//
//	node lib/table.mjs RESULTS README [-update]
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';

const [dir, readme, flag] = process.argv.slice(2);
const read = async (name) => JSON.parse(await readFile(join(dir, `${name}.json`), 'utf8'));

const transports = ['stdio', 'HTTP', 'SSE'];
const lines = [
  '| client | stdio | Streamable HTTP | HTTP+SSE |', '|---|---|---|---|',
  ...(await Promise.all(['go', 'ts1', 'ts2'].map(read))).map(({ client, rows }) =>
    `| ${client} | ${transports.map((t) => cell(rows.filter((r) => r.transport === t))).join(' | ')} |`),
  '',
];
const suite = await read('conformance');
lines.push(
  `| ${suite.client} | required checks | all checks |`, '|---|---|---|',
  ...suite.rows.map((r) => `| ${r.revision} | ${share(r.scored)} | ${share(r)} |`));
const table = lines.join('\n') + '\n';

const text = await readFile(readme, 'utf8');
const section = /(<!-- clients: [^\n]* -->\n)[^]*?(<!-- end -->)/;
const want = text.replace(section, (_, head, end) => head + table + end);
if (!section.test(text)) {
  console.error(`${readme} has no place for the table of clients`);
  process.exit(1);
}
if (flag === '-update') {
  await writeFile(readme, want);
} else if (want !== text) {
  console.error(`the README's table of clients is old; testdata/clients/run -update writes it:\n${table}`);
  process.exit(1);
}

function share({ passed, failed }) { return `${passed} of ${passed + failed}`; }

// cell words the versions of one transport: those in which every step went well as
// a range, and what is different one by one.
function cell(rows) {
  const good = rows.filter((r) => works(r) && r.negotiated === r.version).map((r) => r.version);
  const parts = [];
  if (good.length > 0) parts.push(good.length > 1 ? `${good[0]} to ${good.at(-1)}` : good[0]);
  for (const r of rows.filter((r) => !good.includes(r.version))) {
    parts.push(works(r) ? `${r.version} falls back to ${r.negotiated}` : `${r.version} fails`);
  }
  return parts.join('; ') || '-';
}

function works(row) { return Object.values(row.steps).every((outcome) => !outcome.startsWith('failed')); }
