import type { ClientFile } from './clientFile.ts';

/** The lines to point `az`, an SDK and the command line at this server. The secret stays in its file. */
export const howToConnect = (client: ClientFile, clientFile: string): string => `
The command line, in az's grammar:
  export STRONGROOM_CLIENT=${clientFile}
  scripts/strongroom vault list -o table

The Azure CLI:
  export REQUESTS_CA_BUNDLE=${client.caFile} AZURE_CONFIG_DIR=$HOME/.azure-strongroom
  az cloud register -n Strongroom --endpoint-resource-manager ${client.endpoint} && az cloud set -n Strongroom
  az login --service-principal --tenant ${client.tenantId} -u ${client.clientId} \\
    -p "$(sed -n 's/.*"clientSecret": "\\(.*\\)".*/\\1/p' ${clientFile})"
  az backup vault list -o table

An Azure SDK (NODE_EXTRA_CA_CERTS=${client.caFile}):
  new ClientSecretCredential(tenantId, clientId, clientSecret,
    { authorityHost: '${client.endpoint}', disableInstanceDiscovery: true })
  new RecoveryServicesBackupClient(credential, '${client.subscriptionId}', { endpoint: '${client.endpoint}' })

Ctrl-C stops.
`;
