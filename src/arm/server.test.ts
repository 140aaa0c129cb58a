import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import type { FastifyInstance, LightMyRequestResponse } from 'fastify';
import Type from 'typebox';
import { CodedError } from '../lib/error.ts';
import { silentLogger } from '../lib/log.ts';
import { TurnedClock } from '../lib/turnedClock.ts';
import { accepted, created, noContent, ok } from './respond.ts';
import { defineRoutes, route } from './route.ts';
import { createArmServer } from './server.ts';

const SUBSCRIPTION = '11111111-2222-3333-4444-555555555555';
const ROOT = '/subscriptions/{subscriptionId}/resourceGroups/{resourceGroupName}/providers/Demo.Wine/cellars';
const CELLAR = `${ROOT}/{cellarName}` as const;
const AT = `/subscriptions/${SUBSCRIPTION}/resourceGroups/Rg1/providers/Demo.Wine/cellars`;
const V = 'api-version=2024-01-01';

const BODY = Type.Object(
  {
    location: Type.String({ minLength: 1 }),
    properties: Type.Optional(
      Type.Object(
        {
          state: Type.Optional(Type.Union([Type.Literal('Open'), Type.Literal('Shut')])),
          barrels: Type.Optional(Type.Array(Type.Object({ litres: Type.Integer({ minimum: 1 }) }))),
        },
        { additionalProperties: false },
      ),
    ),
  },
  { additionalProperties: false },
);

const names = Array.from({ length: 450 }, (_, index) => ({ name: `c${String(index).padStart(3, '0')}` }));

const cellars = defineRoutes({
  type: 'Demo.Wine/cellars',
  apiVersions: { from: '2020-01-01', to: '2026-01-01' },
  names: { cellarName: { pattern: /^[A-Za-z][A-Za-z0-9-]{1,49}$/, rule: '2 to 50 letters, digits or hyphens' } },
  routes: [
    route({
      method: 'GET',
      path: ROOT,
      action: 'Demo.Wine/cellars/read',
      summary: 'Lists cellars.',
      filter: { name: 'string' },
      handler: (context) =>
        context.listFrom(
          names,
          (item) => item.name,
          (item) => item,
        ),
    }),
    route({
      method: 'GET',
      path: CELLAR,
      action: 'Demo.Wine/cellars/read',
      summary: 'Gets a cellar.',
      query: Type.Object({ $expand: Type.Optional(Type.Union([Type.Literal('barrels')])) }),
      handler: ({ params, query, path, apiVersion, correlationId }) => {
        if (params.cellarName === 'absent') throw new CodedError('ResourceNotFound', 'No such cellar.');
        if (params.cellarName === 'broken') throw new Error('secret detail of a bug');
        return ok({ name: params.cellarName, expand: query.$expand, path, apiVersion, correlationId });
      },
    }),
    route({
      method: 'PUT',
      path: CELLAR,
      action: 'Demo.Wine/cellars/write',
      summary: 'Makes a cellar.',
      body: BODY,
      handler: ({ body }) => created({ location: body.location }),
    }),
    route({
      method: 'POST',
      path: `${CELLAR}/air`,
      action: 'Demo.Wine/cellars/air/action',
      summary: 'Airs a cellar.',
      handler: (context) => {
        assert.equal(context.body, undefined);
        const base = context.path.replace(/\/air$/, '');
        return accepted(context, { statusPath: `${base}/operations/1`, resultPath: `${base}/operationResults/1` });
      },
    }),
    route({
      method: 'DELETE',
      path: CELLAR,
      action: 'Demo.Wine/cellars/delete',
      access: 'authenticated',
      summary: 'Deletes a cellar.',
      handler: async (context) => {
        await context.demand('Demo.Wine/cellars/delete', context.path);
        return noContent();
      },
    }),
  ],
});

const waiting = defineRoutes({
  type: 'Demo.Wine/waits',
  apiVersions: { from: '2020-01-01', to: '2026-01-01' },
  routes: [
    route({
      method: 'GET',
      path: '/subscriptions/{subscriptionId}/providers/Demo.Wine/waits',
      action: 'Demo.Wine/waits/read',
      summary: 'Answers when it is given up.',
      handler: ({ signal }) =>
        new Promise((_resolve, reject) => signal.addEventListener('abort', () => reject(signal.reason))),
    }),
  ],
});

