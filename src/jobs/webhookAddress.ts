import { lookup } from 'node:dns';
import { BlockList, isIP, type LookupFunction } from 'node:net';
import { CodedError } from '../lib/error.ts';

/** What no notification goes to unless the operator names it: metadata services, link-local, multicast, nowhere. */
const REFUSED = new BlockList();
for (const [net, bits] of [
  ['0.0.0.0', 8],
  ['169.254.0.0', 16],
  ['224.0.0.0', 3],
] as const)
  REFUSED.addSubnet(net, bits, 'ipv4');
for (const [net, bits] of [
  ['::', 128],
  // the old ways to write or reach an IPv4 address
  ['::a9fe:0', 112],
  ['2002::', 16],
  ['64:ff9b::', 96],
  ['fe80::', 10],
  ['ff00::', 8],
] as const)
  REFUSED.addSubnet(net, bits, 'ipv6');
for (const address of ['100.100.100.200', '168.63.129.16', '192.0.0.192']) REFUSED.addAddress(address, 'ipv4');
REFUSED.addAddress('fd00:ec2::254', 'ipv6');

const LOOPBACK = new BlockList();
LOOPBACK.addSubnet('127.0.0.0', 8, 'ipv4');
LOOPBACK.addAddress('::1', 'ipv6');

/**
 * The URL of a webhook, if something may be sent there: https, or http to this machine alone; never to an address of
 * metadata or link-local use, unless `allowed` names its host or address. Names are judged by the address they have
 * when the connection is made (`guardedLookup`). Errors: InvalidParameter.
 */
export function webhookUrl(text: string, allowed: readonly string[]): URL {
  const url = parse(text);
  const host = hostOf(url);
  const isLocal = host === 'localhost' || (isIP(host) !== 0 && isIn(LOOPBACK, host));
  if (url.protocol !== 'https:' && !(url.protocol === 'http:' && isLocal))
    throw refused(text, 'must begin with https://; http:// is legal to this machine alone');
  if (isIP(host) !== 0 && !allowed.includes(host)) refuseAddress(host);
  return url;
}

/** A DNS lookup that gives no refused address: what was checked is what is connected to. */
export const guardedLookup =
  (host: string, allowed: readonly string[]): LookupFunction =>
  (name, options, done) =>
    lookup(name, { ...options, all: true }, (error, addresses) => {
      if (error) return done(error, '');
      const bad = allowed.includes(host)
        ? undefined
        : addresses.find(({ address }) => isIn(REFUSED, address) && !allowed.includes(address));
      if (bad) return done(refusedAddress(bad.address), '');
      const [first] = addresses;
      return options.all ? done(null, addresses) : done(null, first?.address ?? '', first?.family);
    });

const hostOf = (url: URL): string => url.hostname.replace(/^\[|\]$/g, '').toLowerCase();

const isIn = (list: BlockList, address: string): boolean => list.check(address, isIP(address) === 6 ? 'ipv6' : 'ipv4');

const refuseAddress = (address: string): void => {
  if (isIn(REFUSED, address)) throw refusedAddress(address);
};

function parse(text: string): URL {
  const url = URL.parse(text);
  if (url) return url;
  throw refused(text, 'is no URL');
}

const refused = (text: string, why: string): CodedError =>
  new CodedError('InvalidParameter', `serviceUri '${text.slice(0, 64)}' ${why}.`, { target: 'serviceUri' });

const refusedAddress = (address: string): CodedError =>
  new CodedError('InvalidParameter', `serviceUri leads to ${address}, an address no notification is sent to.`, {
    target: 'serviceUri',
    recommendations: ['Name its host in STRONGROOM_WEBHOOK_ALLOW, if it is meant.'],
  });
