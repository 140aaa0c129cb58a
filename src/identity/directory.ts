import { createHash, createPublicKey, randomUUID, X509Certificate } from 'node:crypto';
import type { CertificateView, Directory, NewPrincipalRequest, PrincipalView } from '../arm/access.ts';
import type { Database } from '../db/database.ts';
import { usableOwners } from '../db/owners.ts';
import {
  deletePrincipal,
  findPrincipal,
  findPrincipalByAppId,
  type PrincipalRecord,
  pageOfPrincipals,
  putPrincipal,
} from '../db/principals.ts';
import { deleteRefreshTokens } from '../db/refreshTokens.ts';
import type { Queries } from '../db/schema.ts';
import type { Clock } from '../lib/clock.ts';
import { CodedError } from '../lib/error.ts';
import { toPrincipal, toRecord } from './databaseStores.ts';
import { hashPassword } from './passwords.ts';
import { type CertificateRecord, isUser, type ServicePrincipal, type User } from './principalStore.ts';
import { newSecret } from './servicePrincipals.ts';

interface Parts {
  readonly db: Database;
  readonly clock: Clock;
  readonly tenantId: string;
  readonly subscriptionId: string;
}

const MAX_CREDENTIALS = 20;

/** The principals of this server, for those who manage them. */
export function directory(parts: Parts): Directory {
  const { db, clock } = parts;
  const changed = <T>(objectId: string, change: Change<T>): Promise<T> => changePrincipal(parts, objectId, change);
  return {
    list: async (limit, afterId) => (await pageOfPrincipals(db.queries, limit, afterId)).map(viewOf),
    find: async (objectId) => optionalView(await findPrincipal(db.queries, objectId)),
    findByName: async (name) => optionalView(await findPrincipalByAppId(db.queries, name)),
    create: (objectId, request) => create(parts, objectId.toLowerCase(), request),
    change: (objectId, { displayName, isEnabled }) =>
      changed(objectId, async (principal, tx) => {
        const next = { ...principal, ...(displayName === undefined ? {} : { displayName }) };
        if (isEnabled === undefined) return [next, viewOf];
        const { disabled: _, ...enabled } = next;
        if (isEnabled) return [enabled, viewOf];
        await assertNotLastOwner(parts, tx, objectId);
        await deleteRefreshTokens(tx, { principalId: principal.objectId });
        return [{ ...next, disabled: true, validFrom: clock.now() }, viewOf];
      }),
    resetSecret: (objectId, { keepOthers, expiresAt }) =>
      changed(objectId, async (principal) => {
        if (isUser(principal)) throw notFor('user', 'secret', 'A user signs in with a password.');
        const { secret, record } = newSecret(clock.now(), expiresAt);
        const secrets = [record, ...(keepOthers === true ? principal.secrets : [])];
        assertFew(secrets);
        // tokens got with a secret that is gone end with it
        const validFrom = keepOthers === true ? {} : { validFrom: clock.now() };
        return [{ ...principal, secrets, ...validFrom }, () => ({ keyId: record.keyId, secret })];
      }),
    setPassword: async (objectId, given) => {
      const password = await hashPassword(given);
      await changed(objectId, async (principal, tx) => {
        if (!isUser(principal)) throw notFor('service principal', 'password', 'Reset its secret instead.');
        await deleteRefreshTokens(tx, { principalId: principal.objectId });
        return [{ ...principal, password, validFrom: clock.now() }, () => undefined];
      });
    },
    addCertificate: (objectId, pem) => {
      const record = readCertificate(pem, clock.now());
      return changed(objectId, async (principal) => {
        if (isUser(principal)) throw notFor('user', 'certificate', 'A user signs in with a password.');
        const others = (principal.certificates ?? []).filter(({ sha256 }) => sha256 !== record.sha256);
        assertFew(others);
        return [{ ...principal, certificates: [record, ...others] }, () => certificateView(record)];
      });
    },
    removeCredential: (objectId, keyId) =>
      changed(objectId, async (principal) => {
        if (isUser(principal)) return [principal, () => false];
        const keep = (one: { readonly keyId: string }): boolean => one.keyId !== keyId;
        const secrets = principal.secrets.filter(keep);
        const certificates = (principal.certificates ?? []).filter(keep);
        const before = principal.secrets.length + (principal.certificates?.length ?? 0);
        if (secrets.length + certificates.length === before) return [principal, () => false];
        return [{ ...principal, secrets, certificates, validFrom: clock.now() }, () => true];
      }),
    remove: (objectId) =>
      db.transaction(async (tx) => {
        const record = await requirePrincipal(tx, objectId);
        await assertNotLastOwner(parts, tx, record.id);
        await deletePrincipal(tx, record.id);
      }),
  };
}

