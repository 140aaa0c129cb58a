import type { Principal } from './principal.ts';
import type { RoleDefinition } from './roleDefinition.ts';

/** What the providers of roles and principals ask of whoever keeps them. */
export interface Access {
  readonly builtInRoles: readonly RoleDefinition[];
  /** The roles that count for a principal at `scope`. */
  rolesAt(principal: Principal, scope: string): Promise<readonly RoleDefinition[]>;
  readonly directory: Directory;
}

/** A principal as it is shown: no secret, no hash. */
export interface PrincipalView {
  readonly objectId: string;
  readonly kind: 'ServicePrincipal' | 'User';
  readonly displayName: string;
  /** Of a service principal. */
  readonly appId?: string;
  /** Of a user. */
  readonly userPrincipalName?: string;
  readonly isEnabled: boolean;
  /** Ms since epoch. */
  readonly createdAt: number;
  readonly secrets: readonly { readonly keyId: string; readonly createdAt: number; readonly expiresAt?: number }[];
  readonly certificates: readonly CertificateView[];
}

export interface CertificateView {
  readonly keyId: string;
  /** SHA-1, hex in upper case, as clients show it. */
  readonly thumbprint: string;
  readonly subject: string;
  readonly expiresAt: number;
}

export type NewPrincipalRequest =
  | { readonly kind: 'ServicePrincipal'; readonly displayName: string; readonly appId?: string }
  | {
      readonly kind: 'User';
      readonly displayName: string;
      readonly userPrincipalName: string;
      readonly password: string;
    };

/** Who may sign in. An unknown id: ResourceNotFound. */
export interface Directory {
  /** In the order of their object ids, after `afterId`. */
  list(limit: number, afterId?: string): Promise<readonly PrincipalView[]>;
  find(objectId: string): Promise<PrincipalView | undefined>;
  /** By application id or user principal name. */
  findByName(name: string): Promise<PrincipalView | undefined>;
  /** `secret` of a service principal, which nobody can ask for again. Errors: Conflict (the name is taken), InvalidParameter. */
  create(
    objectId: string,
    request: NewPrincipalRequest,
  ): Promise<{ readonly principal: PrincipalView; readonly secret?: string }>;
  /** A principal that is disabled is signed out everywhere at once. Errors: Conflict (the last owner). */
  change(
    objectId: string,
    change: { readonly displayName?: string; readonly isEnabled?: boolean },
  ): Promise<PrincipalView>;
  /** Unless `keepOthers`, the older secrets end. Errors: InvalidParameter (a user has none). */
  resetSecret(
    objectId: string,
    options: { readonly keepOthers?: boolean; readonly expiresAt?: number },
  ): Promise<{ readonly keyId: string; readonly secret: string }>;
  /** Signs the user out everywhere. Errors: InvalidParameter. */
  setPassword(objectId: string, password: string): Promise<void>;
  /** `pem`: an X.509 certificate with an RSA key. Errors: InvalidParameter. */
  addCertificate(objectId: string, pem: string): Promise<CertificateView>;
  /** A secret or a certificate. Whether there was one. */
  removeCredential(objectId: string, keyId: string): Promise<boolean>;
  /** With its role assignments and sign-ins. Errors: Conflict (the last owner). */
  remove(objectId: string): Promise<void>;
}
