import type { Clock } from '../../lib/clock.ts';
import type { Logger } from '../../lib/log.ts';
import { Lockout } from '../lockout.ts';
import { isPassword } from '../passwords.ts';
import type { PrincipalStore, ServicePrincipal, User } from '../principalStore.ts';
import { holdsSecret } from '../servicePrincipals.ts';
import { ASSERTION_TYPE, type Assertions } from './assertion.ts';
import { invalidGrant, type Refusal } from './refusal.ts';

export interface Credentials {
  readonly secret?: string;
  readonly assertionType?: string;
  readonly assertion?: string;
}

const FREE_FAILURES_A_NAME = 5;
const FREE_FAILURES_AN_ADDRESS = 50;

/** Proves who somebody is, and slows guessing down. */
export class SignIn {
  readonly #store: PrincipalStore;
  readonly #assertions: Assertions;
  readonly #clock: Clock;
  readonly #log: Logger;
  readonly #byName: Lockout;
  readonly #byAddress: Lockout;

  constructor(parts: { store: PrincipalStore; assertions: Assertions; clock: Clock; log: Logger }) {
    this.#store = parts.store;
    this.#assertions = parts.assertions;
    this.#clock = parts.clock;
    this.#log = parts.log;
    this.#byName = new Lockout(parts.clock, FREE_FAILURES_A_NAME);
    this.#byAddress = new Lockout(parts.clock, FREE_FAILURES_AN_ADDRESS);
  }

  async client(appId: string, credentials: Credentials, address: string): Promise<Refusal | ServicePrincipal> {
    const locked = this.locked(appId, address);
    if (locked) return locked;
    const principal = await this.#store.findByAppId(appId.toLowerCase());
    const usable = principal !== undefined && principal.disabled !== true;
    if (usable && (await this.#proves(principal, credentials))) {
      this.#succeed(appId, address);
      return principal;
    }
    this.fail(appId, address);
    const shown = appId.slice(0, 64);
    if (!usable) {
      const why = `Application with identifier '${shown}' was not found in the directory.`;
      return { status: 400, error: 'unauthorized_client', number: 700016, why };
    }
    if (credentials.assertion !== undefined) {
      const why = `The client assertion of app '${shown}' is not signed by one of its certificates, not meant for this server, has expired or was used before.`;
      return { status: 401, error: 'invalid_client', number: 700027, why };
    }
    const why = `Invalid client secret provided for app '${shown}'.`;
    return { status: 401, error: 'invalid_client', number: 7000215, why };
  }

  async user(name: string, password: string, address: string): Promise<Refusal | User> {
    const locked = this.locked(name, address);
    if (locked) return locked;
    const user = await this.#store.findUser(name.toLowerCase());
    const isRight = await isPassword(user?.password, password);
    // looked at again: others may have guessed while the hash was made
    const lockedMeanwhile = this.locked(name, address);
    if (lockedMeanwhile) return lockedMeanwhile;
    if (user !== undefined && isRight && user.disabled !== true) {
      this.#succeed(name, address);
      return user;
    }
    this.fail(name, address);
    return invalidGrant(50126, 'Error validating credentials due to invalid username or password.');
  }

  /** Guesses are counted for each name and address together, so that nobody can lock others out from afar. */
  locked(name: string, address: string): Refusal | undefined {
    const retryAfterMs = Math.max(this.#byName.remainingMs(key(name, address)), this.#byAddress.remainingMs(address));
    if (retryAfterMs === 0) return undefined;
    const why = 'The sign-in is blocked for a while after too many wrong secrets.';
    return { status: 429, error: 'temporarily_unavailable', number: 50053, why, retryAfterMs };
  }

  fail(name: string, address: string): void {
    this.#byName.fail(key(name, address));
    this.#byAddress.fail(address);
    this.#log.warn({ name: name.slice(0, 64), address }, 'a sign-in failed');
  }

  #succeed(name: string, address: string): void {
    this.#byName.succeed(key(name, address));
  }

  async #proves(principal: ServicePrincipal, { secret, assertionType, assertion }: Credentials): Promise<boolean> {
    if (assertion === undefined) return holdsSecret(principal, secret ?? '', this.#clock.now());
    return assertionType === ASSERTION_TYPE && (await this.#assertions.isGood(assertion, principal));
  }
}

const key = (name: string, address: string): string => `${name.slice(0, 256).toLowerCase()} ${address}`;
