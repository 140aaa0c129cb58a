import assert from 'node:assert/strict';
import { existsSync, globSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { test } from 'node:test';
import { run } from '../src/cli/run.ts';
import { systemClock } from '../src/lib/clock.ts';
import { type DescriptionPlace, parseDescription } from '../src/machine/description.ts';
import { policyFromWire } from '../src/vault/policyFromWire.ts';

const read = (file: string): string => readFileSync(file, 'utf8');
const blocks = (text: string, language: string): string[] =>
  [...text.matchAll(new RegExp(`^\`\`\`${language}\\n(.*?)^\`\`\``, 'gms'))].map((match) => match[1]!);

const RUNNING = read('docs/running.md');
const DOCUMENTS = [...globSync('docs/**/*.md'), 'README.md', 'ARCHITECTURE.md', 'CHANGELOG.md']
  .filter(existsSync)
  .sort();
const PLACE: DescriptionPlace = { file: '/machines/one.yaml', folder: '/machines', diskRoots: [] };

test('the machines of the guide can be used as they stand', () => {
  const machines = blocks(RUNNING, 'yaml').map((text) => parseDescription(text, PLACE));
  assert.deepEqual(
    machines.map(({ name, qemu }) => [name, qemu.qmpSocket !== undefined, qemu.freezeHook]),
    [
      ['web-1', true, true],
      ['archive-1', false, false],
      ['golden-1', false, false],
    ],
  );
});

test('the guide names every field of a description', () => {
  const minimal = { name: 'a', resourceGroup: 'g', location: 'here', disks: [{ lun: 0, name: 'd', path: 'd' }] };
  const disk = { ...minimal.disks[0], nonsense: 1 };
  const table = RUNNING.slice(RUNNING.indexOf('### All fields'), RUNNING.indexOf('### Guest agent'));
  for (const wrong of [{ nonsense: 1 }, { disks: [disk] }, { qemu: { nonsense: 1 } }]) {
    const fields = fieldsNamedBy(() => parseDescription(JSON.stringify({ ...minimal, ...wrong }), PLACE));
    assert.ok(fields.length > 3);
    assert.deepEqual(
      fields.filter((field) => !table.includes(`\`${field}\``)),
      [],
    );
  }
});

function fieldsNamedBy(parse: () => unknown): string[] {
  try {
    parse();
  } catch (error) {
    const [, names] = /the fields here are (.*)$/.exec((error as Error).message) ?? [];
    return names?.split(', ') ?? [];
  }
  return [];
}

test('the policy of the guide keeps the rules', () => {
  const [policy] = blocks(RUNNING, 'json').map((text) => JSON.parse(text) as { properties: unknown });
  assert.equal(policyFromWire(policy?.properties).daylightSaving, 'wallClock');
});

test('every command line in the documents is one the program knows', async () => {
  const lines = DOCUMENTS.flatMap((file) => [...blocks(read(file), 'console'), ...blocks(read(file), 'sh')]).flatMap(
    (text) =>
      [...text.replace(/\\\n\s*/g, ' ').matchAll(/(?:\$|scripts\/|\()\s?strongroom (.*)$/gm)].map((match) => match[1]!),
  );
  assert.ok(lines.length > 20);
  for (const line of lines) {
    const [group = '', command = ''] = line.split(' ');
    const help = await helpOf(group, command);
    const flags = [...line.replace(/'[^']*'/g, '').matchAll(/(?<= )--?[a-z][a-z-]*/g)].map(([flag]) => flag);
    assert.deepEqual(
      flags.filter((flag) => !new RegExp(`(^|[ ,])${flag}[ ,]`, 'm').test(help)),
      [],
      line,
    );
  }
});

async function helpOf(group: string, command: string): Promise<string> {
  const written: string[] = [];
  const stdout = { write: (text: string) => written.push(text) };
  const terminal = { stdout, stderr: stdout, env: {}, cwd: '/' };
  const signal = new AbortController().signal;
  const code = await run([group, command, '--help'], { terminal, clock: systemClock, signal });
  const help = written.join('');
  assert.ok(code === 0 && help.startsWith(`Usage: strongroom ${group} ${command} `), `${group} ${command}: ${help}`);
  return help;
}

test('every link between the documents leads somewhere', () => {
  const broken = DOCUMENTS.flatMap((file) =>
    [...read(file).matchAll(/\]\((?!https?:)([^)#\s]*)(?:#([^)\s]+))?\)/g)].flatMap(([link, path, anchor]) => {
      const target = path ? join(dirname(file), path) : file;
      const isThere = existsSync(target) && (anchor === undefined || anchors(read(target)).includes(anchor));
      return isThere ? [] : [`${file}: ${link}`];
    }),
  );
  assert.deepEqual(broken, []);
});

const anchors = (text: string): string[] =>
  [...text.matchAll(/^#+ (.*)$/gm)].map((match) =>
    match[1]!
      .toLowerCase()
      .replace(/[^\p{L}\p{N} -]/gu, '')
      .replaceAll(' ', '-'),
  );
