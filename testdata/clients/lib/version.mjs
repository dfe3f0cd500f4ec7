import { readFileSync } from 'node:fs';

// versionOf is the version of a package that a module uses, as installed.
export function versionOf(from, name) {
  return JSON.parse(readFileSync(new URL(`node_modules/${name}/package.json`, from), 'utf8')).version;
}
