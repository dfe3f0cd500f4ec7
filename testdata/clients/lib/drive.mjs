// What every client does in every cell of the table: the steps, written once, for
// whatever SDK stands behind a session.
//
// A session has: transport, version (negotiated), modern (protocol 2026-07-28),
// tools(), call(name, args, {onprogress, signal}), read(uri), templates(), resources(),
// complete(template, argument, value), watch(uri, changed) -> stop, ping(),
// setLevel(level), codeOf(error), close(), and over stdio child (the process).
import assert from 'node:assert/strict';

const tiny = { model: 'wan2.2-t2i-flash', size: '512*512' };

export const steps = {
  async 'tools/list'(s) {
    const tools = await s.tools();
    assert.deepEqual(tools.map((t) => t.name).sort(), ['generate_image', 'get_task', 'list_models']);
    for (const tool of tools) {
      assert.equal(tool.inputSchema.type, 'object');
      assert.equal(tool.outputSchema !== undefined, hasStructure(s), `outputSchema of ${tool.name}`);
    }
  },

  async list_models(s) {
    const r = await call(s, 'list_models');
    for (const model of ['wan2.6-t2i', 'wan2.5-t2i-preview', 'wan2.2-t2i-plus', 'wan2.2-t2i-flash', 'wan2.1-t2i-plus', 'wan2.1-t2i-turbo', 'wanx2.0-t2i-turbo']) {
      assert.match(textOf(r), new RegExp(model.replaceAll('.', '\\.')));
    }
  },

  // It comes early: an order that the service is slow to take blocks the line of its
  // model for some seconds, and nothing after it waits there.
  async cancel(s) {
    await inTime([5, 30], async (seconds) => {
      const line = { model: 'wanx2.0-t2i-turbo', size: '512*512' };
      const unwanted = `not wanted any more (${seconds})`;
      const late = after(seconds / 2);
      await call(s, 'generate_image', { prompt: `first in line [sim:delay=${seconds}s]`, ...line, wait_seconds: 0 });
      const stop = new AbortController();
      await assert.rejects(call(s, 'generate_image', { prompt: unwanted, ...line },
        { signal: stop.signal, onprogress: () => stop.abort() }));
      await s.tools(); // The cancel went before it.
      const judged = !late();
      const outcome = await until(async () => {
        const list = textOf(await call(s, 'get_task'));
        const row = list.split('\n').find((l) => l.includes(unwanted));
        return row?.match(/CANCELED|SUCCEEDED/)?.[0];
      }, 'the task to be CANCELED');
      if (judged) assert.equal(outcome, 'CANCELED', 'it was made all the same');
      return outcome === 'CANCELED';
    });
  },

  async 'generate_image'(s) {
    await makeAndRead(s, { prompt: 'a lighthouse at dusk', seed: null }, 1280, 1280);
    const a = await makeAndRead(s, { prompt: 'a boat at dawn', ...tiny }, 512, 512);
    assert.match(textOf(await call(s, 'get_task', { task_id: a.id })), /SUCCEEDED/);
  },

  async progress(s) {
    await inTime([0.7, 10], async (seconds) => {
      const seen = [];
      await make(s, { prompt: `a slow boat [sim:slow=${seconds}s]`, ...tiny }, { onprogress: (p) => seen.push(p) });
      const before = seen.length;
      if (before < 2) return false;
      const values = seen.map((p) => p.progress);
      assert.equal(new Set(values).size, before, 'no value comes twice');
      // A session of Streamable HTTP has two streams, and either may carry a message.
      if (s.transport !== 'HTTP' || s.modern) assert.deepEqual(values, values.toSorted((a, b) => a - b), 'it must rise');
      assert.equal(seen[0].total, 100);
      await sleep(100);
      assert.equal(seen.length, before, 'nothing comes after the answer');
      return true;
    });
  },

  async 'wait_seconds 0'(s) {
    const key = { prompt: 'a kite', ...tiny, wait_seconds: 0, idempotency_key: 'kite' };
    const first = taskOf(await call(s, 'generate_image', key));
    assert.match(first.text, /get_task/, 'it names the next call');
    assert.equal(taskOf(await call(s, 'generate_image', key)).id, first.id, 'the same key finds the same task');
    await settled(s, first);
  },

  async 'parallel calls'(s) {
    const models = ['wan2.2-t2i-flash', 'wan2.2-t2i-plus', 'wan2.1-t2i-plus', 'wan2.1-t2i-turbo'];
    const made = await Promise.all(models.map((model) => make(s, { prompt: `a ${model} kite`, model, size: '512*512' })));
    assert.equal(new Set(made.map((m) => m.id)).size, 4);
    made.forEach((m, i) => assert.match(m.text, new RegExp(models[i])));
  },

  async 'resource updates'(s) {
    await inTime([1, 15], async (seconds) => {
      const task = taskOf(await call(s, 'generate_image', { prompt: `a cloud [sim:slow=${seconds}s]`, ...tiny, wait_seconds: 0 }));
      const uri = `wan://tasks/${task.id}`;
      let updates = 0;
      const stop = await s.watch(uri, () => { updates++; });
      const ended = async () => {
        const now = JSON.parse((await s.read(uri))[0].text);
        return now.status === 'SUCCEEDED' && !now.next;
      };
      const watched = !(await ended());
      if (watched) {
        await until(ended, 'the task to end');
        await until(() => updates > 0, 'an update');
      }
      await stop();
      return watched;
    });
  },

  async 'resources and completion'(s) {
    assert.deepEqual((await s.templates()).map((t) => t.uriTemplate).sort(),
      ['wan://images/{task_id}/{n}', 'wan://models/{model}', 'wan://tasks/{task_id}']);
    assert.ok((await s.resources()).some((r) => r.uri === 'wan://budget'));
    assert.equal(JSON.parse((await s.read('wan://models/wan2.6-t2i'))[0].text).model, 'wan2.6-t2i');
    assert.deepEqual((await s.complete('wan://models/{model}', 'model', 'wan2.2')).sort(), ['wan2.2-t2i-flash', 'wan2.2-t2i-plus']);
  },

  async 'bad arguments'(s) {
    const size = await refused(s, 'generate_image', { prompt: 'x', size: '1024*1024' });
    assert.match(size, /1280\*1280/, 'it names a legal size');
    assert.match(await refused(s, 'generate_image', { prompt: 'x', sise: '1' }), /sise/);
    assert.match(await refused(s, 'generate_image', {}), /prompt/);
    await refused(s, 'get_task', { task_id: 'aaaaaaaaaaaaaaaaaaaaaaaaaa' });
  },

  async 'unknown tool and resource'(s) {
    await assert.rejects(call(s, 'draw'), (e) => s.codeOf(e) === -32602);
    for (const uri of ['wan://tasks/aaaaaaaaaaaaaaaaaaaaaaaaaa', 'wan://images/../../etc/passwd', 'wan://nothing']) {
      await assert.rejects(s.read(uri), (e) => s.codeOf(e) === (s.modern ? -32602 : -32002), uri);
    }
  },

  async 'ping and setLevel'(s) {
    if (s.modern) return 'not in 2026-07-28';
    await s.ping();
    await s.setLevel('warning');
  },
};

