import { CodedError } from '../../lib/error.ts';

/** What client and daemon say to each other: HTTP/1.1 over a unix socket; docs/immutability.md, "The daemon's calls". */
export const MAX_OBJECT_BYTES = 64 * 1024 * 1024;
/** `<offset>+<length>`, bytes. */
export const RANGE_HEADER = 'strongroom-range';
export const LANDING_HEADER = 'strongroom-landing-days';

export type DaemonCall = 'about' | 'objects' | 'list' | 'locks';

export interface DaemonAddress {
  readonly call: DaemonCall;
  readonly store: string;
  /** An object's name, or the prefix of a list. */
  readonly name: string;
}

/** A line of a list; the last one tells that nothing was cut off. */
export type ListLine = { readonly name: string; readonly sizeBytes: number } | { readonly end: true };

export interface DaemonError {
  readonly code: string;
  readonly message: string;
  readonly target?: string;
  readonly recommendations: readonly string[];
}

const STORE = /^[A-Za-z0-9_-]{1,64}$/;
const ADDRESS = /^\/(about|objects|list|locks)(?:\/([^/?#]*)\/([A-Za-z0-9._/-]*))?$/;

/** Errors: InvalidParameter. */
export const assertStoreName = (store: string): void => {
  if (STORE.test(store)) return;
  throw new CodedError('InvalidParameter', `The store '${store}' must be 1 to 64 of [A-Za-z0-9_-].`, {
    target: 'store',
  });
};

export const encodeAddress = ({ call, store, name }: DaemonAddress): string => `/${call}/${store}/${name}`;

/** Taken as it stands: nothing is decoded or made shorter. Errors: InvalidParameter. */
export const decodeAddress = (url: string): DaemonAddress => {
  const [, call, store = '', name = ''] = ADDRESS.exec(url) ?? [];
  if (call === undefined || url.length > 1024) {
    throw new CodedError('InvalidParameter', 'The address must be /about or /objects|list|locks/<store>/<name>.');
  }
  if (call !== 'about') assertStoreName(store);
  return { call: call as DaemonCall, store, name };
};
