import { Type } from 'typebox';
import type { PrincipalView } from '../../arm/access.ts';
import { UUID_NAME } from '../../arm/name.ts';
import { noContent, ok } from '../../arm/respond.ts';
import { defineRoutes, type Route, type RouteTable, route } from '../../arm/route.ts';
import { cutPage } from '../../db/page.ts';
import { isoTime } from '../../lib/clock.ts';
import { CodedError } from '../../lib/error.ts';
import { requireSubscription } from '../lookups.ts';
import type { Services } from '../services.ts';
import type { PrincipalResource } from '../wire/principal.ts';

export const IDENTITY_VERSIONS = { from: '2026-01-01', to: '2026-12-31' };

const TYPE = 'Strongroom.Identity/principals';
const PRINCIPALS = '/subscriptions/{subscriptionId}/providers/Strongroom.Identity/principals';
const PRINCIPAL = `${PRINCIPALS}/{principalId}` as const;

/**
 * As far as a role assignment: whoever makes principals or their secrets may act as any of them. So it takes what
 * Owner and User Access Administrator have, and Contributor has not.
 */
const READ = 'Microsoft.Authorization/principals/read';
const WRITE = 'Microsoft.Authorization/principals/write';
const DELETE = 'Microsoft.Authorization/principals/delete';

const NAME = Type.String({ minLength: 1, maxLength: 256, pattern: '^[^\\u0000-\\u001f\\u007f]*$' });
const UPN = Type.String({
  pattern: '^[A-Za-z0-9._+-]{1,64}@[A-Za-z0-9.-]{1,255}$',
  rule: "must be a name like 'alice@example.org'",
});
const PASSWORD = Type.String({ minLength: 12, maxLength: 256, rule: 'must have 12 to 256 characters' });
const PUT_BODY = Type.Object(
  {
    properties: Type.Object(
      {
        kind: Type.Enum(['ServicePrincipal', 'User']),
        displayName: NAME,
        userPrincipalName: Type.Optional(UPN),
        password: Type.Optional(PASSWORD),
      },
      { additionalProperties: false },
    ),
  },
  { additionalProperties: false },
);
const PATCH_BODY = Type.Object(
  {
    properties: Type.Object(
      { displayName: Type.Optional(NAME), isEnabled: Type.Optional(Type.Boolean()) },
      { additionalProperties: false },
    ),
  },
  { additionalProperties: false },
);
const RESET_BODY = Type.Union([
  Type.Undefined(),
  Type.Object(
    {
      keepOthers: Type.Optional(Type.Boolean()),
      expiresOn: Type.Optional(
        Type.String({
          pattern: '^\\d{4}-\\d{2}-\\d{2}T\\d{2}:\\d{2}:\\d{2}(\\.\\d+)?Z$',
          rule: 'must be a time like 2027-01-31T00:00:00Z',
        }),
      ),
    },
    { additionalProperties: false },
  ),
]);

/** Who can sign in to this server: service principals and users. */
export const principals = (services: Services): RouteTable =>
  defineRoutes({
    type: TYPE,
    apiVersions: IDENTITY_VERSIONS,
    names: { principalId: UUID_NAME, keyId: UUID_NAME },
    routes: [...reads(services), ...writes(services), ...credentials(services)],
  });

const reads = (services: Services): Route[] => [
  route({
    method: 'GET',
    path: PRINCIPALS,
    action: READ,
    summary: 'Lists who can sign in.',
    async handler(context) {
      requireSubscription(services, context.params.subscriptionId);
      const { size, cursor } = context.page;
      const found = await services.access.directory.list(size + 1, cursor);
      const { values, next } = cutPage(found, size, ({ objectId }) => objectId);
      return context.list(
        values.map((one) => toWire(services, one)),
        next,
      );
    },
  }),
  route({
    method: 'GET',
    path: PRINCIPAL,
    action: READ,
    summary: 'Gets a principal.',
    async handler({ params }) {
      requireSubscription(services, params.subscriptionId);
      return ok(toWire(services, await requirePrincipal(services, params.principalId)));
    },
  }),
];

const writes = (services: Services): Route[] => [
  route({
    method: 'PUT',
    path: PRINCIPAL,
    action: WRITE,
    summary: 'Creates a service principal, whose secret is answered this once, or a user.',
    body: PUT_BODY,
    answers: ['201'],
    async handler({ params, body }) {
      requireSubscription(services, params.subscriptionId);
      const { principal, secret } = await services.access.directory.create(
        params.principalId,
        requestOf(body.properties),
      );
      const shown = toWire(services, principal);
      if (secret === undefined) return { status: 201, body: shown };
      return { status: 201, body: { ...shown, properties: { ...shown.properties, secretText: secret } } };
    },
  }),
  route({
    method: 'PATCH',
    path: PRINCIPAL,
    action: WRITE,
    summary: 'Renames, disables or enables a principal.',
    body: PATCH_BODY,
    async handler({ params, body }) {
      requireSubscription(services, params.subscriptionId);
      return ok(toWire(services, await services.access.directory.change(params.principalId, body.properties)));
    },
  }),
  route({
    method: 'DELETE',
    path: PRINCIPAL,
    action: DELETE,
    summary: 'Deletes a principal with its role assignments.',
    async handler({ params }) {
      requireSubscription(services, params.subscriptionId);
      const { directory } = services.access;
      if ((await directory.find(params.principalId)) === undefined) return noContent();
      await directory.remove(params.principalId);
      return { status: 200 };
    },
  }),
];

