// The official TypeScript client of the second generation, which speaks
// 2026-07-28 and everything before it. See ../lib/cells.mjs for what it does.
import { Client, SSEClientTransport, StreamableHTTPClientTransport } from '@modelcontextprotocol/client';
import { StdioClientTransport } from '@modelcontextprotocol/client/stdio';

import { run } from '../lib/cells.mjs';
import { binary, environment, programArguments } from '../lib/program.mjs';
import { versionOf } from '../lib/version.mjs';

const sdk = '@modelcontextprotocol/client';
const modern = '2026-07-28';

await run(`TypeScript client ${versionOf(import.meta.url, sdk)}`, [
  ...['2024-11-05', '2025-03-26', '2025-06-18', '2025-11-25', modern].map((version) => ({ transport: 'stdio', version })),
  ...['2025-03-26', '2025-06-18', '2025-11-25', modern].map((version) => ({ transport: 'HTTP', version })),
  ...['2024-11-05', '2025-03-26', '2025-06-18', '2025-11-25'].map((version) => ({ transport: 'SSE', version })),
  { transport: 'SSE', version: modern, expect: '2025-11-25' }, // it falls back
], connect);

function transportOf(cell, server) {
  switch (cell.transport) {
    case 'stdio':
      return new StdioClientTransport({ command: binary, args: programArguments(server.dir, 'stdio'), env: environment, stderr: 'ignore' });
    case 'HTTP':
      return new StreamableHTTPClientTransport(server.url('/mcp'));
    case 'SSE':
      return new SSEClientTransport(server.url('/sse'));
  }
}

async function connect(cell, server) {
  const client = new Client({ name: 'ts2-client', version: '1' },
    cell.version === modern ? { versionNegotiation: { mode: 'auto' } } : { supportedProtocolVersions: [cell.version] });
  const transport = transportOf(cell, server);
  await client.connect(transport);
  const watching = new Map();
  client.setNotificationHandler('notifications/resources/updated', (n) => watching.get(n.params.uri)?.());
  const isModern = client.getProtocolEra() === 'modern';
  return {
    child: transport._process, // of stdio; the SDK calls it private
    version: client.getNegotiatedProtocolVersion(),
    modern: isModern,
    tools: async () => (await client.listTools()).tools,
    call: (name, args, options) => client.callTool({ name, arguments: args }, options),
    read: async (uri) => (await client.readResource({ uri })).contents,
    templates: async () => (await client.listResourceTemplates()).resourceTemplates,
    resources: async () => (await client.listResources()).resources,
    complete: async (uri, name, value) =>
      (await client.complete({ ref: { type: 'ref/resource', uri }, argument: { name, value } })).completion.values,
    async watch(uri, changed) {
      watching.set(uri, changed);
      if (isModern) {
        const stream = await client.listen({ resourceSubscriptions: [uri] });
        return () => stream.close();
      }
      await client.subscribeResource({ uri });
      return () => client.unsubscribeResource({ uri });
    },
    ping: () => client.ping(),
    setLevel: (level) => client.setLoggingLevel(level),
    codeOf: (e) => e.code,
    async close() {
      if (!isModern) await transport.terminateSession?.();
      await client.close();
    },
  };
}
