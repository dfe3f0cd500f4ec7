// The official TypeScript SDK of the first generation, which speaks up to
// 2025-11-25. See ../lib/cells.mjs for what it does.
import { Client } from '@modelcontextprotocol/sdk/client/index.js';
import { SSEClientTransport } from '@modelcontextprotocol/sdk/client/sse.js';
import { StdioClientTransport } from '@modelcontextprotocol/sdk/client/stdio.js';
import { StreamableHTTPClientTransport } from '@modelcontextprotocol/sdk/client/streamableHttp.js';
import { ResourceUpdatedNotificationSchema } from '@modelcontextprotocol/sdk/types.js';

import { run } from '../lib/cells.mjs';
import { binary, environment, programArguments } from '../lib/program.mjs';
import { versionOf } from '../lib/version.mjs';

const sdk = '@modelcontextprotocol/sdk';

await run(`TypeScript SDK ${versionOf(import.meta.url, sdk)}`, [
  ...['2024-11-05', '2025-03-26', '2025-06-18', '2025-11-25'].map((version) => ({ transport: 'stdio', version })),
  ...['2025-03-26', '2025-06-18', '2025-11-25'].map((version) => ({ transport: 'HTTP', version })),
  ...['2024-11-05', '2025-03-26', '2025-06-18', '2025-11-25'].map((version) => ({ transport: 'SSE', version })),
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
  const client = new Client({ name: 'ts1-client', version: '1' });
  const transport = transportOf(cell, server);
  // The SDK always asks for its newest version; older ones of it asked for theirs.
  const send = transport.send.bind(transport);
  let version;
  transport.send = (message, options) => {
    if (message.method === 'initialize') message.params.protocolVersion = cell.version;
    return send(message, options);
  };
  const receive = client.request.bind(client);
  client.request = async (request, schema, options) => {
    const result = await receive(request, schema, options);
    if (request.method === 'initialize') version = result.protocolVersion;
    return result;
  };
  await client.connect(transport);
  const watching = new Map();
  client.setNotificationHandler(ResourceUpdatedNotificationSchema, (n) => watching.get(n.params.uri)?.());
  return {
    child: transport._process, // of stdio; the SDK calls it private
    version,
    modern: false,
    tools: async () => (await client.listTools()).tools,
    call: (name, args, options) => client.callTool({ name, arguments: args }, undefined, options),
    read: async (uri) => (await client.readResource({ uri })).contents,
    templates: async () => (await client.listResourceTemplates()).resourceTemplates,
    resources: async () => (await client.listResources()).resources,
    complete: async (uri, name, value) =>
      (await client.complete({ ref: { type: 'ref/resource', uri }, argument: { name, value } })).completion.values,
    async watch(uri, changed) {
      watching.set(uri, changed);
      await client.subscribeResource({ uri });
      return () => client.unsubscribeResource({ uri });
    },
    ping: () => client.ping(),
    setLevel: (level) => client.setLoggingLevel(level),
    codeOf: (e) => e.code,
    async close() {
      await transport.terminateSession?.();
      await client.close();
    },
  };
}