// hasStructure reports whether a result of this version has structuredContent and
// links, and tools an output schema: both came with 2025-06-18.
function hasStructure(s) { return s.version >= '2025-06-18'; }

async function call(s, name, args = {}, options = {}) {
  return s.call(name, args, options);
}

export function textOf(result) {
  return result.content.filter((c) => c.type === 'text').map((c) => c.text).join('\n');
}

async function refused(s, name, args) {
  const r = await call(s, name, args);
  assert.equal(r.isError, true, `${name} ${JSON.stringify(args)} must be refused`);
  assert.equal(r.structuredContent, undefined);
  return textOf(r);
}

// taskOf reads the task's id and its pictures out of the text, which is all that
// older versions have.
function taskOf(result) {
  const text = textOf(result);
  assert.notEqual(result.isError, true, text);
  const id = text.match(/\b[a-z0-9]{26}\b/)?.[0];
  assert.ok(id, `no task id in: ${text}`);
  return { id, text, result, pictures: [...new Set(text.match(/wan:\/\/images\/[a-z0-9]{26}\/\d/g) ?? [])] };
}

async function make(s, args, options) {
  return settled(s, taskOf(await call(s, 'generate_image', args, options)));
}

// settled asks until the pictures are there, which is nearly always at once.
async function settled(s, task) {
  for (const end = Date.now() + 120_000; task.pictures.length === 0;) {
    assert.ok(Date.now() < end, `no pictures: ${task.text}`);
    task = taskOf(await call(s, 'get_task', { task_id: task.id, wait_seconds: 20 }));
  }
  return task;
}

// makeAndRead makes one picture, looks at every part of the answer, and reads the
// picture itself.
async function makeAndRead(s, args, width, height) {
  const task = await make(s, args);
  const { content, structuredContent } = task.result;
  const kinds = content.map((c) => c.type).sort();
  assert.deepEqual(kinds, hasStructure(s) ? ['image', 'resource_link', 'text'] : ['image', 'text']);
  const preview = content.find((c) => c.type === 'image');
  assert.equal(preview.mimeType, 'image/jpeg');
  assert.equal(Buffer.from(preview.data, 'base64').subarray(0, 3).toString('hex'), 'ffd8ff');
  assert.equal(structuredContent !== undefined, hasStructure(s));
  if (hasStructure(s)) {
    assert.equal(structuredContent.task_id, task.id);
    assert.equal(structuredContent.status, 'SUCCEEDED');
    assert.equal(structuredContent.simulated, true);
    assert.deepEqual(structuredContent.images.map((i) => i.resource_uri), task.pictures);
    assert.deepEqual(content.filter((c) => c.type === 'resource_link').map((l) => l.uri), task.pictures);
  }
  const [picture, ...more] = await s.read(task.pictures[0]);
  assert.equal(more.length, 0);
  assert.equal(picture.mimeType, 'image/png');
  const png = Buffer.from(picture.blob, 'base64');
  assert.equal(png.subarray(0, 8).toString('latin1'), '\x89PNG\r\n\x1a\n');
  assert.equal(png.subarray(-8, -4).toString('latin1'), 'IEND');
  assert.deepEqual([png.readUInt32BE(16), png.readUInt32BE(20)], [width, height]);
  return task;
}

export function sleep(ms) { return new Promise((resolve) => setTimeout(resolve, ms)); }

// inTime tries what needs a client that is quicker than a task of so many seconds.
// A busy machine may make it too slow for the first; attempt says so with false, and
// gets the longer one.
async function inTime(durations, attempt) {
  for (const seconds of durations) if (await attempt(seconds)) return;
  assert.fail(`it is too slow for a task of ${durations.at(-1)} s, or something that it waits for never comes`);
}

// after tells whether so many seconds have gone by.
function after(seconds) {
  const began = performance.now();
  return () => performance.now() - began > seconds * 1000;
}

async function until(condition, what) {
  for (const end = Date.now() + 60_000; ;) {
    const found = await condition();
    if (found) return found;
    assert.ok(Date.now() < end, `waited in vain for ${what}`);
    await sleep(100);
  }
}