async function create(parts: Parts, objectId: string, request: NewPrincipalRequest) {
  const { tenantId, clock, db } = parts;
  const base = { objectId, tenantId, displayName: request.displayName };
  const made = request.kind === 'User' ? undefined : newSecret(clock.now());
  const principal: ServicePrincipal | User =
    request.kind === 'User'
      ? {
          ...base,
          userPrincipalName: request.userPrincipalName.toLowerCase(),
          password: await hashPassword(request.password),
        }
      : { ...base, appId: (request.appId ?? randomUUID()).toLowerCase(), secrets: [made!.record] };
  const record = toRecord(principal, clock.now());
  await db.transaction(async (tx) => {
    const taken = (await findPrincipal(tx, objectId)) ?? (await findPrincipalByAppId(tx, record.appId));
    if (taken !== undefined) {
      throw new CodedError('Conflict', `There is a principal '${record.appId}' or one of this object id already.`);
    }
    await putPrincipal(tx, record);
  });
  return { principal: viewOf(record), ...(made && { secret: made.secret }) };
}

/** What becomes of the principal, and what is answered. */
type Change<T> = (
  principal: ServicePrincipal | User,
  tx: Queries,
) => Promise<[next: ServicePrincipal | User, answer: (record: PrincipalRecord) => T]>;

const changePrincipal = <T>({ db }: Parts, objectId: string, change: Change<T>): Promise<T> =>
  db.transaction(async (tx) => {
    const before = await requirePrincipal(tx, objectId);
    const [next, answer] = await change(toPrincipal(before), tx);
    const record = toRecord(next, before.createdAt);
    await putPrincipal(tx, record);
    return answer(record);
  });

async function requirePrincipal(db: Queries, objectId: string): Promise<PrincipalRecord> {
  const found = await findPrincipal(db, objectId);
  if (found) return found;
  throw new CodedError('ResourceNotFound', `The principal '${objectId}' was not found.`);
}

async function assertNotLastOwner({ subscriptionId }: Parts, tx: Queries, objectId: string): Promise<void> {
  const owners = await usableOwners(tx, subscriptionId);
  if (owners.length === 0 || owners.some(({ principalId }) => principalId !== objectId.toLowerCase())) return;
  throw new CodedError('Conflict', 'It is the last owner of the subscription that can sign in.', {
    recommendations: ['Give the role Owner to another principal first.'],
  });
}

/** Errors: InvalidParameter. */
function readCertificate(pem: string, now: number): CertificateRecord {
  const invalid = (why: string, cause?: unknown) =>
    new CodedError('InvalidParameter', `The certificate ${why}.`, { target: 'certificate', cause });
  let certificate: X509Certificate;
  try {
    certificate = new X509Certificate(pem);
  } catch (error) {
    throw invalid('must be X.509 in PEM', error);
  }
  const key = createPublicKey(certificate.publicKey.export({ type: 'spki', format: 'pem' }));
  const bits = key.asymmetricKeyDetails?.modulusLength ?? 0;
  if (key.asymmetricKeyType !== 'rsa' || bits < 2048) throw invalid('must have an RSA key of 2048 bits or more');
  const expiresAt = certificate.validToDate.getTime();
  if (expiresAt <= now) throw invalid('has expired');
  const digest = (algorithm: string) => createHash(algorithm).update(certificate.raw).digest('hex');
  const about = { subject: certificate.subject.replaceAll('\n', ', ').slice(0, 256), expiresAt };
  // written out anew: a private key in the same text is not kept
  return { keyId: randomUUID(), pem: certificate.toString(), sha1: digest('sha1'), sha256: digest('sha256'), ...about };
}

function assertFew(credentials: readonly unknown[]): void {
  if (credentials.length < MAX_CREDENTIALS) return;
  throw new CodedError('InvalidParameter', `A principal has at most ${MAX_CREDENTIALS} secrets and certificates each.`);
}

const notFor = (kind: string, what: string, instead: string): CodedError =>
  new CodedError('InvalidParameter', `A ${kind} has no ${what}. ${instead}`);

const optionalView = (record: PrincipalRecord | undefined): PrincipalView | undefined => record && viewOf(record);

function viewOf(record: PrincipalRecord): PrincipalView {
  const principal = toPrincipal(record);
  const { objectId, displayName } = principal;
  const common = { objectId, displayName, isEnabled: principal.disabled !== true, createdAt: record.createdAt };
  if (isUser(principal)) {
    const { userPrincipalName } = principal;
    return { ...common, kind: 'User', userPrincipalName, secrets: [], certificates: [] };
  }
  return {
    ...common,
    kind: 'ServicePrincipal',
    appId: principal.appId,
    secrets: principal.secrets.map(({ keyId, createdAt, expiresAt }) => ({
      ...{ keyId, createdAt },
      ...(expiresAt === undefined ? {} : { expiresAt }),
    })),
    certificates: (principal.certificates ?? []).map(certificateView),
  };
}

const certificateView = ({ keyId, sha1, subject, expiresAt }: CertificateRecord): CertificateView => ({
  ...{ keyId, thumbprint: sha1.toUpperCase(), subject, expiresAt },
});
