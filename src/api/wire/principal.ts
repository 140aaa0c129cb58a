/** Strongroom.Identity/principals. */
export interface PrincipalResource {
  readonly id: string;
  /** The object id. */
  readonly name: string;
  readonly type: string;
  readonly properties: {
    readonly objectId: string;
    readonly kind: 'ServicePrincipal' | 'User';
    readonly displayName: string;
    readonly appId?: string;
    readonly userPrincipalName?: string;
    readonly isEnabled: boolean;
    readonly createdOn: string;
    readonly secrets: readonly {
      readonly keyId: string;
      readonly createdOn: string;
      readonly expiresOn: string | null;
    }[];
    readonly certificates: readonly {
      readonly keyId: string;
      /** SHA-1, hex in upper case. */
      readonly thumbprint: string;
      readonly subject: string;
      readonly expiresOn: string;
    }[];
    /** Only in the answer that creates it. */
    readonly secretText?: string;
  };
}