let app: FastifyInstance;
const asked: string[] = [];

before(async () => {
  app = await createArmServer({
    tls: { key: '', cert: '' },
    baseUrl: 'https://vault.example:8443/',
    providers: [cellars, waiting],
    publicPlugins: [
      async (plugin) => {
        plugin.get('/page', async (_request, reply) =>
          reply.header('content-security-policy', "default-src 'self'").send('page'),
        );
      },
    ],
    authenticate: async (header) => {
      if (header === undefined) throw new CodedError('AuthenticationFailed', 'The header is missing.');
      if (!header.startsWith('Bearer ')) throw new CodedError('InvalidAuthenticationToken', 'Not a bearer token.');
      const who = header.slice('Bearer '.length);
      return { objectId: who, tenantId: 't', appId: 'app', name: who };
    },
    authorize: async (principal, action, scope) => {
      asked.push(`${action} ${scope}`);
      return principal.objectId !== 'stranger';
    },
    authorizationUri: 'https://vault.example:8443/t',
    log: silentLogger,
    clock: new TurnedClock(),
    requestsPerMinute: 400,
    handlerTimeoutMs: 500,
  });
});
after(() => app.close());

const send = (method: string, url: string, options: { who?: string; body?: unknown; headers?: object } = {}) =>
  app.inject({
    method: method as 'GET',
    url,
    headers: {
      authorization: `Bearer ${options.who ?? 'keeper'}`,
      ...(options.body === undefined ? {} : { 'content-type': 'application/json' }),
      ...options.headers,
    },
    ...(options.body === undefined ? {} : { payload: options.body as string }),
  });

const codeOf = (response: LightMyRequestResponse): string => response.json().error.code;

test('any case, doubled and trailing slashes reach the route; names keep their case', async () => {
  const url = `/SUBSCRIPTIONS/${SUBSCRIPTION}//resourcegroups/Rg1/Providers/demo.wine/CELLARS/North-1/?API-version=2024-01-01`;
  const response = await send('GET', url);
  assert.equal(response.statusCode, 200);
  assert.equal(response.json().name, 'North-1');
  assert.equal(response.json().path, `${AT}/North-1`);
  assert.equal(asked.at(-1), `Demo.Wine/cellars/read ${AT}/North-1`);
});

test('every answer carries the ARM headers, errors too', async () => {
  const ids = {
    'x-ms-client-request-id': 'mine-1',
    'x-ms-correlation-request-id': 'aaaaaaaa-bbbb-cccc-dddd-eeeeeeeeeeee',
  };
  for (const url of [`${AT}/north?${V}`, '/nowhere', `${AT}/broken?${V}`]) {
    const { headers } = await send('GET', url, { headers: ids });
    assert.match(String(headers['x-ms-request-id']), /^[0-9a-f-]{36}$/);
    assert.equal(headers['x-ms-correlation-request-id'], 'aaaaaaaa-bbbb-cccc-dddd-eeeeeeeeeeee');
    assert.equal(headers['x-ms-client-request-id'], 'mine-1');
    assert.equal(headers['cache-control'], 'no-store');
    assert.equal(headers['x-content-type-options'], 'nosniff');
    assert.match(String(headers['content-security-policy']), /default-src 'none'/);
  }
});

test('a caller is known before anything else is told', async () => {
  const response = await app.inject({ method: 'GET', url: `${AT}/absent` });
  assert.equal(response.statusCode, 401);
  assert.equal(codeOf(response), 'AuthenticationFailed');
  assert.equal(
    response.headers['www-authenticate'],
    'Bearer authorization_uri="https://vault.example:8443/t", error="invalid_request", error_description="AuthenticationFailed"',
  );
});

test('who lacks the right gets ARM’s words, for absent resources too', async () => {
  for (const name of ['north', 'absent']) {
    const response = await send('GET', `${AT}/${name}?${V}`, { who: 'stranger' });
    assert.equal(response.statusCode, 403);
    assert.match(
      response.json().error.message,
      new RegExp(
        `^The client 'app' with object id 'stranger' does not have authorization to perform action 'Demo.Wine/cellars/read' over scope '${AT}/${name}' or the scope is invalid`,
      ),
    );
  }
  assert.equal((await send('DELETE', `${AT}/north?${V}`, { who: 'stranger' })).statusCode, 403);
  assert.equal((await send('DELETE', `${AT}/north?${V}`)).statusCode, 204);
});

