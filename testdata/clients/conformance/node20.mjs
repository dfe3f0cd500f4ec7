// The conformance suite imports fs.globSync, which Node has from version 22, for
// a command that is not used here. node --import ./node20.mjs lets it start in
// Node 20 all the same.
import fs from 'node:fs';
import { register } from 'node:module';

if (!fs.globSync) {
  const withGlob = `export * from 'node:fs'; export { default } from 'node:fs';
    export const globSync = () => { throw new Error('this needs Node 22'); };`;
  const hooks = `export const resolve = (name, context, next) => name === 'fs' && context.parentURL?.includes('/conformance/dist/')
    ? { url: ${JSON.stringify(asModule(withGlob))}, shortCircuit: true } : next(name, context);`;
  register(asModule(hooks));
}

function asModule(source) {
  return `data:text/javascript,${encodeURIComponent(source)}`;
}
