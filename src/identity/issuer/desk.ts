import { isUser, type PrincipalStore, type User } from '../principalStore.ts';
import type { SignInEvent } from '../signInEvent.ts';
import { DEVICE_CODE_SECONDS, type DeviceCodes } from './deviceCodes.ts';
import type { RefreshTokens } from './refreshTokens.ts';
import { invalidGrant, invalidRequest, isRefusal, type Refusal } from './refusal.ts';
import type { SignIn } from './signIn.ts';
import type { Mint, TokenAnswer } from './tokens.ts';

export type Form = Readonly<Record<string, unknown>>;

export interface DeskParts {
  readonly baseUrl: string;
  readonly tenantId: string;
  readonly principals: PrincipalStore;
  /** What tokens may be asked for. */
  readonly audiences: readonly string[];
  readonly signIn: SignIn;
  readonly mint: Mint;
  readonly devices: DeviceCodes;
  readonly refresh: RefreshTokens;
  readonly onSignIn: (event: SignInEvent) => Promise<void>;
}

const DEVICE_GRANT = 'urn:ietf:params:oauth:grant-type:device_code';
export const GRANTS = ['client_credentials', 'password', 'refresh_token', DEVICE_GRANT];
const POLL_SECONDS = 5;

/** Applications that people sign in with; they have no secret. */
const PUBLIC_CLIENTS: Readonly<Record<string, string>> = {
  '04b07795-8ddb-461a-bbee-02f9e1bf7b46': 'Azure CLI',
  '1950a258-227b-4e31-a9cf-717495945fc2': 'Azure PowerShell',
};

/** The token endpoint's grants. */
export class TokenDesk {
  readonly #parts: DeskParts;

  constructor(parts: DeskParts) {
    this.#parts = parts;
  }

  /** `adfs` is az's name for an authority that is not on the internet; `common` and `organizations` mean the only tenant. */
  knows(tenant: string): boolean {
    return ['adfs', 'common', 'organizations', this.#parts.tenantId.toLowerCase()].includes(tenant.toLowerCase());
  }

  unknownTenant(tenant: string): Refusal {
    return invalidRequest(
      90002,
      `Tenant '${tenant.slice(0, 64)}' not found. Check that you have the correct tenant id.`,
    );
  }

  async token(tenant: string, form: Form, address: string): Promise<Refusal | TokenAnswer> {
    if (!this.knows(tenant)) return this.unknownTenant(tenant);
    const grant = text(form.grant_type);
    if (!GRANTS.includes(grant)) {
      const why = `The grant type must be one of ${GRANTS.map((one) => `'${one}'`).join(', ')}.`;
      return { status: 400, error: 'unsupported_grant_type', number: 70003, why };
    }
    const answer = await this.#byGrant(grant, form, address);
    const { refusal, name, principalId } = answer;
    // a poll that comes too early is no attempt
    if (refusal?.error !== 'authorization_pending') {
      const who = { name: name.slice(0, 64), ...(principalId === undefined ? {} : { principalId }) };
      const number = refusal === undefined ? {} : { number: refusal.number };
      await this.#parts.onSignIn({ isSuccess: refusal === undefined, grant, ...who, address, ...number });
    }
    return answer.refusal ?? answer.token;
  }

  /** RFC 8628, section 3.2. */
  deviceCode(tenant: string, form: Form): Refusal | Record<string, unknown> {
    if (!this.knows(tenant)) return this.unknownTenant(tenant);
    const audience = this.#audience(form);
    if (isRefused(audience)) return audience;
    const client = publicClient(form);
    if (isRefused(client)) return client;
    const { deviceCode, userCode } = this.#parts.devices.begin(client, audience);
    const page = `${this.#parts.baseUrl}/${tenant.toLowerCase() === 'adfs' ? 'adfs' : this.#parts.tenantId}/device`;
    return {
      device_code: deviceCode,
      user_code: userCode,
      verification_uri: page,
      verification_url: page,
      expires_in: DEVICE_CODE_SECONDS,
      interval: POLL_SECONDS,
      message: `To sign in, use a web browser to open the page ${page} and enter the code ${userCode} to authenticate.`,
    };
  }

  async #byGrant(grant: string, form: Form, address: string): Promise<Granted> {
    const name = text(form.username) || text(form.client_id);
    const refused = (refusal: Refusal): Granted => ({ refusal, name });
    const audience = this.#audience(form);
    if (isRefused(audience) && grant !== DEVICE_GRANT) return refused(audience);
    if (grant === 'client_credentials') return this.#clientCredentials(form, audience as string, address);
    const client = publicClient(form);
    if (isRefused(client)) return refused(client);
    if (grant === 'password') {
      const user = await this.#parts.signIn.user(text(form.username), text(form.password), address);
      return isRefusal(user) ? refused(user) : this.#welcome(user, client, audience as string);
    }
    if (grant === 'refresh_token') return this.#refresh(text(form.refresh_token), client, audience as string);
    return this.#device(text(form.device_code) || text(form.code), client);
  }

