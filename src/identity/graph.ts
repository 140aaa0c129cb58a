import { randomUUID } from 'node:crypto';
import type { FastifyPluginAsync, FastifyRequest } from 'fastify';
import type { Directory, PrincipalView } from '../arm/access.ts';
import type { Authenticate, Principal } from '../arm/principal.ts';
import { isoTime } from '../lib/clock.ts';
import { CodedError, httpStatus, isCoded } from '../lib/error.ts';
import type { Trail } from './auditTrail.ts';
import { directoryFilter } from './graph/filter.ts';
import { toApplication, toObject } from './graph/objects.ts';
import type { Authorizer } from './rbac.ts';

export interface GraphOptions {
  readonly baseUrl: string;
  readonly subscriptionId: string;
  readonly directory: Directory;
  /** Takes tokens for the directory only. */
  readonly authenticate: Authenticate;
  readonly authorizer: Authorizer;
  readonly trail: Trail;
}

/** What a token for the directory is made out to. */
export const graphAudiences = (baseUrl: string): readonly string[] => {
  const own = `${baseUrl.replace(/\/+$/, '')}/graph`;
  return [own, `${own}/`];
};

const ROOT = '/graph/v1.0';
const PAGE = 100;
const MAX_IDS = 1000;

type Body = Readonly<Record<string, unknown>>;
type Request = FastifyRequest<{ Params: { id: string }; Querystring: Record<string, string> }>;

/**
 * The part of Microsoft Graph that az needs to find principals by name and to make service principals:
 * `/graph/v1.0`. Reading and writing take the same permissions as Strongroom.Identity/principals.
 */
export function graph(options: GraphOptions): FastifyPluginAsync {
  const { directory } = options;
  const desk = new GraphDesk(options);
  return async (app) => {
    app.get(`${ROOT}/me`, async (request: Request) => {
      const who = await options.authenticate(request.headers.authorization);
      return toObject(await required(directory, who.objectId, 'User'));
    });
    for (const [name, kind, show] of COLLECTIONS) {
      app.get(`${ROOT}/${name}`, (request: Request) => desk.list(request, name, kind, show));
      app.get(`${ROOT}/${name}/:id`, async (request: Request) => {
        await desk.reader(request);
        return show(await required(directory, request.params.id, kind));
      });
    }
    app.post(`${ROOT}/directoryObjects/getByIds`, async (request: Request) => {
      await desk.reader(request);
      const ids = Array.isArray(bodyOf(request).ids) ? (bodyOf(request).ids as unknown[]).slice(0, MAX_IDS) : [];
      const found = await Promise.all(ids.map((id) => directory.find(String(id))));
      return { value: found.filter((one) => one !== undefined).map(toObject) };
    });
    app.post(`${ROOT}/applications`, async (request: Request, reply) =>
      reply.code(201).send(await desk.write(request, 'write', () => createApplication(directory, bodyOf(request)))),
    );
    // the application was made with its service principal: there is nothing left to do
    app.post(`${ROOT}/servicePrincipals`, async (request: Request, reply) => {
      const found = await desk.write(request, 'write', () => directory.findByName(String(bodyOf(request).appId)));
      if (found === undefined) throw notFound(String(bodyOf(request).appId));
      return reply.code(201).send(toObject(found));
    });
    app.patch(`${ROOT}/applications/:id`, async (request: Request, reply) => {
      await desk.write(request, 'write', () => updateApplication(directory, request.params.id, bodyOf(request)));
      return reply.code(204).send();
    });
    app.post(`${ROOT}/applications/:id/addPassword`, (request: Request) =>
      desk.write(request, 'write', () => addPassword(directory, request.params.id, bodyOf(request))),
    );
    app.post(`${ROOT}/applications/:id/removePassword`, async (request: Request, reply) => {
      const keyId = String(bodyOf(request).keyId);
      await desk.write(request, 'write', () => directory.removeCredential(request.params.id, keyId));
      return reply.code(204).send();
    });
    for (const name of ['applications', 'servicePrincipals']) {
      app.delete(`${ROOT}/${name}/:id`, async (request: Request, reply) => {
        await desk.write(request, 'delete', () => directory.remove(request.params.id));
        return reply.code(204).send();
      });
    }
  };
}

type Kind = PrincipalView['kind'];
type Show = (one: PrincipalView) => Record<string, unknown>;
const COLLECTIONS: readonly (readonly [name: string, kind: Kind, show: Show])[] = [
  ['users', 'User', toObject],
  ['servicePrincipals', 'ServicePrincipal', toObject],
  ['applications', 'ServicePrincipal', toApplication],
];

class GraphDesk {
  readonly #options: GraphOptions;

  constructor(options: GraphOptions) {
    this.#options = options;
  }

  /** Errors: those of authenticate; AuthorizationFailed. */
  async reader(request: Request): Promise<void> {
    await this.#demand(await this.#options.authenticate(request.headers.authorization), 'read');
  }

