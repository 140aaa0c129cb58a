import { randomUUID } from 'node:crypto';
import type { Clock } from '../../lib/clock.ts';
import type { KeyRing } from '../keyRing.ts';
import type { ServicePrincipal, User } from '../principalStore.ts';

/** What a token endpoint answers. */
export interface TokenAnswer {
  readonly token_type: 'Bearer';
  readonly expires_in: number;
  readonly ext_expires_in: number;
  readonly expires_on: string;
  readonly resource: string;
  readonly access_token: string;
  readonly scope?: string;
  readonly id_token?: string;
  readonly refresh_token?: string;
  readonly client_info?: string;
}

export interface Mint {
  forServicePrincipal(principal: ServicePrincipal, audience: string): Promise<TokenAnswer>;
  /** With an id token for the client; `client` is its application id. */
  forUser(user: User, client: string, audience: string): Promise<TokenAnswer & { readonly id_token: string }>;
}

const LIFETIME_SECONDS = 3600;
const DELEGATED_SCOPE = 'user_impersonation';

/** Makes and signs tokens. Access tokens are of type 'at+jwt', so that an id token never passes for one. */
export function tokenMint(options: {
  readonly issuer: string;
  readonly tenantId: string;
  readonly keys: KeyRing;
  readonly clock: Clock;
}): Mint {
  const { issuer, tenantId, keys, clock } = options;
  const basic = (audience: string, who: { readonly objectId: string }) => {
    const now = Math.floor(clock.now() / 1000);
    const times = { iat: now, nbf: now, exp: now + LIFETIME_SECONDS };
    return { iss: issuer, aud: audience, sub: who.objectId, oid: who.objectId, tid: tenantId, ver: '1.0', ...times };
  };
  const answer = async (claims: ReturnType<typeof basic> & Record<string, unknown>): Promise<TokenAnswer> => ({
    token_type: 'Bearer',
    expires_in: LIFETIME_SECONDS,
    ext_expires_in: LIFETIME_SECONDS,
    expires_on: String(claims.exp),
    resource: claims.aud,
    access_token: await keys.sign({ ...claims, jti: randomUUID() }, 'at+jwt'),
  });
  return {
    forServicePrincipal: (principal, audience) =>
      answer({
        ...basic(audience, principal),
        appid: principal.appId,
        app_displayname: principal.displayName,
        idtyp: 'app',
      }),
    forUser: async (user, client, audience) => {
      const names = { name: user.displayName, upn: user.userPrincipalName, unique_name: user.userPrincipalName };
      const access = { ...basic(audience, user), ...names, appid: client, idtyp: 'user', scp: DELEGATED_SCOPE };
      const id = { ...basic(client, user), ...names, preferred_username: user.userPrincipalName };
      return {
        ...(await answer(access)),
        scope: `${audience.replace(/\/$/, '')}/${DELEGATED_SCOPE}`,
        id_token: await keys.sign(id, 'JWT'),
      };
    },
  };
}
