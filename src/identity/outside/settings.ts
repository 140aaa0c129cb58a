import { readFile } from 'node:fs/promises';
import { type Static, Type } from 'typebox';
import { Compile } from 'typebox/compile';
import { CodedError } from '../../lib/error.ts';

const ALGORITHMS = ['RS256', 'RS384', 'RS512', 'PS256', 'PS384', 'PS512', 'ES256', 'ES384', 'ES512', 'EdDSA'] as const;
const TEXT = Type.String({ minLength: 1, maxLength: 1024 });
const CLAIM = Type.String({ minLength: 1, maxLength: 128 });

const ISSUER = Type.Object(
  {
    /** The exact `iss`; keys are discovered below it unless `jwksUri` is given. */
    issuer: TEXT,
    audiences: Type.Array(TEXT, { minItems: 1, maxItems: 20 }),
    jwksUri: Type.Optional(TEXT),
    /** PEM of the authorities that the provider's certificate is under; absent: those that Node knows. */
    caFile: Type.Optional(TEXT),
    algorithms: Type.Optional(Type.Array(Type.Enum([...ALGORITHMS]), { minItems: 1 })),
    /** `typ` of its access tokens. */
    tokenType: Type.Optional(TEXT),
    /** Legal values of the tenant claim; absent: any. */
    tenants: Type.Optional(Type.Array(TEXT, { minItems: 1, maxItems: 100 })),
    claims: Type.Optional(
      Type.Object(
        {
          subject: Type.Optional(CLAIM),
          name: Type.Optional(CLAIM),
          appId: Type.Optional(CLAIM),
          tenantId: Type.Optional(CLAIM),
        },
        { additionalProperties: false },
      ),
    ),
    /** 'asGiven': the subject is a UUID and is the object id; default: an id is made of issuer and subject. */
    objectId: Type.Optional(Type.Enum(['derived', 'asGiven'])),
  },
  { additionalProperties: false },
);
const FILE = Type.Object(
  { issuers: Type.Array(ISSUER, { minItems: 1, maxItems: 20 }) },
  { additionalProperties: false },
);

export type OutsideSettings = Static<typeof ISSUER>;

/** Reads and checks the file of outside issuers. Errors: InvalidParameter, naming the field. */
export async function readOutsideSettings(path: string): Promise<readonly OutsideSettings[]> {
  const value = await readJson(path);
  const validator = Compile(FILE);
  if (!validator.Check(value)) {
    const [fault] = validator.Errors(value) as unknown as readonly { instancePath: string; message: string }[];
    throw invalid(path, `${fault?.instancePath || 'its content'} ${fault?.message ?? 'does not fit'}`);
  }
  const { issuers } = value as Static<typeof FILE>;
  for (const { issuer, jwksUri } of issuers) {
    for (const url of [issuer, ...(jwksUri === undefined ? [] : [jwksUri])]) {
      if (!URL.canParse(url) || new URL(url).protocol !== 'https:')
        throw invalid(path, `'${url}' must be an https URL`);
    }
  }
  if (new Set(issuers.map(({ issuer }) => issuer)).size < issuers.length) {
    throw invalid(path, 'an issuer stands twice');
  }
  return issuers;
}

async function readJson(path: string): Promise<unknown> {
  try {
    return JSON.parse(await readFile(path, 'utf8'));
  } catch (error) {
    throw invalid(path, 'it cannot be read as JSON', error);
  }
}

const invalid = (path: string, why: string, cause?: unknown): CodedError =>
  new CodedError('InvalidParameter', `STRONGROOM_OIDC, ${path}: ${why}.`, {
    target: 'STRONGROOM_OIDC',
    cause,
    recommendations: ['docs/access.md shows such a file.'],
  });