  async list(request: Request, name: string, kind: Kind, show: Show): Promise<object> {
    await this.reader(request);
    const fits = directoryFilter(request.query.$filter);
    const value: object[] = [];
    let after: string | undefined = request.query.$skiptoken;
    for (;;) {
      const page = await this.#options.directory.list(PAGE, after);
      for (const one of page) if (one.kind === kind && fits(one)) value.push(show(one));
      after = page.at(-1)?.objectId;
      if (page.length < PAGE || after === undefined) return { value };
      if (value.length >= PAGE) {
        const kept = request.query.$filter === undefined ? '' : `$filter=${encodeURIComponent(request.query.$filter)}&`;
        const base = this.#options.baseUrl.replace(/\/+$/, '');
        return { value, '@odata.nextLink': `${base}${ROOT}/${name}?${kept}$skiptoken=${after}` };
      }
    }
  }

  /** Between two entries of the audit trail. Errors: AuthorizationFailed, and those of `work`. */
  async write<T>(request: Request, what: 'write' | 'delete', work: () => Promise<T>): Promise<T> {
    const { trail, authenticate } = this.#options;
    const principal = await authenticate(request.headers.authorization);
    const about = {
      ...{ correlationId: request.id, principal, action: `Microsoft.Authorization/principals/${what}` },
      ...{ path: request.url.split('?', 1)[0] ?? '', method: request.method, address: request.ip },
    };
    try {
      await this.#demand(principal, what);
    } catch (error) {
      await trail.refused({ ...about, status: 'Failed', httpStatus: 403, errorCode: 'AuthorizationFailed' });
      throw error;
    }
    await trail.begin({ ...about, status: 'Started' });
    try {
      const result = await work();
      await trail.end({ ...about, status: 'Succeeded', httpStatus: 200 });
      return result;
    } catch (error) {
      const errorCode = isCoded(error) ? error.code : 'InternalServerError';
      await trail.end({ ...about, status: 'Failed', httpStatus: httpStatus(errorCode), errorCode });
      throw error;
    }
  }

  async #demand(who: Principal, what: 'read' | 'write' | 'delete'): Promise<void> {
    const { authorizer, subscriptionId } = this.#options;
    const action = `Microsoft.Authorization/principals/${what}`;
    if (await authorizer.authorize(who, action, `/subscriptions/${subscriptionId}`)) return;
    const message = `Insufficient privileges to complete the operation: '${who.appId}' needs '${action}' on the subscription.`;
    throw new CodedError('AuthorizationFailed', message);
  }
}

async function createApplication(directory: Directory, body: Body): Promise<object> {
  const { displayName, keyCredentials } = body;
  if (typeof displayName !== 'string' || displayName === '' || displayName.length > 256) {
    throw new CodedError('InvalidRequestContent', "'displayName' must be a text of 1 to 256 characters.");
  }
  const objectId = randomUUID();
  const { principal } = await directory.create(objectId, { kind: 'ServicePrincipal', displayName });
  // Graph makes applications without a secret; one is asked for by addPassword
  for (const { keyId } of principal.secrets) await directory.removeCredential(objectId, keyId);
  await addKeys(directory, objectId, keyCredentials);
  return toApplication(await required(directory, objectId, 'ServicePrincipal'));
}

async function updateApplication(directory: Directory, id: string, body: Body): Promise<void> {
  await required(directory, id, 'ServicePrincipal');
  if (typeof body.displayName === 'string') await directory.change(id, { displayName: body.displayName.slice(0, 256) });
  await addKeys(directory, id, body.keyCredentials);
}

async function addKeys(directory: Directory, id: string, keys: unknown): Promise<void> {
  if (!Array.isArray(keys)) return;
  for (const { key } of keys as readonly { readonly key?: unknown }[]) {
    if (typeof key !== 'string') continue;
    const lines = key.replace(/\s/g, '').match(/.{1,64}/g) ?? [];
    const pem = `-----BEGIN CERTIFICATE-----\n${lines.join('\n')}\n-----END CERTIFICATE-----\n`;
    await directory.addCertificate(id, pem);
  }
}

async function addPassword(directory: Directory, id: string, body: Body): Promise<object> {
  const asked = (body.passwordCredential ?? {}) as { readonly endDateTime?: unknown; readonly displayName?: unknown };
  const end = typeof asked.endDateTime === 'string' ? Date.parse(asked.endDateTime) : Number.NaN;
  const expiry = Number.isNaN(end) ? {} : { expiresAt: end };
  const { keyId, secret } = await directory.resetSecret(id, { keepOthers: true, ...expiry });
  const endDateTime = Number.isNaN(end) ? null : isoTime(end);
  return { keyId, secretText: secret, endDateTime, displayName: asked.displayName ?? null };
}

async function required(directory: Directory, id: string, kind: Kind): Promise<PrincipalView> {
  const found = await directory.find(id);
  if (found?.kind === kind) return found;
  throw notFound(id);
}

const notFound = (id: string): CodedError =>
  new CodedError(
    'NotFound',
    `Resource '${id.slice(0, 64)}' does not exist or one of its queried references is not present.`,
  );

const bodyOf = (request: Request): Body => (request.body ?? {}) as Body;
