/** One secret of a service principal; the secret itself is nowhere. */
export interface SecretRecord {
  readonly keyId: string;
  /** Base64. */
  readonly salt: string;
  /** SHA-256 of salt and secret, base64. */
  readonly hash: string;
  /** Ms since epoch. */
  readonly createdAt: number;
  /** Ms since epoch; absent: until it is removed. */
  readonly expiresAt?: number;
}

export interface ServicePrincipal {
  /** Client id, UUID in lower case; unique. */
  readonly appId: string;
  /** What role assignments name, UUID in lower case; unique. */
  readonly objectId: string;
  readonly tenantId: string;
  readonly displayName: string;
  readonly secrets: readonly SecretRecord[];
  readonly disabled?: boolean;
}

/** The database room keeps them; MemoryPrincipalStore is for tests. */
export interface PrincipalStore {
  findByAppId(appId: string): Promise<ServicePrincipal | undefined>;
  list(): Promise<readonly ServicePrincipal[]>;
  /** Creates or replaces by appId. */
  save(principal: ServicePrincipal): Promise<void>;
}

export class MemoryPrincipalStore implements PrincipalStore {
  readonly #byAppId = new Map<string, ServicePrincipal>();

  async findByAppId(appId: string): Promise<ServicePrincipal | undefined> {
    return this.#byAppId.get(appId.toLowerCase());
  }

  async list(): Promise<readonly ServicePrincipal[]> {
    return [...this.#byAppId.values()];
  }

  async save(principal: ServicePrincipal): Promise<void> {
    this.#byAppId.set(principal.appId.toLowerCase(), principal);
  }
}
