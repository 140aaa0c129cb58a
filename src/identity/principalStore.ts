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

/** A certificate whose private key signs client assertions. */
export interface CertificateRecord {
  readonly keyId: string;
  readonly pem: string;
  /** SHA-1 and SHA-256 of the DER, hex in lower case. */
  readonly sha1: string;
  readonly sha256: string;
  readonly subject: string;
  /** Ms since epoch. */
  readonly expiresAt: number;
}

/** A password as scrypt keeps it; base64. */
export interface PasswordRecord {
  readonly salt: string;
  readonly hash: string;
  /** log2 of scrypt's cost. */
  readonly costLog2: number;
}

interface Account {
  /** What role assignments name, UUID in lower case; unique. */
  readonly objectId: string;
  readonly tenantId: string;
  readonly displayName: string;
  readonly disabled?: boolean;
  /** Ms since epoch: tokens issued before are no longer taken. */
  readonly validFrom?: number;
}

export interface ServicePrincipal extends Account {
  /** Client id, UUID in lower case; unique. */
  readonly appId: string;
  readonly secrets: readonly SecretRecord[];
  readonly certificates?: readonly CertificateRecord[];
}

export interface User extends Account {
  /** 'alice@example.org', lower case; unique. */
  readonly userPrincipalName: string;
  readonly password: PasswordRecord;
}

export const isUser = (principal: ServicePrincipal | User): principal is User => 'userPrincipalName' in principal;

/** Who may sign in; databasePrincipals keeps them. */
export interface PrincipalStore {
  findByAppId(appId: string): Promise<ServicePrincipal | undefined>;
  findUser(userPrincipalName: string): Promise<User | undefined>;
  findById(objectId: string): Promise<ServicePrincipal | User | undefined>;
  /** The service principals. */
  list(): Promise<readonly ServicePrincipal[]>;
  /** Creates or replaces, by object id. */
  save(principal: ServicePrincipal | User): Promise<void>;
}
