import 'reflect-metadata';
import { randomBytes } from 'node:crypto';
import { join } from 'node:path';
import * as x509 from '@peculiar/x509';
import { type Clock, DAY_MS } from '../lib/clock.ts';
import { readIfThere, writePrivateFile } from './privateFile.ts';

export interface ServerIdentity {
  /** PEM of the authority: what a client must trust, REQUESTS_CA_BUNDLE or NODE_EXTRA_CA_CERTS. */
  readonly caPem: string;
  readonly caPath: string;
  /** PEM, for the TLS server; `cert` is leaf and authority. */
  readonly tls: { readonly key: string; readonly cert: string };
  readonly expiresAt: number;
}

export interface DevCaOptions {
  readonly folder: string;
  readonly clock: Clock;
  /** Besides localhost, *.blob.localhost, 127.0.0.1 and ::1. */
  readonly extraNames?: readonly string[];
}

interface Signer {
  readonly certificate: x509.X509Certificate;
  readonly key: CryptoKey;
}

const CA_DAYS = 3650;
const LEAF_DAYS = 397;
const RENEW_BEFORE_DAYS = 30;
const ALGORITHM = { name: 'ECDSA', namedCurve: 'P-256', hash: 'SHA-256' } as const;
const IP = /^(\d{1,3}(\.\d{1,3}){3}|[0-9a-f:]*:[0-9a-f:]*)$/i;

/**
 * A development authority and a server certificate under it, made once and kept in `folder`: ca.pem, ca-key.pem,
 * server.pem, server-key.pem. The certificate is renewed near its end or when its names change; the authority
 * stays, so that clients that trust it go on to do so.
 */
export async function openDevCa(options: DevCaOptions): Promise<ServerIdentity> {
  x509.cryptoProvider.set(crypto);
  const { folder, clock } = options;
  const names = ['localhost', '*.blob.localhost', '127.0.0.1', '::1', ...(options.extraNames ?? [])];
  const ca = (await loadSigner(folder, 'ca', clock)) ?? (await makeCa(folder, clock));
  const leaf = await loadSigner(folder, 'server', clock);
  const fits = leaf !== undefined && (await isOf(leaf.certificate, ca.certificate, names));
  const certificate = fits ? leaf.certificate : await makeLeaf(folder, clock, ca, names);
  const key = (await readIfThere(join(folder, 'server-key.pem'))) ?? '';
  const caPem = `${ca.certificate.toString('pem')}\n`;
  return {
    caPem,
    caPath: join(folder, 'ca.pem'),
    tls: { key, cert: `${certificate.toString('pem')}\n${caPem}` },
    expiresAt: certificate.notAfter.getTime(),
  };
}

/** Undefined when it is not there or near its end. */
async function loadSigner(folder: string, name: string, clock: Clock): Promise<Signer | undefined> {
  const [pem, keyPem] = await Promise.all([
    readIfThere(join(folder, `${name}.pem`)),
    readIfThere(join(folder, `${name}-key.pem`)),
  ]);
  if (pem === undefined || keyPem === undefined) return undefined;
  const certificate = new x509.X509Certificate(pem);
  if (certificate.notAfter.getTime() - clock.now() < RENEW_BEFORE_DAYS * DAY_MS) return undefined;
  const der = x509.PemConverter.decodeFirst(keyPem);
  return { certificate, key: await crypto.subtle.importKey('pkcs8', der, ALGORITHM, false, ['sign']) };
}

async function isOf(leaf: x509.X509Certificate, ca: x509.X509Certificate, names: readonly string[]): Promise<boolean> {
  const held = leaf.getExtension(x509.SubjectAlternativeNameExtension)?.names.toJSON() ?? [];
  const same = held.length === names.length && held.every((name) => names.map(spelled).includes(spelled(name.value)));
  return same && (await leaf.verify({ publicKey: ca.publicKey, signatureOnly: true }));
}

async function makeCa(folder: string, clock: Clock): Promise<Signer> {
  const keys = await crypto.subtle.generateKey(ALGORITHM, true, ['sign', 'verify']);
  const certificate = await x509.X509CertificateGenerator.createSelfSigned({
    serialNumber: serialNumber(),
    name: `CN=Strongroom development authority ${randomBytes(3).toString('hex')}`,
    ...validity(clock, CA_DAYS),
    signingAlgorithm: ALGORITHM,
    keys,
    extensions: [
      new x509.BasicConstraintsExtension(true, 0, true),
      new x509.KeyUsagesExtension(x509.KeyUsageFlags.keyCertSign | x509.KeyUsageFlags.cRLSign, true),
      await x509.SubjectKeyIdentifierExtension.create(keys.publicKey),
    ],
  });
  await save(folder, 'ca', certificate, keys.privateKey);
  return { certificate, key: keys.privateKey };
}

async function makeLeaf(
  folder: string,
  clock: Clock,
  ca: Signer,
  names: readonly string[],
): Promise<x509.X509Certificate> {
  const keys = await crypto.subtle.generateKey(ALGORITHM, true, ['sign', 'verify']);
  const certificate = await x509.X509CertificateGenerator.create({
    serialNumber: serialNumber(),
    subject: 'CN=localhost',
    issuer: ca.certificate.subject,
    ...validity(clock, LEAF_DAYS),
    signingAlgorithm: ALGORITHM,
    publicKey: keys.publicKey,
    signingKey: ca.key,
    extensions: [
      new x509.BasicConstraintsExtension(false, undefined, true),
      new x509.KeyUsagesExtension(x509.KeyUsageFlags.digitalSignature, true),
      new x509.ExtendedKeyUsageExtension([x509.ExtendedKeyUsage.serverAuth]),
      new x509.SubjectAlternativeNameExtension(
        names.map((value) => ({ type: IP.test(value) ? ('ip' as const) : ('dns' as const), value })),
      ),
      await x509.AuthorityKeyIdentifierExtension.create(ca.certificate.publicKey),
      await x509.SubjectKeyIdentifierExtension.create(keys.publicKey),
    ],
  });
  await save(folder, 'server', certificate, keys.privateKey);
  return certificate;
}

/** The key goes first: a certificate without its key would be taken for a whole pair. */
async function save(folder: string, name: string, certificate: x509.X509Certificate, key: CryptoKey): Promise<void> {
  const der = await crypto.subtle.exportKey('pkcs8', key);
  await writePrivateFile(join(folder, `${name}-key.pem`), `${x509.PemConverter.encode(der, 'PRIVATE KEY')}\n`);
  await writePrivateFile(join(folder, `${name}.pem`), `${certificate.toString('pem')}\n`, 0o644);
}

/** An hour back, for clients whose clocks are a little behind. */
const validity = (clock: Clock, days: number): { notBefore: Date; notAfter: Date } => ({
  notBefore: new Date(clock.now() - 3_600_000),
  notAfter: new Date(clock.now() + days * DAY_MS),
});

/** RFC 5280: positive, at most 20 bytes. */
const serialNumber = (): string => `4${randomBytes(15).toString('hex').slice(1)}00`;

/** The library writes IPv6 addresses out: ::1 is 0000:…:0001 there. */
const spelled = (name: string): string => (name.includes(':') ? new URL(`http://[${name}]`).hostname : name);
