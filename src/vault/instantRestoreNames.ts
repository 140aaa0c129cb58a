import type { JsonObject } from './json.ts';
import type { PolicyFields } from './policyFields.ts';

const TARGET = 'instantRPDetails';
/** Of a resource group's name, with room for the number between prefix and suffix. */
const MOST_CHARACTERS = 84;
const PREFIX = /^[-\p{L}\p{N}_().]+$/u;
/** A resource group's name does not end with a dot. */
const SUFFIX = /^[-\p{L}\p{N}_().]*[-\p{L}\p{N}_()]$/u;

/**
 * `instantRPDetails`: what the resource group of the snapshots is called, `{prefix}{n}{suffix}`. `{}` when nothing was
 * asked for, as Azure shows it.
 */
export const instantRestoreNames = (fields: PolicyFields, value: unknown): JsonObject => {
  const wire = fields.optionalObject(value, TARGET) ?? {};
  const prefix = part(fields, wire.azureBackupRGNamePrefix, 'azureBackupRGNamePrefix', PREFIX);
  const suffix = part(fields, wire.azureBackupRGNameSuffix, 'azureBackupRGNameSuffix', SUFFIX);
  if (suffix !== undefined && prefix === undefined && !isGiven(wire.azureBackupRGNamePrefix)) {
    fields.fault(
      `${TARGET}.azureBackupRGNamePrefix`,
      `is missing; it is required with azureBackupRGNameSuffix '${suffix}'.`,
    );
  }
  if ((prefix ?? '').length + (suffix ?? '').length > MOST_CHARACTERS) {
    fields.fault(
      TARGET,
      `has ${(prefix ?? '').length + (suffix ?? '').length} characters; prefix and suffix must have at most ${MOST_CHARACTERS} together.`,
    );
  }
  return {
    ...(prefix !== undefined && { azureBackupRGNamePrefix: prefix }),
    ...(suffix !== undefined && { azureBackupRGNameSuffix: suffix }),
  };
};

const part = (fields: PolicyFields, value: unknown, name: string, legal: RegExp): string | undefined => {
  if (!isGiven(value)) return undefined;
  if (typeof value === 'string' && legal.test(value)) return value;
  const sent = JSON.stringify(value).slice(0, 60);
  return fields.fault(
    `${TARGET}.${name}`,
    `is ${sent}; it must be letters, digits, '-', '_', '(', ')' and '.', the last one of a group's name no dot.`,
  );
};

const isGiven = (value: unknown): boolean => value !== undefined && value !== null && value !== '';