  async #clientCredentials(form: Form, audience: string, address: string): Promise<Granted> {
    const appId = text(form.client_id);
    const assertion = typeof form.client_assertion === 'string' ? { assertion: form.client_assertion } : {};
    const credentials = {
      secret: text(form.client_secret),
      assertionType: text(form.client_assertion_type),
      ...assertion,
    };
    const found = await this.#parts.signIn.client(appId, credentials, address);
    if (isRefusal(found)) return { refusal: found, name: appId };
    const token = await this.#parts.mint.forServicePrincipal(found, audience);
    return { token, name: found.displayName, principalId: found.objectId };
  }

  async #refresh(token: string, client: string, audience: string): Promise<Granted> {
    const found = await this.#parts.refresh.redeem(token, client);
    const user = found && (await this.#user(found.principalId));
    if (found === undefined || user === undefined) {
      const refusal = invalidGrant(700082, 'The refresh token has expired or was used before. Sign in again.');
      return { refusal, name: client };
    }
    return this.#welcome(user, client, audience, found.family);
  }

  async #device(code: string, client: string): Promise<Granted> {
    const found = this.#parts.devices.take(code, client);
    if (found === undefined) {
      const why = 'The device code is unknown or has expired. Begin the sign-in again.';
      return { refusal: { status: 400, error: 'expired_token', number: 70020, why }, name: client };
    }
    if (found.approvedBy === undefined) {
      const why = 'The sign-in with this code has not been ended yet. Continue to poll.';
      return { refusal: { status: 400, error: 'authorization_pending', number: 70016, why }, name: client };
    }
    const user = await this.#user(found.approvedBy);
    if (user === undefined)
      return { refusal: invalidGrant(50034, 'The user account is no longer there.'), name: client };
    return this.#welcome(user, client, found.audience);
  }

  async #user(objectId: string): Promise<User | undefined> {
    const found = await this.#parts.principals.findById(objectId);
    return found !== undefined && isUser(found) && found.disabled !== true ? found : undefined;
  }

  async #welcome(user: User, client: string, audience: string, family?: string): Promise<Granted> {
    const token = {
      ...(await this.#parts.mint.forUser(user, client, audience)),
      refresh_token: await this.#parts.refresh.issue(user.objectId, client, family),
    };
    return { token, name: user.userPrincipalName, principalId: user.objectId };
  }

  /** v2 asks by `scope` ('{audience}/.default'), v1 by `resource`; the audience goes into the token as it was asked. */
  #audience(form: Form): string | Refusal {
    const scope = text(form.scope)
      .split(' ')
      .find((one) => one.endsWith('/.default'));
    const asked = scope === undefined ? text(form.resource) : scope.slice(0, -'/.default'.length);
    const found = this.#parts.audiences.find((audience) => audience === asked);
    if (found !== undefined) return found;
    const legal = this.#parts.audiences.map((one) => `'${one}'`).join(', ');
    const why = `The scope must be one of ${legal} followed by '/.default'.`;
    return { status: 400, error: 'invalid_scope', number: 70011, why };
  }
}

interface Named {
  readonly name: string;
  readonly principalId?: string;
}

type Granted =
  | (Named & { readonly refusal: Refusal; readonly token?: undefined })
  | (Named & { readonly token: TokenAnswer; readonly refusal?: undefined });

/** Errors are told as refusals. */
function publicClient(form: Form): string | Refusal {
  const client = text(form.client_id).toLowerCase();
  if (PUBLIC_CLIENTS[client] !== undefined) return client;
  const why = `Application with identifier '${client.slice(0, 64)}' is none that people sign in with.`;
  return { status: 400, error: 'unauthorized_client', number: 700016, why };
}

const isRefused = (value: string | Refusal): value is Refusal => typeof value !== 'string';

const text = (value: unknown): string => (typeof value === 'string' ? value : '');