test('api-version is asked for, checked and echoed', async () => {
  const cases: [query: string, code: string][] = [
    ['', 'MissingApiVersionParameter'],
    ['?api-version=', 'MissingApiVersionParameter'],
    ['?api-version=latest', 'InvalidApiVersionParameter'],
    ['?api-version=2024-02-31', 'InvalidApiVersionParameter'],
    ['?api-version=2019-12-31', 'NoRegisteredProviderFound'],
    ['?api-version=2026-01-02', 'NoRegisteredProviderFound'],
    [`?${V}&${V}`, 'InvalidParameter'],
    [`?${V}&API-VERSION=2024-01-01`, 'InvalidParameter'],
  ];
  for (const [query, code] of cases) {
    const response = await send('GET', `${AT}/north${query}`);
    assert.equal(response.statusCode, 400, query);
    assert.equal(codeOf(response), code, query);
  }
  const preview = await send('GET', `${AT}/north?api-version=2024-01-01-preview`);
  assert.equal(preview.json().apiVersion, '2024-01-01-preview');
});

test('unknown paths and methods', async () => {
  assert.equal(codeOf(await send('GET', '/nowhere')), 'NotFound');
  assert.equal(
    codeOf(await send('GET', `/subscriptions/${SUBSCRIPTION}/providers/Other.Wine/x?${V}`)),
    'InvalidResourceNamespace',
  );
  assert.equal(
    codeOf(await send('GET', `/subscriptions/${SUBSCRIPTION}/providers/Demo.Wine/x?${V}`)),
    'InvalidResourceType',
  );
  for (const method of ['PATCH', 'OPTIONS', 'HEAD', 'POST']) {
    const response = await send(method, `${AT}/north?${V}`);
    assert.equal(response.statusCode, 405, method);
    assert.equal(response.headers.allow, 'DELETE, GET, PUT');
  }
});

test('a body is held to its schema, and the answer names field, rule and legal values', async () => {
  const cases: [body: unknown, target: string, message: RegExp][] = [
    ['{}', 'location', /'location' is required/],
    ['{"location":""}', 'location', /fewer than 1/],
    ['{"location":"x","colour":"red"}', 'colour', /not known; legal fields here: location, properties/],
    ['{"location":"x","properties":{"state":"Ajar"}}', 'properties.state', /must be one of 'Open', 'Shut'/],
    ['{"location":"x","properties":{"barrels":[{"litres":1},{"litres":0}]}}', 'properties.barrels[1].litres', />= 1/],
    ['[]', '$', /must be of type object/],
  ];
  for (const [body, target, message] of cases) {
    const response = await send('PUT', `${AT}/north?${V}`, { body });
    assert.equal(response.statusCode, 400, String(body));
    const { error } = response.json();
    assert.equal(error.code, 'InvalidRequestContent');
    assert.equal(error.target, target);
    assert.match(error.message, message);
    assert.equal(error.details[0].target, target);
  }
  assert.match((await send('PUT', `${AT}/north?${V}`)).json().error.message, /needs a JSON body/);
  assert.equal((await send('PUT', `${AT}/north?${V}`, { body: '{"location":"x"}' })).statusCode, 201);
  assert.equal(codeOf(await send('GET', `${AT}/north?${V}&$expand=corks`)), 'InvalidParameter');
  assert.equal((await send('GET', `${AT}/north?${V}&$EXPAND=barrels`)).json().expand, 'barrels');
});

test('operation URLs begin with the configured base URL, whatever Host says', async () => {
  const response = await send('POST', `${AT}/north/air?${V}`, {
    headers: { host: 'evil.example' },
    body: '{"ignored":1}',
  });
  assert.equal(response.statusCode, 202);
  assert.equal(response.headers['azure-asyncoperation'], `https://vault.example:8443${AT}/north/operations/1?${V}`);
  assert.equal(response.headers.location, `https://vault.example:8443${AT}/north/operationResults/1?${V}`);
  assert.equal(response.headers['retry-after'], '1');
  assert.equal(response.body, '');
});

