import { CodedError } from '../lib/error.ts';

/** Dates, both inclusive: '2016-06-01'. A `-preview` of a date counts as that date. */
export interface ApiVersionRange {
  readonly from: string;
  readonly to: string;
}

const SHAPE = /^(\d{4}-\d{2}-\d{2})(-[a-z]+)?$/i;

/**
 * The api-version of a request as the caller spelled it.
 * Errors: MissingApiVersionParameter, InvalidApiVersionParameter, NoRegisteredProviderFound.
 */
export function checkApiVersion(given: string | undefined, range: ApiVersionRange, type: string): string {
  const legal = `from '${range.from}' to '${range.to}'`;
  if (given === undefined || given === '') {
    throw new CodedError(
      'MissingApiVersionParameter',
      `The api-version query parameter (?api-version=) is required for all requests. '${type}' supports ${legal}.`,
      { target: 'api-version' },
    );
  }
  const date = SHAPE.exec(given)?.[1];
  if (date === undefined || !isDate(date)) {
    throw new CodedError(
      'InvalidApiVersionParameter',
      `The api-version '${given.slice(0, 64)}' is invalid: it must be a date like '2023-06-01', ${legal} for '${type}'.`,
      { target: 'api-version' },
    );
  }
  if (date < range.from || date > range.to) {
    throw new CodedError(
      'NoRegisteredProviderFound',
      `No registered resource provider found for API version '${given}' for type '${type}'. The supported api-versions are ${legal}.`,
      { target: 'api-version' },
    );
  }
  return given;
}

/** By date alone: '2022-09-01-preview' is not before '2022-09-01'. */
export const isBefore = (apiVersion: string, date: string): boolean => apiVersion.slice(0, 10) < date;

function isDate(text: string): boolean {
  const ms = Date.parse(`${text}T00:00:00Z`);
  return !Number.isNaN(ms) && new Date(ms).toISOString().startsWith(text);
}
