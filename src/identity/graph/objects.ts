import type { PrincipalView } from '../../arm/access.ts';
import { isoTime } from '../../lib/clock.ts';

/** A service principal or user as Microsoft Graph shows it. */
export const toObject = (one: PrincipalView): Record<string, unknown> =>
  one.kind === 'User'
    ? {
        '@odata.type': '#microsoft.graph.user',
        id: one.objectId,
        displayName: one.displayName,
        userPrincipalName: one.userPrincipalName,
        accountEnabled: one.isEnabled,
        mail: null,
      }
    : {
        '@odata.type': '#microsoft.graph.servicePrincipal',
        ...toApplication(one),
        accountEnabled: one.isEnabled,
        appDisplayName: one.displayName,
        servicePrincipalNames: [one.appId],
        servicePrincipalType: 'Application',
      };

/** Here an application and its service principal are one: the same object id. */
export const toApplication = (one: PrincipalView): Record<string, unknown> => ({
  id: one.objectId,
  appId: one.appId,
  displayName: one.displayName,
  createdDateTime: isoTime(one.createdAt),
  identifierUris: [],
  signInAudience: 'AzureADMyOrg',
  passwordCredentials: one.secrets.map(({ keyId, createdAt, expiresAt }) => ({
    keyId,
    startDateTime: isoTime(createdAt),
    endDateTime: expiresAt === undefined ? null : isoTime(expiresAt),
  })),
  keyCredentials: one.certificates.map(({ keyId, thumbprint, expiresAt }) => ({
    keyId,
    type: 'AsymmetricX509Cert',
    usage: 'Verify',
    customKeyIdentifier: thumbprint,
    endDateTime: isoTime(expiresAt),
  })),
});