const credentials = (services: Services): Route[] => [
  route({
    method: 'POST',
    path: `${PRINCIPAL}/resetSecret`,
    action: WRITE,
    summary: 'Makes a new secret of a service principal, answered this once.',
    body: RESET_BODY,
    async handler({ params, body }) {
      requireSubscription(services, params.subscriptionId);
      const { expiresOn, keepOthers } = body ?? {};
      const made = await services.access.directory.resetSecret(params.principalId, {
        ...(keepOthers === undefined ? {} : { keepOthers }),
        ...(expiresOn === undefined ? {} : { expiresAt: timeOf(services, expiresOn) }),
      });
      return ok({ keyId: made.keyId, secretText: made.secret });
    },
  }),
  route({
    method: 'POST',
    path: `${PRINCIPAL}/setPassword`,
    action: WRITE,
    summary: "Sets a user's password and signs the user out everywhere.",
    body: Type.Object({ password: PASSWORD }, { additionalProperties: false }),
    answers: ['204'],
    async handler({ params, body }) {
      requireSubscription(services, params.subscriptionId);
      await services.access.directory.setPassword(params.principalId, body.password);
      return noContent();
    },
  }),
  route({
    method: 'POST',
    path: `${PRINCIPAL}/addCertificate`,
    action: WRITE,
    summary: 'Lets a service principal sign in with the key of a certificate.',
    body: Type.Object({ certificate: Type.String({ maxLength: 20_000 }) }, { additionalProperties: false }),
    async handler({ params, body }) {
      requireSubscription(services, params.subscriptionId);
      const { expiresAt, ...shown } = await services.access.directory.addCertificate(
        params.principalId,
        body.certificate,
      );
      return ok({ ...shown, expiresOn: isoTime(expiresAt) });
    },
  }),
  route({
    method: 'DELETE',
    path: `${PRINCIPAL}/credentials/{keyId}`,
    action: WRITE,
    summary: 'Ends a secret or a certificate.',
    async handler({ params }) {
      requireSubscription(services, params.subscriptionId);
      const wasThere = await services.access.directory.removeCredential(params.principalId, params.keyId);
      return wasThere ? { status: 200 } : noContent();
    },
  }),
];

type Properties = { kind: string; displayName: string; userPrincipalName?: string; password?: string };

/** Errors: InvalidRequestContent. */
function requestOf({ kind, displayName, userPrincipalName, password }: Properties) {
  if (kind === 'ServicePrincipal') {
    if (userPrincipalName === undefined && password === undefined) return { kind, displayName } as const;
    throw invalid('properties.password', 'A service principal has no user principal name and no password of its own.');
  }
  if (userPrincipalName === undefined) throw invalid('properties.userPrincipalName', 'A user needs one.');
  if (password === undefined) throw invalid('properties.password', 'A user needs one.');
  return { kind: 'User', displayName, userPrincipalName, password } as const;
}

const invalid = (target: string, why: string): CodedError =>
  new CodedError('InvalidRequestContent', `'${target}': ${why}`, { target });

function timeOf({ clock }: Services, text: string): number {
  const time = Date.parse(text);
  if (time > clock.now()) return time;
  throw invalid('expiresOn', 'It must lie in the future.');
}

async function requirePrincipal(services: Services, objectId: string): Promise<PrincipalView> {
  const found = await services.access.directory.find(objectId);
  if (found) return found;
  throw new CodedError('ResourceNotFound', `The principal '${objectId}' was not found.`);
}

const toWire = ({ config }: Services, one: PrincipalView): PrincipalResource => ({
  id: `/subscriptions/${config.subscriptionId}/providers/${TYPE}/${one.objectId}`,
  name: one.objectId,
  type: TYPE,
  properties: {
    objectId: one.objectId,
    kind: one.kind,
    displayName: one.displayName,
    ...(one.appId === undefined ? {} : { appId: one.appId }),
    ...(one.userPrincipalName === undefined ? {} : { userPrincipalName: one.userPrincipalName }),
    isEnabled: one.isEnabled,
    createdOn: isoTime(one.createdAt),
    secrets: one.secrets.map(({ keyId, createdAt, expiresAt }) => ({
      keyId,
      createdOn: isoTime(createdAt),
      expiresOn: expiresAt === undefined ? null : isoTime(expiresAt),
    })),
    certificates: one.certificates.map(({ expiresAt, ...rest }) => ({ ...rest, expiresOn: isoTime(expiresAt) })),
  },
});
