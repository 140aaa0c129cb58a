import { CodedError } from '../../lib/error.ts';

/** An IPv4 range: its first address as a number, and how many there are. */
export interface Ipv4Range {
  readonly first: number;
  readonly size: number;
}

/** The first of a subnet that a machine may have; those before are the network's own, as in Azure. */
const FIRST_HOST = 4;

/** Errors: InvalidRequestFormat naming `target`. */
export function requireIpv4Prefix(text: string, target: string): Ipv4Range {
  const [, address = '', bits = ''] = /^([0-9.]+)\/(\d{1,2})$/.exec(text) ?? [];
  const first = addressNumber(address);
  const length = Number(bits);
  if (first !== undefined && bits !== '' && length >= 1 && length <= 29) {
    const size = 2 ** (32 - length);
    if (first % size === 0) return { first, size };
  }
  throw new CodedError(
    'InvalidRequestFormat',
    `${target} holds '${text.slice(0, 64)}': an IPv4 range such as 10.0.0.0/16 is needed, of /1 to /29, beginning at its first address.`,
    { target },
  );
}

/** The first address of the range that is not taken; undefined: it is full. */
export function freeAddress({ first, size }: Ipv4Range, taken: ReadonlySet<string>): string | undefined {
  for (let at = FIRST_HOST; at < size - 1; at++) {
    const address = addressText(first + at);
    if (!taken.has(address)) return address;
  }
  return undefined;
}

export const contains = ({ first, size }: Ipv4Range, address: string): boolean => {
  const number = addressNumber(address);
  return number !== undefined && number >= first + FIRST_HOST && number < first + size - 1;
};

function addressNumber(text: string): number | undefined {
  const parts = text.split('.');
  if (parts.length !== 4 || parts.some((part) => !/^(0|[1-9]\d{0,2})$/.test(part) || Number(part) > 255))
    return undefined;
  return parts.reduce((number, part) => number * 256 + Number(part), 0);
}

const addressText = (number: number): string =>
  [24, 16, 8, 0].map((shift) => Math.floor(number / 2 ** shift) % 256).join('.');
