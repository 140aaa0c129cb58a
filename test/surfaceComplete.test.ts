import assert from 'node:assert/strict';
import { globSync, readFileSync } from 'node:fs';
import { test } from 'node:test';
import { resourceProviders } from '../src/api/resourceProviders.ts';
import type { Services } from '../src/api/services.ts';
import { testServer } from '../src/api/testing/testServer.ts';
import { routeKey } from '../src/api/unserved.ts';
import { UNSERVED } from '../src/api/unservedPaths.ts';
import { answerOf, usualAnswers } from '../src/arm/answer.ts';
import type { Method } from '../src/arm/route.ts';

interface Operation {
  readonly method: Method;
  readonly path: string;
  /** What the client takes for success. */
  readonly statuses?: readonly string[];
}

const SDK = 'node_modules/@azure';
const VAULT = '/subscriptions/{s}/resourceGroups/{g}/providers/Microsoft.RecoveryServices/vaults/{v}';
const ITEM = `${VAULT}/backupFabrics/{f}/protectionContainers/{c}/protectedItems/{i}`;
const REGION = '/subscriptions/{s}/providers/Microsoft.RecoveryServices/locations/{l}';

/** Operations of the backup client: `path:` and `httpMethod:` of its specs. */
function backupOperations(): readonly Operation[] {
  const found: Operation[] = [];
  for (const file of globSync(
    `${SDK}/arm-recoveryservicesbackup/dist-esm/src/{operations/*,recoveryServicesBackupClient}.js`,
  )) {
    const text = readFileSync(file, 'utf8');
    const specs = [...text.matchAll(/path:\s*"([^"]+)",\s+httpMethod: "([A-Z]+)",\s+responses: \{(.*?)\},\n {4}\w/gs)];
    assert.equal(specs.length, [...text.matchAll(/httpMethod: "/g)].length, `${file}: a spec was not read`);
    for (const [, path = '', method, responses = ''] of specs) {
      if (path === '{nextLink}') continue;
      const statuses = [...responses.matchAll(/\b(\d{3}): /g)].map(([, status = '']) => status);
      found.push({ method: method as Method, path, statuses });
    }
  }
  return found;
}

/** Operations of the vault client: URL templates, each followed by the call that sends it. */
function vaultOperations(): readonly Operation[] {
  const found: Operation[] = [];
  for (const file of globSync(`${SDK}/arm-recoveryservices/dist/esm/api/*/operations.js`)) {
    const text = readFileSync(file, 'utf8');
    for (const part of text.split('expandUrlTemplate("').slice(1)) {
      const path = part.slice(0, part.indexOf('"')).replace(/\{\?.*$/, '');
      const method = /\.path\(path\)\s*\.(get|put|post|patch|delete)\(/.exec(part)?.[1];
      assert.ok(method, `${file}: the call of ${path} was not read`);
      const statuses = /expectedStatuses = \[([^\]]*)\]/.exec(part)?.[1]?.match(/\d{3}/g);
      assert.ok(statuses, `${file}: the answers of ${path} were not read`);
      found.push({ method: method.toUpperCase() as Method, path, statuses });
    }
  }
  return found;
}

/** Of the second region: an older API that az still uses and that the package has no operations of. */
const SECOND_REGION: readonly Operation[] = [
  { method: 'GET', path: `${REGION}/backupAadProperties` },
  { method: 'POST', path: `${REGION}/backupCrossRegionRestore` },
  { method: 'POST', path: `${REGION}/backupCrrJob` },
  { method: 'POST', path: `${REGION}/backupCrrJobs` },
  { method: 'GET', path: `${REGION}/backupCrrOperationResults/{o}` },
  { method: 'GET', path: `${REGION}/backupCrrOperationsStatus/{o}` },
  { method: 'POST', path: `${ITEM}/recoveryPoints/{p}/accessToken` },
  { method: 'GET', path: `${VAULT}/backupUsageSummaries` },
];

/** What az and Azure's reference ask for beside the packages. */
const ELSEWHERE: readonly Operation[] = [
  { method: 'GET', path: `${VAULT}/operationStatus/{o}` },
  { method: 'GET', path: `${VAULT}/operationResults/{o}` },
  { method: 'PUT', path: `${VAULT}/certificates/{n}` },
  { method: 'GET', path: '/subscriptions/{s}/resourceGroups/{g}' },
  { method: 'HEAD', path: '/subscriptions/{s}/resourceGroups/{g}' },
  { method: 'PUT', path: '/subscriptions/{s}/resourceGroups/{g}' },
  { method: 'DELETE', path: '/subscriptions/{s}/resourceGroups/{g}' },
  { method: 'GET', path: '/subscriptions/{s}/resourceGroups/{g}/providers/Microsoft.Compute/virtualMachines' },
  { method: 'GET', path: '/subscriptions/{s}/resourceGroups/{g}/providers/Microsoft.Compute/virtualMachines/{n}' },
  { method: 'GET', path: '/subscriptions/{s}/resourceGroups/{g}/providers/Microsoft.Storage/storageAccounts/{n}' },
];

const tables = resourceProviders({} as Services);
const routes = tables.flatMap((table) => table.routes);

test('every operation of the official packages is served, or refused by name', () => {
  const sdk = [...backupOperations(), ...vaultOperations()];
  assert.ok(sdk.length > 95, `only ${sdk.length} operations were read`);
  const declared = new Set(routes.map(routeKey));
  const absent = [...sdk, ...SECOND_REGION, ...ELSEWHERE].map(routeKey).filter((key) => !declared.has(key));
  assert.deepEqual([...new Set(absent)], [], 'serve them, or add them to src/api/unservedPaths.ts');
});

test('what is served answers with nothing that the official client takes for an error', () => {
  const served = new Map(routes.filter((route) => !route.isRefusal).map((route) => [routeKey(route), route]));
  const wrong: string[] = [];
  let compared = 0;
  for (const { statuses = [], ...operation } of [...backupOperations(), ...vaultOperations()]) {
    const route = served.get(routeKey(operation));
    // An empty list: the generated client takes any answer.
    if (!route || statuses.length === 0) continue;
    compared++;
    for (const answer of route.answers ?? usualAnswers(route.method)) {
      if (!statuses.includes(answer.slice(0, 3))) wrong.push(`${routeKey(operation)}: ${answer}, not of ${statuses}`);
    }
  }
  assert.ok(compared > 40, `only ${compared} were compared`);
  assert.deepEqual(wrong, []);
});

test('no route is both served and refused', () => {
  const served = new Set(routes.filter((route) => !route.isRefusal).map(routeKey));
  const both = UNSERVED.flatMap((group) => group.routes.map(([method, path]) => routeKey({ method, path })));
  assert.deepEqual(
    both.filter((key) => served.has(key)),
    [],
    'these are served by now: take them out of src/api/unservedPaths.ts',
  );
  assert.equal(new Set(both).size, both.length, 'refused twice');
});

test('a refusal says what is not served and what to do instead', async () => {
  await using server = await testServer();
  for (const route of routes.filter((one) => one.isRefusal)) {
    const path = route.path
      .replace('{subscriptionId}', server.services.config.subscriptionId)
      .replace(/\{[^}]+\}/g, 'one');
    const { status, body } = await server.call(route.method, path);
    const shown = `${route.method} ${route.path}: ${JSON.stringify(body)}`;
    assert.deepEqual([status, body.error.code], [501, 'NotImplemented'], shown);
    assert.ok(body.error.message.length > 40, shown);
  }
});

test('what a route may answer can be told from what it did answer', () => {
  const headers = { location: 'x', 'azure-asyncoperation': 'y', 'retry-after': '1' };
  assert.equal(answerOf({ status: 202, headers }), '202 + Azure-AsyncOperation + Location');
  assert.equal(answerOf({ status: 201 }), '201');
  assert.equal(answerOf({ status: 404 }), undefined);
  assert.deepEqual(usualAnswers('DELETE'), ['200', '204']);
});

test('the operations of a namespace are the actions of its routes', () => {
  for (const namespace of ['Microsoft.RecoveryServices', 'Microsoft.Compute', 'Microsoft.Resources']) {
    assert.ok(
      routes.some((route) => route.path === `/providers/${namespace}/operations`),
      namespace,
    );
  }
});
