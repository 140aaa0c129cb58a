import 'reflect-metadata';
import { createServer } from 'node:net';
import { ComputeManagementClient } from '@azure/arm-compute';
import { RecoveryServicesClient } from '@azure/arm-recoveryservices';
import { RecoveryServicesBackupClient } from '@azure/arm-recoveryservicesbackup';
import { ResourceManagementClient } from '@azure/arm-resources';
import { BasicConstraintsExtension, SubjectAlternativeNameExtension, X509CertificateGenerator } from '@peculiar/x509';
import { SUBSCRIPTION, type TestServer, testServer } from '../../src/api/testing/testServer.ts';

export interface Clients extends AsyncDisposable {
  readonly server: TestServer;
  readonly vaults: RecoveryServicesClient;
  readonly backup: RecoveryServicesBackupClient;
  readonly compute: ComputeManagementClient;
  readonly resources: ResourceManagementClient;
}

/** The official clients against the server over TLS on a port of its own. */
export async function listening(): Promise<Clients> {
  const { key, cert } = await selfSigned();
  const port = await freePort();
  const endpoint = `https://localhost:${port}`;
  const server = await testServer({ key, cert }, endpoint);
  await server.app.listen({ port, host: '127.0.0.1' });
  const credential = { getToken: async () => ({ token: 'any', expiresOnTimestamp: Date.now() + 3_600_000 }) };
  const options = { endpoint, tlsOptions: { ca: cert }, retryOptions: { maxRetries: 0 } };
  return {
    server,
    vaults: new RecoveryServicesClient(credential, SUBSCRIPTION, options),
    backup: new RecoveryServicesBackupClient(credential, SUBSCRIPTION, options),
    compute: new ComputeManagementClient(credential, SUBSCRIPTION, options),
    resources: new ResourceManagementClient(credential, SUBSCRIPTION, options),
    [Symbol.asyncDispose]: () => server[Symbol.asyncDispose](),
  };
}

async function freePort(): Promise<number> {
  const { promise, resolve } = Promise.withResolvers<number>();
  const server = createServer().listen(0, '127.0.0.1', () => {
    const address = server.address();
    server.close(() => resolve(typeof address === 'object' && address ? address.port : 0));
  });
  return promise;
}

async function selfSigned(): Promise<{ key: string; cert: string }> {
  const algorithm = { name: 'ECDSA', namedCurve: 'P-256', hash: 'SHA-256' };
  const keys = await crypto.subtle.generateKey(algorithm, true, ['sign', 'verify']);
  const cert = await X509CertificateGenerator.createSelfSigned({
    name: 'CN=localhost',
    keys,
    signingAlgorithm: algorithm,
    notBefore: new Date(Date.now() - 60_000),
    notAfter: new Date(Date.now() + 3_600_000),
    extensions: [
      new BasicConstraintsExtension(true, undefined, true),
      new SubjectAlternativeNameExtension([{ type: 'dns', value: 'localhost' }]),
    ],
  });
  const pkcs8 = Buffer.from(await crypto.subtle.exportKey('pkcs8', keys.privateKey)).toString('base64');
  return { key: `-----BEGIN PRIVATE KEY-----\n${pkcs8}\n-----END PRIVATE KEY-----\n`, cert: cert.toString('pem') };
}