test('a list comes in pages that join without loss, each link bound to caller, list and filter', async () => {
  const seen: string[] = [];
  let url: string | undefined = `${AT}?${V}&$top=150`;
  let link = '';
  while (url !== undefined) {
    const page: { value: { name: string }[]; nextLink?: string } = (await send('GET', url)).json();
    seen.push(...page.value.map((item) => item.name));
    link = page.nextLink ?? link;
    url = page.nextLink?.slice('https://vault.example:8443'.length);
  }
  assert.deepEqual(
    seen,
    names.map((item) => item.name),
  );
  const path = link.slice('https://vault.example:8443'.length);
  assert.equal(codeOf(await send('GET', path, { who: 'other' })), 'InvalidSkipToken');
  assert.equal(codeOf(await send('GET', `${path}&$filter=name eq 'x'`)), 'InvalidSkipToken');
  assert.equal(codeOf(await send('GET', path.replace('Rg1', 'Rg2'))), 'InvalidSkipToken');
  assert.equal(codeOf(await send('GET', `${AT}?${V}&$skipToken=AAAA`)), 'InvalidSkipToken');
  assert.equal((await send('GET', `${AT}?${V}`)).json().value.length, 200);
  for (const top of ['0', '-1', '1e3', '1001', 'x', '']) {
    assert.equal(codeOf(await send('GET', `${AT}?${V}&$top=${top}`)), 'InvalidParameter', top);
  }
});

test('a filter is refused where none is served and where it is wrong', async () => {
  assert.equal(codeOf(await send('GET', `${AT}/north?${V}&$filter=name eq 'a'`)), 'InvalidFilter');
  assert.equal(codeOf(await send('GET', `${AT}?${V}&$filter=colour eq 'a'`)), 'InvalidFilter');
  assert.equal((await send('GET', `${AT}?${V}&$filter=name+eq+'a'`)).statusCode, 200);
});

test('a bug is answered without its words', async () => {
  const response = await send('GET', `${AT}/broken?${V}`);
  assert.equal(response.statusCode, 500);
  assert.equal(codeOf(response), 'InternalServerError');
  assert.doesNotMatch(response.body, /secret/);
});

test('too many requests of one caller are slowed, of another not', async () => {
  let last = await send('GET', `${AT}/north?${V}`, { who: 'flood' });
  for (let i = 0; i < 400; i += 1) last = await send('GET', `${AT}/north?${V}`, { who: 'flood' });
  assert.equal(last.statusCode, 429);
  assert.equal(last.headers['x-ms-ratelimit-remaining-subscription-reads'], '0');
  assert.equal(codeOf(last), 'TooManyRequests');
  assert.ok(Number(last.headers['retry-after']) >= 1);
  assert.equal((await send('GET', `${AT}/north?${V}`, { who: 'calm' })).statusCode, 200);
});

test('a handler that takes too long is given up, and the caller is told to look before trying again', async () => {
  const response = await send('GET', `/subscriptions/${SUBSCRIPTION}/providers/Demo.Wine/waits?${V}`);
  assert.equal(response.statusCode, 503);
  assert.equal(codeOf(response), 'ServiceUnavailable');
  assert.match(response.json().error.message, /may still take effect/);
});

test('no declared route is reached without a token', async () => {
  for (const { method, path } of [...cellars.routes, ...waiting.routes]) {
    const url = `${path.replace('{subscriptionId}', SUBSCRIPTION).replace(/\{\w+\}/g, 'name')}?${V}`;
    assert.equal((await app.inject({ method, url })).statusCode, 401, `${method} ${path}`);
  }
});

test('an empty body with a content type is no body', async () => {
  assert.equal((await send('POST', `${AT}/north/air?${V}`, { body: '' })).statusCode, 202);
  assert.equal((await send('DELETE', `${AT}/north?${V}`, { body: '' })).statusCode, 204);
});

test('a public page sets its own policy; the rest of the headers stay', async () => {
  const { headers } = await app.inject('/page');
  assert.equal(headers['content-security-policy'], "default-src 'self'");
  assert.equal(headers['x-content-type-options'], 'nosniff');
});

test('health is told without a token', async () => {
  assert.deepEqual((await app.inject('/healthz')).json(), { status: 'ok' });
});
