import assert from 'node:assert/strict';
import { globSync, readFileSync } from 'node:fs';
import { test } from 'node:test';
import { CodedError } from '../lib/error.ts';
import { catalogueEntry, isPassing, jobError, jobErrorOf } from './errorCatalogue.ts';

/** Thrown where a request or a configuration is read, or never recorded as a job's end. */
const NOT_OF_JOBS = new Set([
  'InvalidParameter',
  'JobLeaseLost',
  'RequestEntityTooLarge',
  'UserErrorJobNotCancellable',
]);

test('every code that a job can meet in the rooms it runs through is in the catalogue', () => {
  const files = globSync('src/{jobs,machine,nbd,store}/**/*.ts').filter(
    (file) => !/\.(test|contract|fixture)\.ts$/.test(file),
  );
  const codes = files.flatMap((file) =>
    [...readFileSync(file, 'utf8').matchAll(/new CodedError\(\s*'(\w+)'/g)].map(([, code = '']) => ({ code, file })),
  );
  assert.ok(codes.length > 100, 'the sources were found');
  const missing = codes.filter(({ code }) => catalogueEntry(code) === undefined && !NOT_OF_JOBS.has(code));
  assert.deepEqual(missing, []);
});

test('a job’s error has its own recommendations, else those of the catalogue', () => {
  const own = new CodedError('StoreFull', 'full', { recommendations: ['Buy a disk.'] });
  assert.deepEqual(jobErrorOf(own).recommendations, ['Buy a disk.']);
  const [general = ''] = jobErrorOf(new CodedError('StoreFull', 'full')).recommendations;
  assert.match(general, /^Free space/);
  assert.match(jobError('ScheduledBackupMissed', 'missed').recommendations[0] ?? '', /caught up/);
  assert.deepEqual(jobErrorOf(new CodedError('MethodNotAllowed', 'no')).recommendations, []);
});

test('user errors are not passing; those of host, guest and storage are', () => {
  assert.deepEqual(
    ['UserErrorFsFreezeFailed', 'HostUnavailable', 'StoreIoFailed', 'StoreFull', 'BCMV2VMNotFound', 'toString'].map(
      isPassing,
    ),
    [true, true, true, false, false, false],
  );
});
